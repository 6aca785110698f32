/**
 * What crosses between the core and its worker threads: for each message one text and one array of octets. The
 * structured clone of several hundred small objects would cost as much as a signature for each certificate.
 */
import type { KeyObject } from 'node:crypto'
import type { Draft, DraftInput, DraftRequest, Signed, SignInput } from '../drafts.ts'
import { CodedError } from '../errors.ts'
import type { CaMaterial } from '../material.ts'

/** What a worker starts with. Keys are handed over inside the process and never written anywhere. */
export interface WorkerStart {
  readonly material: CaMaterial
  readonly policiesFolder: string
  readonly keys: ReadonlyMap<string, KeyObject>
}

/** One thing to do. */
export type Job = { readonly draft: DraftInput } | { readonly sign: SignInput }

/** What became of it. */
export type JobOutcome = Draft | Signed | CodedError

/** Several jobs or outcomes, in their order. */
export interface Packed {
  readonly id: number
  /** JSON: a row for each. */
  readonly text: string
  /** The octets of each, one after the other; the rows have their lengths. */
  readonly octets: Uint8Array
}

/** Sent once, when a worker can work. */
export const READY = 'ready'

type DraftRow = Omit<DraftRequest, 'key'> & {
  readonly issuerId: string
  readonly at: number
  readonly serial: number
  readonly csr: number
  readonly held: number
  readonly keyId?: string
}
type JobRow = DraftRow | { readonly sign: string; readonly tbsSha256: string; readonly tbs: number }

const EMPTY = new Uint8Array(0)

function jobRow(job: Job, parts: Uint8Array[]): JobRow {
  if ('sign' in job) {
    const { issuerId, tbsDer, tbsSha256 } = job.sign
    parts.push(tbsDer)
    return { sign: issuerId, tbsSha256, tbs: tbsDer.length }
  }
  const { request, issuerId, at, serial, heldSpkiDer } = job.draft
  const { key, profile, subject, identityEvidenceId, validitySeconds, subjectAltNames, eventDigests } =
    request
  const csr = 'csrDer' in key ? key.csrDer : EMPTY
  const held = heldSpkiDer ?? EMPTY
  parts.push(serial, csr, held)
  return {
    profile,
    subject,
    identityEvidenceId,
    ...(validitySeconds === undefined ? {} : { validitySeconds }),
    ...(subjectAltNames ? { subjectAltNames } : {}),
    ...(eventDigests ? { eventDigests } : {}),
    ...('keyId' in key ? { keyId: key.keyId } : {}),
    issuerId,
    at: at.getTime(),
    serial: serial.length,
    csr: csr.length,
    held: held.length,
  }
}

type Take = (length: number) => Uint8Array

function jobOf(row: JobRow, take: Take): Job {
  if ('sign' in row) return { sign: { issuerId: row.sign, tbsSha256: row.tbsSha256, tbsDer: take(row.tbs) } }
  const { issuerId, at, serial, csr, held, keyId, ...request } = row
  const octets = { serial: take(serial), csr: take(csr), held: take(held) }
  return {
    draft: {
      request: { ...request, key: keyId === undefined ? { csrDer: octets.csr } : { keyId } },
      issuerId,
      at: new Date(at),
      serial: octets.serial,
      heldSpkiDer: held === 0 ? null : octets.held,
    },
  }
}

type DraftOutcomeRow = Omit<Draft, 'tbsDer' | 'subjectDer' | 'notBefore' | 'notAfter'> & {
  readonly tbs: number
  readonly subjectOctets: number
  readonly notBefore: number
  readonly notAfter: number
}
/** A CodedError does not survive the copy; its parts do. */
interface ErrorRow {
  readonly code: string
  readonly message: string
  readonly extra: Readonly<Record<string, unknown>>
}
type OutcomeRow = DraftOutcomeRow | ErrorRow | { readonly cert: number; readonly certSha256: string }

function outcomeRow(outcome: JobOutcome, parts: Uint8Array[]): OutcomeRow {
  if (outcome instanceof CodedError) {
    const { code, message, extra } = outcome
    return { code, message, extra }
  }
  if ('certDer' in outcome) {
    parts.push(outcome.certDer)
    return { cert: outcome.certDer.length, certSha256: outcome.certSha256 }
  }
  const { tbsDer, subjectDer, notBefore, notAfter, ...rest } = outcome
  parts.push(tbsDer, subjectDer)
  return {
    ...rest,
    tbs: tbsDer.length,
    subjectOctets: subjectDer.length,
    notBefore: notBefore.getTime(),
    notAfter: notAfter.getTime(),
  }
}

function outcomeOf(row: OutcomeRow, take: Take): JobOutcome {
  if ('code' in row) return new CodedError(row.code, row.message, { extra: row.extra })
  if ('cert' in row) return { certDer: take(row.cert), certSha256: row.certSha256 }
  const { tbs, subjectOctets, notBefore, notAfter, ...rest } = row
  return {
    ...rest,
    tbsDer: take(tbs),
    subjectDer: take(subjectOctets),
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
  }
}

function pack<Item, Row>(
  id: number,
  items: readonly Item[],
  rowOf: (item: Item, parts: Uint8Array[]) => Row,
): Packed {
  const parts: Uint8Array[] = []
  const text = JSON.stringify(items.map((item) => rowOf(item, parts)))
  const octets = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    octets.set(part, at)
    at += part.length
  }
  return { id, text, octets }
}

function unpack<Row, Item>({ text, octets }: Packed, itemOf: (row: Row, take: Take) => Item): Item[] {
  let at = 0
  const take: Take = (length) => octets.subarray(at, (at += length))
  return (JSON.parse(text) as Row[]).map((row) => itemOf(row, take))
}

/** Jobs as they are sent. */
export const packJobs = (id: number, jobs: readonly Job[]): Packed => pack(id, jobs, jobRow)

/** Jobs as they were. */
export const unpackJobs = (message: Packed): Job[] => unpack(message, jobOf)

/** Outcomes as they are sent. */
export const packOutcomes = (id: number, outcomes: readonly JobOutcome[]): Packed =>
  pack(id, outcomes, outcomeRow)

/** Outcomes as they were. */
export const unpackOutcomes = (message: Packed): JobOutcome[] => unpack(message, outcomeOf)
