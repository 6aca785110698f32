/**
 * Counts a data folder again, after whatever happened to it: the database against the log, the log against its signed
 * checkpoint, each certificate against its record and, by OpenSSL's parser, against itself. Whoever runs it has closed
 * the service; what it finds are sentences, and there must be none.
 */
import { createHash, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type Entry, readEntry, textOf } from '../../audit/independent/entry.ts'
import type { LogReport } from '../../audit/verify-log.ts'
import { verifyLog } from '../../audit/verify-log.ts'
import { type HouseTables, openTables, type RecordRow, type SerialRow } from './tables.ts'

/** Which folder, and what is known of it from elsewhere. */
export type HouseFiles = {
  readonly database: string
  readonly checkpoint: string
  /** `name+id+base64`. */
  readonly verifierKey: string
  /** Checkpoints that were served before: each must be a prefix. */
  readonly earlierCheckpoints?: readonly Uint8Array[]
  /** Certificates of the CAs, DER: what stored certificates are verified with. Left out: signatures are not verified. */
  readonly issuersDer?: readonly Uint8Array[]
}

/** What was counted. */
export type HouseReport = {
  readonly findings: readonly string[]
  readonly serials: number
  readonly certificates: number
  readonly records: number
  /** Serials whose intent was closed without a certificate. */
  readonly orphaned: number
  readonly revoked: number
  readonly signatures: number
  /** SHA-256 of each stored certificate by issuer and serial. */
  readonly stored: ReadonlyMap<string, string>
  readonly states: ReadonlyMap<string, string>
}

type Issued = {
  readonly id: string
  readonly certSha256: string
  readonly tbsSha256: string
  readonly own: boolean
}

/** What the records say. */
type Told = {
  readonly intents: Map<string, string>
  readonly issued: Map<string, Issued>
  readonly closed: Set<string>
  readonly states: Map<string, string>
  readonly signed: Set<string>
  waiting: number
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const STATES: Readonly<Record<string, string>> = {
  'certificate.revoked': 'revoked',
  'certificate.held': 'held',
  'certificate.released': 'valid',
}

type Find = (what: string) => void
type Seen = { readonly key: string; readonly id: string; readonly data: Entry['data'] }

const SIGNED = ['signature.created', 'document.signed']
const OWN_CLASSES = ['ca', 'ocsp', 'tsa', 'service']

const seeOf: Readonly<Record<string, (told: Told, seen: Seen, find: Find) => void>> = {
  'certificate.intent': (told, { key, data }, find) => {
    if (told.intents.has(key)) find(`two intents took the serial ${key}`)
    told.intents.set(key, textOf(data, 'tbsSha256') ?? '')
  },
  'certificate.issued': (told, { key, id, data }, find) => {
    if (told.issued.has(key)) find(`two records issue ${key}`)
    const own = OWN_CLASSES.includes(textOf(data, 'class') ?? '')
    const [certSha256 = '', tbsSha256 = ''] = [textOf(data, 'certSha256'), textOf(data, 'tbsSha256')]
    told.issued.set(key, { id, certSha256, tbsSha256, own })
  },
  'certificate.orphaned': (told, { key }) => void told.closed.add(key),
  'certificate.refused': (told, { key }) => void told.closed.add(key),
}

function seeCertificate(told: Told, { type, id, data }: Entry, find: Find): void {
  const [issuerId, serialHex] = [textOf(data, 'issuerId'), textOf(data, 'serialHex')]
  if (issuerId === undefined || serialHex === undefined) return
  const key = `${issuerId}/${serialHex}`
  const state = STATES[type]
  if (state !== undefined) told.states.set(key, state)
  seeOf[type]?.(told, { key, id, data }, find)
}

/** Hands the records on to the verifier of the log, and notes what they say of certificates. */
function* listen(
  records: Iterable<RecordRow>,
  told: Told,
  find: Find,
): Generator<{ index: number; leaf: Uint8Array }> {
  for (const { index, id, leaf } of records) {
    const entry = readEntry(leaf)
    if (entry === undefined) find(`the row of record ${id} holds no record`)
    else if (entry.id !== id) find(`record ${id} says that it is ${entry.id}`)
    else {
      if (entry.type.startsWith('certificate.')) seeCertificate(told, entry, find)
      if (SIGNED.includes(entry.type)) told.signed.add(id)
    }
    if (index === null) told.waiting++
    else yield { index, leaf }
  }
}

/** The TBSCertificate in a certificate: both are SEQUENCEs of 256 to 65,535 octets. */
const tbsOf = (der: Uint8Array): Uint8Array => der.subarray(4, 8 + ((der[6] ?? 0) << 8) + (der[7] ?? 0))

/** What a certificate says of itself must be what its row says. */
function checkCertificate(row: SerialRow, issuers: readonly X509Certificate[], find: Find): void {
  const { key, certificate } = row
  if (certificate === null) return
  if (sha256(certificate.der) !== certificate.sha256) find(`${key}: the stored bytes have another hash`)
  try {
    const read = new X509Certificate(certificate.der)
    const serialHex = key.slice(key.indexOf('/') + 1)
    if (BigInt(`0x${read.serialNumber}`) !== BigInt(`0x${serialHex}`)) find(`${key}: it has another serial`)
    if (read.validToDate.getTime() !== certificate.notAfter) find(`${key}: it ends at another time`)
    if (sha256(tbsOf(certificate.der)) !== row.tbsSha256)
      find(`${key}: its TBSCertificate is not the one intended`)
    const spki = read.publicKey.export({ type: 'spki', format: 'der' })
    if (sha256(new Uint8Array(spki)) !== row.spkiSha256) find(`${key}: it has another key`)
    if (
      issuers.length > 0 &&
      !issuers.some((issuer) => read.checkIssued(issuer) && read.verify(issuer.publicKey))
    )
      find(`${key}: no CA of this house signed it`)
  } catch {
    find(`${key}: OpenSSL cannot read it`)
  }
}

/** What must be false of a row and the records about it. */
const SERIAL_RULES: readonly [string, (row: SerialRow, intended?: string, issued?: Issued) => boolean][] = [
  // The ceremony signs before there is a log to intend in.
  ['no intent took this serial', (_row, intended, issued) => intended === undefined && issued?.own !== true],
  [
    'its intent was for something else',
    (row, intended) => intended !== undefined && intended !== row.tbsSha256,
  ],
  [
    'issued, and no certificate is stored',
    (row, _, issued) => issued !== undefined && row.certificate === null,
  ],
  ['stored, and no record issues it', (row, _, issued) => issued === undefined && row.certificate !== null],
  ['the log has another certificate', (row, _, issued) => issued !== undefined && issued.certSha256 !== row.certificate?.sha256], // prettier-ignore
  ['the log has another TBSCertificate', (row, _, issued) => issued !== undefined && issued.tbsSha256 !== row.tbsSha256], // prettier-ignore
  ['its row names another record', (row, _, issued) => row.certificate !== null && row.certificate.recordId !== (issued?.id ?? null)], // prettier-ignore
]

/** Every serial against the records, each of which is struck out. @returns hashes of the stored certificates */
function checkSerials(tables: HouseTables, told: Told, issuers: readonly X509Certificate[], find: Find) {
  const stored = new Map<string, string>()
  let serials = 0
  for (const row of tables.serials()) {
    serials++
    const [intended, issued] = [told.intents.get(row.key), told.issued.get(row.key)]
    for (const [what, isBroken] of SERIAL_RULES)
      if (isBroken(row, intended, issued)) find(`${row.key}: ${what}`)
    checkCertificate(row, issuers, find)
    told.intents.delete(row.key)
    if (row.certificate) stored.set(row.key, row.certificate.sha256)
  }
  for (const key of told.intents.keys()) find(`${key}: an intent in the log only`)
  if (told.issued.size !== stored.size)
    find(`${stored.size} certificates are stored, ${told.issued.size} records issue one`)
  if (serials !== tables.count('serials') || stored.size !== tables.count('certificates'))
    find('a serial or a certificate is there that belongs to no other')
  return { serials, stored }
}

function checkStates(tables: HouseTables, told: Told, find: Find): ReadonlyMap<string, string> {
  const states = tables.revocations()
  for (const [key, state] of states)
    if (told.states.get(key) !== state)
      find(`${key}: ${state} in the database, ${told.states.get(key)} in the log`)
  for (const [key, state] of told.states)
    if (state !== 'valid' && !states.has(key)) find(`${key}: ${state} in the log only`)
  return states
}

const sentenceOf = ({ findings, findingCount }: LogReport): string[] => [
  ...findings.map(({ kind, index, subject }) => `log: ${kind} ${index ?? ''} ${subject}`),
  ...(findingCount > findings.length ? [`log: ${findingCount} findings`] : []),
]

/** The log against its checkpoint, tiles and rules; fills `told` on the way. */
async function checkLog(tables: HouseTables, files: HouseFiles, told: Told, find: Find): Promise<number> {
  const { size, pending, places } = tables.log()
  const records = listen(tables.records(), told, find)
  const report = await verifyLog({
    // Without `return`: the verifier stops at the checkpoint, and what waits behind it is read below.
    leaves: { [Symbol.iterator]: () => ({ next: () => records.next() }) },
    checkpoint: new Uint8Array(await readFile(files.checkpoint)),
    verifierKey: files.verifierKey,
    earlierCheckpoints: files.earlierCheckpoints ?? [],
    readTile: (level, index) => Promise.resolve(tables.tile(level, index)),
    // Nobody is at work any more: every intent has its outcome.
    limits: { intentGraceMs: 0 },
  })
  for (const { index } of records) find(`record ${index} has a place behind the checkpoint`)
  for (const sentence of sentenceOf(report)) find(sentence)
  if (pending) find('a batch of the log is still pending')
  if (places !== size) find(`${places} places were given, the head has ${size}`)
  if (report.size !== size) find(`the log has ${size} places, ${report.size} were read`)
  if (told.waiting > 0) find(`${told.waiting} records have no place`)
  return report.size + told.waiting
}

/** Reads everything once and compares. */
export async function checkHouse(files: HouseFiles): Promise<HouseReport> {
  const findings: string[] = []
  const find: Find = (what) => void (findings.length < 100 && findings.push(what))
  const told: Told = { intents: new Map(), issued: new Map(), closed: new Set(), states: new Map(), signed: new Set(), waiting: 0 } // prettier-ignore
  const tables = openTables(files.database)
  try {
    if (tables.integrity() !== 'ok') find('SQLite finds the database damaged')
    const records = await checkLog(tables, files, told, find)
    const issuers = (files.issuersDer ?? []).map((der) => new X509Certificate(der))
    const { serials, stored } = checkSerials(tables, told, issuers, find)
    const states = checkStates(tables, told, find)
    const signatures = tables.signatures()
    for (const { id, recordId } of signatures)
      if (recordId === null || !told.signed.has(recordId)) find(`signature ${id}: no record of it`)
    return {
      findings,
      serials,
      certificates: stored.size,
      records,
      orphaned: [...told.closed].filter((key) => !told.issued.has(key)).length,
      revoked: states.size,
      signatures: signatures.length,
      stored,
      states,
    }
  } finally {
    tables.close()
  }
}
