/**
 * What crosses between the core and its worker threads: for each message one text and one array of octets. The
 * structured clone of several hundred small objects would cost as much as a signature for each certificate.
 */
import type { KeyObject } from 'node:crypto'
import type { Draft, DraftInput, DraftRequest, Signed, SignInput } from '../drafts.ts'
import { CodedError } from '../errors.ts'
import type { Certified, CertifyInput } from '../event-signature.ts'
import type { CaMaterial, ServiceMaterial } from '../material.ts'
import type { StampInput, Stamped } from '../timestamp-token.ts'
import { type EventRow, type MadeRow, type Take, eventOf, eventRow, madeOf, madeRow } from './event-rows.ts'
import { type StampRow, type StampedRow, stampOf, stampRow, stampedOf, stampedRow } from './stamp-rows.ts'

/** What a worker starts with. Keys are handed over inside the process and never written anywhere. */
export interface WorkerStart {
  readonly material: CaMaterial
  readonly policiesFolder: string
  readonly keys: ReadonlyMap<string, KeyObject>
}

/** The TSA of now: it is renewed while workers run. */
export interface TsaHandle extends ServiceMaterial {
  /** Tells those of one pool apart. */
  readonly id: number
  readonly key: KeyObject
}

/** One thing to do. */
export type Job =
  | { readonly draft: DraftInput }
  | { readonly sign: SignInput }
  | { readonly certify: CertifyInput; readonly tsa: TsaHandle }
  | { readonly stamp: StampInput; readonly tsa: TsaHandle }

/** What became of it. */
export type JobOutcome = Draft | Signed | Certified | Stamped | CodedError

/** Several jobs or outcomes, in their order. */
export interface Packed {
  readonly id: number
  /** JSON: a row for each. */
  readonly text: string
  /** The octets of each, one after the other; the rows have their lengths. */
  readonly octets: Uint8Array
  /** One-time keys of the jobs that have one, in their order: handles, which stay inside the process. */
  readonly keys: readonly KeyObject[]
  /** Those of the jobs: each whole at first, later by its id, since to hand over a key costs as much as to sign. */
  readonly tsas: readonly (TsaHandle | number)[]
}

/** Sent once, when a worker can work. */
export const READY = 'ready'

/** Where rows put what is not text. */
interface Sink {
  readonly parts: Uint8Array[]
  readonly keys: KeyObject[]
  readonly tsas: Set<TsaHandle>
}

/** What rows find beside the text. */
interface Source {
  readonly take: Take
  readonly nextKey: () => KeyObject
  readonly tsas: readonly TsaHandle[]
}

type DraftRow = Omit<DraftRequest, 'key'> & {
  readonly issuerId: string
  readonly at: number
  readonly serial: number
  readonly csr: number
  readonly held: number
  readonly keyId?: string
}
interface SignRow {
  readonly sign: string
  readonly tbsSha256: string
  readonly tbs: number
  readonly event?: EventRow
  /** Place of its TSA among those of the message. */
  readonly tsa?: number
}
type JobRow = DraftRow | SignRow | StampRow

const EMPTY = new Uint8Array(0)

function signRow({ issuerId, tbsDer, tbsSha256 }: SignInput, { parts }: Sink): SignRow {
  parts.push(tbsDer)
  return { sign: issuerId, tbsSha256, tbs: tbsDer.length }
}

/** Place of a TSA among those of the message. */
const placeOf = (tsa: TsaHandle, { tsas }: Sink): number => [...tsas.add(tsa)].indexOf(tsa)

function jobRow(job: Job, sink: Sink): JobRow {
  const { parts } = sink
  if ('sign' in job) return signRow(job.sign, sink)
  if ('certify' in job) {
    sink.keys.push(job.certify.event.key.key)
    const tsa = placeOf(job.tsa, sink)
    return { ...signRow(job.certify.sign, sink), event: eventRow(job.certify.event, parts), tsa }
  }
  if ('stamp' in job) return stampRow(job.stamp, placeOf(job.tsa, sink), parts)
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

function tsaAt(tsas: readonly TsaHandle[], place: number | undefined): TsaHandle {
  const tsa = tsas[place ?? 0]
  if (!tsa) throw new CodedError('KEY_UNAVAILABLE', 'a job came without its TSA')
  return tsa
}

function jobOf(row: JobRow, { take, nextKey, tsas }: Source): Job {
  if ('sign' in row) {
    const sign = { issuerId: row.sign, tbsSha256: row.tbsSha256, tbsDer: take(row.tbs) }
    if (!row.event) return { sign }
    return {
      certify: { sign, event: eventOf(row.event, nextKey(), take) },
      tsa: tsaAt(tsas, row.tsa),
    }
  }
  if ('stamp' in row) return { stamp: stampOf(row, take), tsa: tsaAt(tsas, row.tsa) }
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
interface SignedRow {
  readonly cert: number
  readonly certSha256: string
  readonly made?: readonly MadeRow[] | ErrorRow
}
type OutcomeRow = DraftOutcomeRow | ErrorRow | SignedRow | StampedRow

const errorRow = ({ code, message, extra }: CodedError): ErrorRow => ({ code, message, extra })

const errorOf = ({ code, message, extra }: ErrorRow): CodedError => new CodedError(code, message, { extra })

function signedRow({ certDer, certSha256 }: Signed, { parts }: Sink): SignedRow {
  parts.push(certDer)
  return { cert: certDer.length, certSha256 }
}

function certifiedRow({ signed, signatures }: Certified, sink: Sink): SignedRow {
  const row = signedRow(signed, sink)
  if (signatures instanceof CodedError) return { ...row, made: errorRow(signatures) }
  return { ...row, made: signatures.map((one) => madeRow(one, sink.parts)) }
}

function signedOf({ cert, certSha256, made }: SignedRow, take: Take): Signed | Certified {
  const signed = { certDer: take(cert), certSha256 }
  if (made === undefined) return signed
  return { signed, signatures: 'code' in made ? errorOf(made) : made.map((row) => madeOf(row, take)) }
}

function outcomeRow(outcome: JobOutcome, sink: Sink): OutcomeRow {
  if (outcome instanceof CodedError) return errorRow(outcome)
  if ('certDer' in outcome) return signedRow(outcome, sink)
  if ('signed' in outcome) return certifiedRow(outcome, sink)
  if ('tokenDer' in outcome) return stampedRow(outcome, sink.parts)
  const { tbsDer, subjectDer, notBefore, notAfter, ...rest } = outcome
  sink.parts.push(tbsDer, subjectDer)
  return {
    ...rest,
    tbs: tbsDer.length,
    subjectOctets: subjectDer.length,
    notBefore: notBefore.getTime(),
    notAfter: notAfter.getTime(),
  }
}

function outcomeOf(row: OutcomeRow, { take }: Source): JobOutcome {
  if ('code' in row) return errorOf(row)
  if ('cert' in row) return signedOf(row, take)
  if ('token' in row) return stampedOf(row, take)
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
  rowOf: (item: Item, sink: Sink) => Row,
  sent: Set<TsaHandle>,
): Packed {
  const sink: Sink = { parts: [], keys: [], tsas: new Set() }
  const { parts, keys } = sink
  const text = JSON.stringify(items.map((item) => rowOf(item, sink)))
  const octets = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    octets.set(part, at)
    at += part.length
  }
  const known = [...sink.tsas].map((tsa) => (sent.has(tsa) ? tsa.id : tsa))
  for (const tsa of sink.tsas) sent.add(tsa)
  return { id, text, octets, keys, tsas: known }
}

function receive(tsa: TsaHandle | number, received: Map<number, TsaHandle>): TsaHandle {
  const found = typeof tsa === 'number' ? received.get(tsa) : tsa
  if (!found) throw new CodedError('KEY_UNAVAILABLE', 'a job came without its TSA')
  received.set(found.id, found)
  return found
}

function unpack<Row, Item>(
  message: Packed,
  itemOf: (row: Row, source: Source) => Item,
  received: Map<number, TsaHandle>,
): Item[] {
  const { text, octets, keys } = message
  const tsas = message.tsas.map((tsa) => receive(tsa, received))
  let at = 0
  const take: Take = (length) => octets.subarray(at, (at += length))
  const left = keys.values()
  const nextKey = (): KeyObject => {
    const { value } = left.next()
    if (!value) throw new CodedError('KEY_UNAVAILABLE', 'a job came without its key')
    return value
  }
  return (JSON.parse(text) as Row[]).map((row) => itemOf(row, { take, nextKey, tsas }))
}

/** Jobs as they are sent. @param sent what the worker has by then */
export const packJobs = (id: number, jobs: readonly Job[], sent: Set<TsaHandle>): Packed =>
  pack(id, jobs, jobRow, sent)

/** Jobs as they were. @param received what the worker has by then */
export const unpackJobs = (message: Packed, received: Map<number, TsaHandle>): Job[] =>
  unpack(message, jobOf, received)

/** Outcomes as they are sent. */
export const packOutcomes = (id: number, outcomes: readonly JobOutcome[]): Packed =>
  pack(id, outcomes, outcomeRow, new Set())

/** Outcomes as they were. */
export const unpackOutcomes = (message: Packed): JobOutcome[] => unpack(message, outcomeOf, new Map())
