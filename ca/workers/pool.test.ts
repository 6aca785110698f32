/** Worker threads do what this thread would have done, and take nothing along when they die. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { getKeyAlgorithm } from '../algorithms/key-algorithms.ts'
import { openDraftCore, openProfiles } from '../draft-core.ts'
import { draftCertificate } from '../draft.ts'
import type { Draft, DraftInput, Signed } from '../drafts.ts'
import { CodedError } from '../errors.ts'
import { evaluationCeremony, holdCeremony, openCa } from '../index.ts'
import { openEncryptedFileKeys } from '../keys/encrypted-file.ts'
import { generatePrivateKey } from '../keys/generate.ts'
import { openService } from '../material.ts'
import type { IssuanceToken } from '../ports.ts'
import { openMemoryStore } from '../testing/memory-store.ts'
import { makeCsr, makeRequest } from '../testing/requests.ts'
import { messageDigestOf, parseSignedData } from '../x509/cms.ts'
import { parseTimeStampResponse, parseTimeStampToken } from '../x509/tsp.ts'
import { encodeTimeStampRequest } from '../x509/tsp-writer.ts'
import { openWorkers } from './pool.ts'

const policiesFolder = join(import.meta.dirname, '../../policies')
const ACTOR = { actor: 'operator:test', tenant: null }
const NOW = new Date('2026-05-04T03:02:01.500Z')
const now = (): Date => NOW

async function ceremony(t: ExecutionContext) {
  const folder = await mkdtemp(join(tmpdir(), 'ca-workers-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const store = openMemoryStore()
  const ports = { store, now, randomBytes: (count: number) => new Uint8Array(randomBytes(count)) }
  const places = {
    keysFolder: join(folder, 'keys'),
    passphrase: 'TEST ONLY passphrase',
    policiesFolder,
    scryptCost: { n: 1024, r: 8, p: 1 },
  }
  const material = await holdCeremony(
    { ...places, ceremony: await evaluationCeremony(), actor: ACTOR },
    ports,
  )
  return { store, ports, places, material }
}

async function openPool(t: ExecutionContext, count: number) {
  const { material, places } = await ceremony(t)
  const core = await openDraftCore(material, openProfiles(policiesFolder))
  const keys = await openEncryptedFileKeys({ folder: places.keysFolder, passphrase: places.passphrase, now })
  const issuer = [...core.issuers.values()].find(({ role }) => role === 'issuing')
  if (!issuer?.keyId || !keys.share) throw new Error('the ceremony made no issuing CA')
  const key = await keys.share(issuer.keyId)
  const coming = Promise.resolve(new Map([[issuer.issuerId, key]]))
  const work = await openWorkers(count, { material, policiesFolder }, coming)
  t.teardown(() => work.close())
  const inputOf = async (extra: Parameters<typeof makeRequest>[0] = {}): Promise<DraftInput> => ({
    request: await makeRequest(extra),
    issuerId: issuer.issuerId,
    heldSpkiDer: null,
    serial: Uint8Array.of(1, ...randomBytes(15)),
    at: NOW,
  })
  // The pool asks nothing of the core that it is handed.
  const signing = { ...core, keys, tsa: openService(material.tsa, core.issuers) }
  return { core, work, inputOf, signing }
}

const isDraft = (outcome: Draft | CodedError): outcome is Draft => !(outcome instanceof CodedError)
const isSigned = (outcome: Signed | CodedError): outcome is Signed => !(outcome instanceof CodedError)
const codeOf = (outcome: object | undefined): string =>
  outcome instanceof CodedError ? outcome.code : 'done'

test('workers draft and sign what this thread would have, octet for octet', async (t) => {
  const { core, work, inputOf, signing } = await openPool(t, 2)
  const inputs = await Promise.all(Array.from({ length: 150 }, () => inputOf()))
  const drafts = await work.drafts(core, inputs)
  t.true(drafts.every(isDraft))
  for (const [index, input] of inputs.entries()) t.deepEqual(drafts[index], draftCertificate(core, input))
  const signed = await work.signed(signing, drafts.filter(isDraft))
  t.true(signed.every(isSigned))
  t.is(new Set(signed.filter(isSigned).map(({ certSha256 }) => certSha256)).size, 150)
})

test('a bad request among good ones fails by name', async (t) => {
  const { core, work, inputOf } = await openPool(t, 1)
  const csrDer = await makeCsr()
  csrDer[csrDer.length - 1] = (csrDer.at(-1) ?? 0) ^ 1
  const outcomes = await work.drafts(core, [
    await inputOf(),
    await inputOf({ key: { csrDer } }),
    await inputOf({ profile: 'none' }),
    await inputOf(),
  ])
  t.deepEqual(outcomes.map(codeOf), ['done', 'CSR_PROOF_OF_POSSESSION', 'PROFILE_UNKNOWN', 'done'])
  t.truthy(outcomes[1] instanceof CodedError && outcomes[1].message)
})

test('what was not linted is not signed', async (t) => {
  const { core, work, inputOf, signing } = await openPool(t, 1)
  const [draft] = await work.drafts(core, [await inputOf()])
  if (draft === undefined || !isDraft(draft)) return t.fail()
  const tbsDer = draft.tbsDer.slice()
  tbsDer[tbsDer.length - 1] = (tbsDer.at(-1) ?? 0) ^ 1
  t.deepEqual((await work.signed(signing, [{ ...draft, tbsDer }, draft])).map(codeOf), [
    'ISSUANCE_MISMATCH',
    'done',
  ])
})

test('a worker that dies fails its jobs, and another takes its place', async (t) => {
  const { core, work, inputOf } = await openPool(t, 1)
  const sound = await inputOf()
  const broken = { ...sound, request: { ...sound.request, subject: null as never } }
  t.deepEqual((await work.drafts(core, [broken])).map(codeOf), ['KEY_UNAVAILABLE'])
  for (let tries = 0; ; tries++) {
    const [outcome] = await work.drafts(core, [await inputOf()])
    if (codeOf(outcome) === 'done') break
    if (tries === 100) return t.fail('no worker came back')
    await sleep(50)
  }
  t.pass()
})

test('more jobs than may wait are turned away as a whole, and none of them is done', async (t) => {
  const { core, work, inputOf } = await openPool(t, 1)
  const input = await inputOf()
  const accepted = work.drafts(
    core,
    Array.from({ length: 19_990 }, () => ({ ...input, issuerId: 'none' })),
  )
  await t.throwsAsync(
    work.drafts(
      core,
      Array.from({ length: 200 }, () => input),
    ),
    { code: 'CA_OVERLOADED' },
  )
  t.is(new Set((await accepted).map(codeOf)).size, 1)
  t.deepEqual((await work.drafts(core, [input])).map(codeOf), ['done'])
})

test('a CA with worker threads issues, records and refuses as one without', async (t) => {
  const { ports, places, material, store } = await ceremony(t)
  const ca = await openCa({ ...places, material, threads: 2 }, ports)
  t.teardown(() => ca.close())
  const requests = await Promise.all(Array.from({ length: 40 }, () => makeRequest()))
  const [first] = requests
  if (!first) return t.fail()
  const tokens = await ca.prepareMany([...requests, first])
  t.is(codeOf(tokens.at(-1)), 'PROFILE_VIOLATION', 'one key, one certificate, within a batch too')
  const outcomes = await ca.issueMany(
    tokens.filter((token): token is IssuanceToken => !(token instanceof CodedError)),
  )
  t.is(outcomes.filter((one) => codeOf(one) === 'done').length, 40)
  const recorded = store.records.filter(
    ({ type, data }) => type === 'certificate.issued' && data['profile'] === 'individual',
  )
  t.is(recorded.length, 40)
  t.is(store.records.filter(({ type }) => type === 'certificate.refused').length, 1)
})

test('workers sign events as this thread would, and a key signs nothing else there either', async (t) => {
  const { ports, places, material, store } = await ceremony(t)
  const ca = await openCa({ ...places, material, threads: 2 }, ports)
  t.teardown(() => ca.close())
  const { subject, identityEvidenceId, actor, tenant } = await makeRequest()
  const contentsSha256 = [new Uint8Array(randomBytes(32)), new Uint8Array(randomBytes(32))]
  const event = { profile: 'event', subject, identityEvidenceId }
  const request = { actor, tenant, event, contentsSha256, format: 'cades' as const, withTimestamp: true }
  const outcomes = await ca.signEvents([
    ...Array.from({ length: 20 }, () => request),
    { ...request, withTimestamp: false, commitment: 'origin' },
    { ...request, contentsSha256: [] },
  ])
  t.deepEqual(outcomes.map(codeOf), [...Array<string>(21).fill('done'), 'INPUT_MALFORMED'])
  for (const outcome of outcomes.slice(0, 21)) {
    if (outcome instanceof CodedError) return t.fail()
    for (const [index, { cmsDer, timestampedAt, signatureValue }] of outcome.signatures.entries()) {
      const [signer] = parseSignedData(cmsDer).signerInfos
      t.deepEqual(signer && messageDigestOf(signer), contentsSha256[index])
      t.deepEqual(signer?.signature, signatureValue)
      t.is(timestampedAt === null, signer?.unsignedAttributes.length === 0)
    }
  }
  t.is(store.records.filter(({ type }) => type === 'timestamp.issued').length, 40)
  t.is(store.records.filter(({ type }) => type === 'key.destroyed').length, 21)
})

test('attack: a key that is handed to a worker for one digest does not sign another there', async (t) => {
  const { core, work, inputOf, signing } = await openPool(t, 1)
  const [draft] = await work.drafts(core, [await inputOf()])
  if (draft === undefined || !isDraft(draft)) return t.fail()
  const key = await generatePrivateKey(getKeyAlgorithm('P-256'))
  const event = {
    key: { key, digestsHex: ['00'.repeat(32)] },
    contents: [{ contentSha256: new Uint8Array(randomBytes(32)), format: 'cades' as const }],
    at: NOW,
    slots: [],
    slotsTakenAt: 0n,
  }
  const [outcome] = await work.certified(signing, [{ sign: draft, event }])
  if (outcome === undefined || outcome instanceof CodedError) return t.fail()
  t.is(codeOf(outcome.signatures), 'DIGEST_NOT_AUTHORISED')
  t.true(outcome.signed.certDer.length > 0)
})

test('time stamps that come together are signed by workers, each over its own digest, at ascending times', async (t) => {
  const { ports, places, material, store } = await ceremony(t)
  const ca = await openCa({ ...places, material, threads: 2 }, ports)
  t.teardown(() => ca.close())
  const digests = Array.from({ length: 30 }, () => new Uint8Array(randomBytes(32)))
  // Twice: the workers have the key of the TSA by the second time.
  for (const round of [1, 2]) {
    const responses = await Promise.all(
      digests.map((digest) =>
        ca.timestamp(encodeTimeStampRequest({ hash: 'SHA-256', digest, certReq: true })),
      ),
    )
    const tokens = responses.map((der) => parseTimeStampToken(parseTimeStampResponse(der).tokenDer ?? der))
    t.deepEqual(
      tokens.map(({ tstInfo }) => tstInfo.messageImprint.digest),
      digests,
    )
    for (const { signedData } of tokens) t.is(signedData.certificates.length, 2)
    t.is(store.records.filter(({ type }) => type === 'timestamp.issued').length, 30 * round)
  }
  const times = store.records.flatMap(({ type, data }) =>
    type === 'timestamp.issued' ? [String(data['serialHex']).slice(0, 18)] : [],
  )
  t.deepEqual(times, [...new Set(times)].toSorted())
})
