/** `kill -9` in the middle of the work, again and again; then everything a client was told must still be true. */
import { createHash, randomBytes, randomInt } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { readConfig } from '../../config.ts'
import { parseReceipt, verifyReceipt } from '../../audit/receipt.ts'
import { openHouse } from '../../main.ts'
import { ApiError, type Client, createClient } from '../../sdk/client.ts'
import { serveChild, yinxin } from './child.ts'
import { makeCsr } from './csr.ts'
import { addEvidence, type CertificateJson, type SignatureJson, subjectOf } from './objects.ts'
import { prepareDataDir, type TestKey } from './start.ts'

const ROUNDS = 5
const NAME = 'Crash TEST ONLY'

/** What clients were told, and what must therefore be true for ever. */
interface Told {
  readonly certificates: Map<string, CertificateJson>
  readonly revoked: Set<string>
  readonly signatures: Map<string, SignatureJson>
  readonly receipts: Uint8Array[]
  /** Requests without an answer, by their Idempotency-Key. */
  readonly unanswered: Map<string, object>
}

const keyOf = ({ issuerId, serialHex }: { issuerId: string; serialHex: string }): string =>
  `${issuerId}/${serialHex}`

interface Work {
  readonly api: Client
  readonly evidenceId: string
  readonly told: Told
  repeated: number
}

async function issue({ api, evidenceId, told: { unanswered } }: Work): Promise<CertificateJson> {
  const json = {
    profile: 'organisation',
    subject: subjectOf(NAME),
    csr: makeCsr(subjectOf(NAME)),
    identityEvidenceId: evidenceId,
  }
  const idempotencyKey = randomBytes(8).toString('hex')
  unanswered.set(idempotencyKey, json)
  const certificate = await api.json<CertificateJson>('POST', '/v1/certificates', { json, idempotencyKey })
  unanswered.delete(idempotencyKey)
  return certificate
}

async function issueAndRevoke(work: Work): Promise<void> {
  const certificate = await issue(work)
  const key = keyOf(certificate)
  if (work.told.certificates.has(key)) work.repeated++
  work.told.certificates.set(key, certificate)
  if (work.told.certificates.size % 2 === 0) return
  await work.api.json('POST', `/v1/certificates/${key}/revocation`, {
    json: { reason: 'superseded', legalGround: 'holder-request' },
  })
  work.told.revoked.add(key)
}

async function sign({ api, evidenceId, told }: Work): Promise<void> {
  const signature = await api.json<SignatureJson>('POST', '/v1/signatures', {
    json: { signer: { event: { subject: subjectOf(NAME), identityEvidenceId: evidenceId } }, level: 'B-B' },
    files: { document: { bytes: randomBytes(100), name: 'a.txt' } },
  })
  told.signatures.set(signature.id, signature)
}

async function fetchReceipt({ api, told }: Work): Promise<void> {
  const last = [...told.certificates.keys()].at(-1)
  if (last === undefined) return
  told.receipts.push(await api.bytes('GET', `/v1/certificates/${last}/receipt`))
}

/** Repeats one kind of work until the service dies; a refusal for load or for a place not yet published is none. */
async function repeat(work: Work, act: (work: Work) => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await act(work)
    } catch (error) {
      if (!(error instanceof ApiError)) return
      if (!['NOT_FOUND', 'LOG_RANGE', 'STORE_OVERLOADED'].includes(error.problem.code)) throw error
    }
    await sleep(5)
  }
}

test('kill -9 while certificates are issued, documents signed and certificates revoked', async (t) => {
  t.timeout(240_000)
  const dataDir = await prepareDataDir('crash')
  const told: Told = {
    certificates: new Map(),
    revoked: new Set(),
    signatures: new Map(),
    receipts: [],
    unanswered: new Map(),
  }
  let apiKey: string | undefined
  let evidenceId: string | undefined
  let repeated = 0
  for (let round = 1; round <= ROUNDS; round++) {
    const child = await serveChild(dataDir)
    t.teardown(() => child.crash())
    apiKey ??= child.apiKey
    const api = createClient({ baseUrl: child.address, apiKey: apiKey ?? '' })
    const key: TestKey = { id: '', text: '', api }
    evidenceId ??= await addEvidence(key, NAME)
    const work: Work = { api, evidenceId, told, repeated: 0 }
    const workers = [issueAndRevoke, issueAndRevoke, sign, sign, fetchReceipt].map((act) => repeat(work, act))
    await sleep(randomInt(300, 1800))
    await child.crash()
    const failed = (await Promise.allSettled(workers)).filter(({ status }) => status === 'rejected')
    t.deepEqual(failed, [])
    repeated += work.repeated
    t.is(child.errors(), '')
  }
  t.is(repeated, 0, 'a serial was given twice')
  t.log(
    `${told.certificates.size} certificates, ${told.signatures.size} signatures, ${told.receipts.length} receipts`,
  )
  t.true(told.certificates.size > ROUNDS)
  t.true(told.signatures.size > ROUNDS)

  const child = await serveChild(dataDir)
  t.teardown(() => child.crash())
  const api = createClient({ baseUrl: child.address, apiKey: apiKey ?? '' })
  for (const [key, certificate] of told.certificates) {
    const found = await api.json<CertificateJson>('GET', `/v1/certificates/${key}`)
    t.is(found.certificatePem, certificate.certificatePem)
    // A revocation may have been stored whose answer never arrived; the other way round must not be.
    if (told.revoked.has(key)) t.is(found.state, 'revoked')
  }
  for (const { id, signedSha256 } of told.signatures.values()) {
    const bytes = await api.bytes('GET', `/v1/signatures/${id}/document`)
    t.is(createHash('sha256').update(bytes).digest('hex'), signedSha256)
  }
  t.true(told.unanswered.size > 0)
  for (const [idempotencyKey, json] of told.unanswered) {
    const late = await askAgain(api, json, idempotencyKey)
    if (late === 'key-lost') continue
    t.is(late.state, 'valid')
    t.false(told.certificates.has(keyOf(late)))
  }
  t.is(await child.stop(), 0)
  await checkRecords(dataDir, told, (ok, what) => t.true(ok, what))
  await rm(dataDir, { recursive: true, force: true })
})

/**
 * Whoever got no answer asks again: what was issued is handed over, what had not begun is issued now, and a key whose
 * serial was taken when the service died is lost (check 19), which is said.
 */
async function askAgain(
  api: Client,
  json: object,
  idempotencyKey: string,
): Promise<CertificateJson | 'key-lost'> {
  try {
    return await api.json<CertificateJson>('POST', '/v1/certificates', { json, idempotencyKey })
  } catch (error) {
    if (error instanceof ApiError && /was not stored; ask again with a new key/.test(error.problem.detail))
      return 'key-lost'
    throw error
  }
}

interface AuditReport {
  readonly ok: boolean
  readonly findings: readonly object[]
  readonly inFlight: number
  readonly counts: Readonly<Record<string, number>>
}

/** Tree, counts and receipts, by the command and from the files that were left. */
async function checkRecords(
  dataDir: string,
  told: Told,
  check: (ok: boolean, what: string) => void,
): Promise<void> {
  const audit = await yinxin(dataDir, ['audit', 'verify', '--json'])
  check(audit.status === 0, `audit verify: ${audit.stdout}${audit.stderr}`)
  const report = JSON.parse(audit.stdout) as AuditReport
  check(report.ok && report.inFlight === 0, `${report.inFlight} intents are still open`)
  const count = (type: string): number => report.counts[type] ?? 0
  check(
    count('signature.intent') === count('signature.created') + count('signature.refused'),
    'every signature intent has one outcome',
  )
  check(
    count('crl.intent') === count('crl.published') + count('crl.refused'),
    'every CRL intent has one outcome',
  )
  const house = await openHouse(readConfig({ YINXIN_LOG: 'silent' }, { dataDir }), { serving: false })
  try {
    let stored = 0
    const serials = new Set<string>()
    for await (const row of house.store.certificates.stream({ tenant: 'all' }, new Date())) {
      check(!serials.has(keyOf(row)), 'a serial is there once')
      serials.add(keyOf(row))
      if (row.certSha256 !== null) stored++
    }
    check(
      stored === count('certificate.issued'),
      `${stored} certificates, ${count('certificate.issued')} records`,
    )
    const { key } = house.sequencer.signer
    for (const receipt of told.receipts) {
      const { index } = parseReceipt(receipt)
      const [entry] = await house.store.log.readLeaves(index, index + 1)
      check(entry !== undefined && verifyReceipt(receipt, entry.leaf, key).ok, `receipt ${index}`)
    }
  } finally {
    await house.close()
  }
}
