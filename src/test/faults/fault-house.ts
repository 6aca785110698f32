/** A CA over a real store, whose ports fail on demand; and the restart after it. */
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import type { Core } from '../../../ca/core.ts'
import { publishCrl } from '../../../ca/crl.ts'
import { CodedError } from '../../../ca/errors.ts'
import { issueMany } from '../../../ca/issue.ts'
import { openOcspResponder } from '../../../ca/ocsp.ts'
import type { IssuanceToken, IssuedCertificate } from '../../../ca/ports.ts'
import { prepareMany } from '../../../ca/prepare.ts'
import { revoke } from '../../../ca/revoke.ts'
import { signDigest } from '../../../ca/sign-digest.ts'
import { makeRequest, SUBJECT } from '../../../ca/testing/requests.ts'
import { encodeOcspRequest } from '../../../ca/testing/ocsp-request.ts'
import { openTestCore, type TestCore } from '../../../ca/testing/test-core.ts'
import { openTimestampAuthority } from '../../../ca/timestamp.ts'
import { encodeTimeStampRequest } from '../../../ca/x509/tsp-writer.ts'
import { parseOcspResponse } from '../../../ca/x509/ocsp.ts'
import { parseTimeStampResponse } from '../../../ca/x509/tsp.ts'
import { encodeVerifierKey } from '../../audit/note.ts'
import { createLog, openSequencer, type SequencerPorts } from '../../audit/sequencer.ts'
import { createReconciler } from '../../services/reconcile.ts'
import { openStore, type Store } from '../../store/store.ts'
import { makeSigner } from '../audit-log.ts'
import { checkHouse } from '../check-house/check-house.ts'
import { type Fault, withFault } from '../memory-log-store.ts'
import { makeTempFolder } from '../temp-store.ts'

/** Which port fails, and how. */
export type PortFault = Fault & {
  readonly port: 'ca-store' | 'keys' | 'log-store' | 'checkpoint' | 'log-key'
}

/** What clients were told before the restart. */
export interface Told {
  readonly certificates: Map<string, string>
  readonly revoked: Set<string>
}

/** One house on one folder, through its lives. */
export interface FaultHouse {
  readonly told: Told
  /** The store as it is open now. */
  readonly store: () => Store
  /** Runs every kind of work twice while the fault is armed; what fails, fails. @returns how often the fault struck */
  work(fault: PortFault | undefined): Promise<{ hits: number; codes: string[] }>
  /** Closes and opens the store, closes what is open, sequences everything, and counts. @returns what does not fit */
  restart(): Promise<string[]>
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const codeOf = (error: unknown): string => (error instanceof CodedError ? error.code : String(error))

/** Opens it on a new folder with three certificates. */
export async function openFaultHouse(t: ExecutionContext): Promise<FaultHouse> {
  const folder = await makeTempFolder(t)
  const places = { database: join(folder, 'a.db'), checkpoint: join(folder, 'checkpoint') }
  const open = (): Promise<Store> =>
    openStore({
      database: { client: 'sqlite3', file: places.database },
      documentsDir: join(folder, 'documents'),
      checkpointFile: places.checkpoint,
      randomBytes,
    })
  let store = await open()
  t.teardown(() => store.close())
  const made = await openTestCore({ now: new Date() })
  const signer = makeSigner()
  const portsOf = (): SequencerPorts => ({ store: store.log, published: store.published, signer, now: () => new Date() }) // prettier-ignore
  await createLog(portsOf())
  const told: Told = { certificates: new Map(), revoked: new Set() }
  const work: FaultHouse['work'] = async (fault) => {
    let hits = 0
    const arm = <T extends object>(port: PortFault['port'], target: T): T =>
      fault?.port === port ? withFault(target, fault, () => hits++) : target
    const core: Core = {
      ...made.core,
      ports: { ...made.core.ports, store: arm('ca-store', store.ca) },
      keys: arm('keys', made.core.keys),
    }
    const ports = portsOf()
    const sequencer = {
      ...ports,
      store: arm('log-store', ports.store),
      published: arm('checkpoint', ports.published),
      signer: arm('log-key', ports.signer),
    }
    const codes = [...(await actOn(core, made, told)), ...(await sequenceTwice(sequencer))]
    return { hits, codes }
  }
  return {
    told,
    store: () => store,
    work,
    async restart() {
      await store.close()
      store = await open()
      await createReconciler({ store, now: () => new Date() }).atStart()
      const sequencer = await openSequencer(portsOf())
      while ((await sequencer.tick()).sequenced > 0);
      await sequencer.close()
      // Counted while nobody has it open: the counter's SQLite is another library, and within one process neither sees
      // the locks of the other.
      await store.close()
      const findings = await countAfter({ ...places, verifierKey: encodeVerifierKey(signer.key) }, made, told)
      store = await open()
      return [...findings, ...(await askOcsp(made, store))]
    },
  }
}

async function sequenceTwice(ports: SequencerPorts): Promise<string[]> {
  const codes: string[] = []
  const sequencer = await openSequencer(ports).catch((error: unknown) => void codes.push(codeOf(error)))
  for (let round = 0; round < 2 && sequencer; round++)
    await sequencer.tick().catch((error: unknown) => codes.push(codeOf(error)))
  await sequencer?.close()
  return codes
}

/** Every kind of work, twice each; a failed one does not keep the next from being tried. */
async function actOn(core: Core, made: TestCore, told: Told): Promise<string[]> {
  const codes: string[] = []
  const tsa = openTimestampAuthority(core)
  const note = ({ issuerId, serialHex, certDer }: IssuedCertificate): void =>
    void told.certificates.set(`${issuerId}/${serialHex}`, sha256(certDer))
  const issue = async (count: number): Promise<void> => {
    const requests = await Promise.all(Array.from({ length: count }, () => makeRequest()))
    const tokens = (await prepareMany(core, requests)).filter(
      (one) => !(one instanceof CodedError),
    ) as IssuanceToken[]
    for (const one of await issueMany(core, tokens)) {
      if (one instanceof CodedError) codes.push(one.code)
      else note(one)
    }
  }
  const revokeOne = async (): Promise<void> => {
    const key = [...told.certificates.keys()].find((one) => !told.revoked.has(one))
    if (key === undefined) return
    const [issuerId = '', serialHex = ''] = key.split('/')
    const reason = 'superseded' as const
    await revoke(core, { issuerId, serialHex, reason, legalGround: 'holder-request', actor: 'apikey:test', tenant: 't1' }) // prettier-ignore
    told.revoked.add(key)
  }
  const sign = async (): Promise<void> => {
    const signed = await signDigest(core, tsa, {
      signer: { event: { profile: 'event', subject: SUBJECT, identityEvidenceId: 'evidence-1' } },
      contentSha256: new Uint8Array(randomBytes(32)),
      format: 'cades',
      withTimestamp: true,
      actor: 'apikey:test',
      tenant: 't1',
    })
    note(signed.certificate)
  }
  const stamp = async (): Promise<void> => {
    const request = encodeTimeStampRequest({ hash: 'SHA-256', digest: new Uint8Array(32), certReq: true })
    const { failures } = parseTimeStampResponse(await tsa.respond(request))
    codes.push(...failures)
  }
  const scope = { issuerId: made.issuer.issuerId, shard: null }
  for (let round = 0; round < 2; round++)
    for (const act of [
      () => issue(1),
      () => issue(3),
      revokeOne,
      sign,
      stamp,
      () => publishCrl(core, scope),
    ]) {
      // The clock goes on, as clocks do: a CRL that is tried again has another number.
      made.setNow(new Date())
      await act().catch((error: unknown) => codes.push(codeOf(error)))
    }
  return codes
}

async function countAfter(
  files: { database: string; checkpoint: string; verifierKey: string },
  made: TestCore,
  told: Told,
): Promise<string[]> {
  const report = await checkHouse({ ...files, issuersDer: [made.root.certDer, made.issuer.certDer] })
  const findings = [...report.findings]
  for (const [key, hash] of told.certificates)
    if (report.stored.get(key) !== hash) findings.push(`${key}: a client has it, the store does not`)
  for (const key of told.revoked)
    if (report.states.get(key) !== 'revoked') findings.push(`${key}: a client revoked it`)
  return findings
}

/** OCSP is good for stored certificates that nobody revoked, and for nothing else. */
async function askOcsp(made: TestCore, store: Store): Promise<string[]> {
  const core: Core = { ...made.core, ports: { ...made.core.ports, store: store.ca } }
  const responder = openOcspResponder(core)
  const findings: string[] = []
  for await (const { serialHex, state } of streamAll(store)) {
    const answer = await responder.answer(encodeOcspRequest(made.issuer.certificate, serialHex, 'SHA-256'))
    const status = parseOcspResponse(answer.der).basic?.responses[0]?.status.kind
    if ((status === 'good') !== (state === 'valid'))
      findings.push(`${serialHex}: ${state}, OCSP says ${status}`)
  }
  return findings
}

/** Serials with a certificate and those without. */
async function* streamAll(store: Store) {
  yield* store.certificates.stream({ tenant: 'all' }, new Date())
  yield* store.certificates.stream({ tenant: 'all', state: 'intent' }, new Date())
}
