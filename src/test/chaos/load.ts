/** Clients that never stop: each repeats one kind of work until the service dies under it. */
import { createHash, randomBytes, randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError, type Client } from '../../sdk/client.ts'
import { makeCsr } from '../e2e/csr.ts'
import { type SignatureJson, subjectOf } from '../e2e/objects.ts'
import { fromBase64 } from '../../lib/bytes.ts'
import type { Request, Told } from './told.ts'

/** Who is named in everything that the load makes. */
export const NAME = 'Chaos TEST ONLY'
const subject = subjectOf(NAME)
const BATCH = 25

/** What a client works with. */
export interface Work {
  readonly api: Client
  readonly evidenceId: string
  readonly told: Told
}

interface Answer {
  readonly issuerId: string
  readonly serialHex: string
  readonly certificatePem: string
}

interface Item extends Answer {
  readonly outcome: 'issued' | 'repeated' | 'refused'
  readonly problem?: { readonly code: string; readonly detail: string }
}

/** Hash of the DER in a PEM block. */
export const hashOfPem = (pem: string): string =>
  createHash('sha256').update(fromBase64(pem.replace(/-----[^-]+-----|\s/g, ''))).digest('hex') // prettier-ignore

/** Notes a certificate that a client got; the same serial with other bytes is a contradiction. */
export function note(told: Told, { issuerId, serialHex, certificatePem }: Answer): string {
  const key = `${issuerId}/${serialHex}`
  const sha256 = hashOfPem(certificatePem)
  const known = told.certificates.get(key)
  if (known !== undefined && known !== sha256) told.contradictions.push(`${key} was given twice`)
  told.certificates.set(key, sha256)
  return key
}

const item = (evidenceId: string, profile: string) => ({
  profile,
  subject,
  csr: makeCsr(subject),
  identityEvidenceId: evidenceId,
})

async function ask<T>({ api, told }: Work, request: Request): Promise<T> {
  const idempotencyKey = randomBytes(8).toString('hex')
  told.unanswered.set(idempotencyKey, request)
  const answer = await api.json<T>('POST', request.path, { json: request.json, idempotencyKey })
  told.unanswered.delete(idempotencyKey)
  return answer
}

async function issue(work: Work): Promise<void> {
  const json = item(work.evidenceId, 'organisation')
  const key = note(work.told, await ask<Answer>(work, { path: '/v1/certificates', json }))
  if (randomInt(2) === 0) return
  await work.api.json('POST', `/v1/certificates/${key}/revocation`, {
    json: { reason: 'superseded', legalGround: 'holder-request' },
  })
  work.told.revoked.add(key)
}

async function issueBatch(work: Work): Promise<void> {
  const items = Array.from({ length: BATCH }, () => item(work.evidenceId, 'event'))
  // One that must be refused, among those that must not.
  const json = { items: [...items, { ...item(work.evidenceId, 'event'), csr: 'AAAA' }] }
  const answer = await ask<{ items: readonly Item[] }>(work, { path: '/v1/certificates/batch', json })
  noteItems(work.told, answer.items)
}

/** Notes what a batch brought; an item that was refused for another reason than its own fault is a contradiction. */
function noteItems(told: Told, items: readonly Item[]): void {
  for (const [at, one] of items.entries()) {
    if (one.outcome !== 'refused') note(told, one)
    else if (at < BATCH && !isKeyLost(one.problem?.detail))
      told.contradictions.push(`item ${at} was refused: ${one.problem?.code}`)
  }
}

async function sign({ api, evidenceId, told }: Work): Promise<void> {
  const signature = await api.json<SignatureJson>('POST', '/v1/signatures', {
    json: { signer: { event: { subject, identityEvidenceId: evidenceId } }, level: 'B-B' },
    files: { document: { bytes: randomBytes(100), name: 'a.txt' } },
  })
  told.signatures.set(signature.id, { signedSha256: signature.signedSha256 })
}

async function fetchProof({ api, told }: Work): Promise<void> {
  await sleep(50)
  told.checkpoints.push(await api.bytes('GET', '/log/checkpoint'))
  if (told.checkpoints.length > 200) told.checkpoints.splice(randomInt(200), 1)
  const key = [...told.certificates.keys()].at(-1 - randomInt(20))
  if (key === undefined) return
  told.receipts.push({ key, text: await api.bytes('GET', `/v1/certificates/${key}/receipt`) })
}

/** Refusals of a service that is busy, or of a place that is not yet published: try again. */
const LATER = ['NOT_FOUND', 'LOG_RANGE', 'STORE_OVERLOADED', 'OVERLOADED', 'IDEMPOTENCY_IN_PROGRESS']

/** Repeats until the connection breaks. @throws what the service should not have answered */
async function repeat(work: Work, act: (work: Work) => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await act(work)
    } catch (error) {
      if (!(error instanceof ApiError)) return
      if (error.problem.status !== 503 && !LATER.includes(error.problem.code)) throw error
    }
    await sleep(randomInt(10))
  }
}

const CLIENTS = [issue, issue, issue, issueBatch, issueBatch, sign, sign, fetchProof]

/** Starts all clients; ends when the service is gone. @returns answers that should not have been given */
export async function load(work: Work): Promise<unknown[]> {
  const ends = await Promise.allSettled(CLIENTS.map((act) => repeat(work, act)))
  return ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []))
}

/** Its serial was taken when the service died: nobody can say whether its certificate was signed (check 19). */
const isKeyLost = (detail = ''): boolean => /was not stored; ask again with a new key/.test(detail)

/**
 * Whoever got no answer asks again: what was issued is handed over, what had not begun is issued now.
 *
 * @returns false when the service is gone again
 */
export async function askAgain(api: Client, told: Told): Promise<boolean> {
  for (const [idempotencyKey, { path, json }] of told.unanswered) {
    try {
      const answer = await api.json<Answer & { items?: readonly Item[] }>('POST', path, {
        json,
        idempotencyKey,
      })
      if (answer.items) noteItems(told, answer.items)
      else note(told, answer)
    } catch (error) {
      if (!(error instanceof ApiError)) return false
      if (error.problem.status === 503 || LATER.includes(error.problem.code)) continue
      if (!isKeyLost(error.problem.detail)) told.contradictions.push(`a repeat got ${error.message}`)
    }
    told.unanswered.delete(idempotencyKey)
  }
  return true
}
