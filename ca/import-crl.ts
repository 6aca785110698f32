/**
 * Takes in the CRL of a CA whose key is kept elsewhere (offline root): checked as a relying party would check it,
 * and against the list before it, then published with its record.
 *
 * Everything here fails closed: what is refused changes nothing, and names its rule in `extra.rule`.
 */
import { signatureAlgorithmOf, verifySignature } from './algorithms/signatures.ts'
import { compareBytes } from './asn1/writer.ts'
import type { Issuer, IssuingCore } from './core.ts'
import { CodedError } from './errors.ts'
import { forgetIssuerStatus } from './issuer-status.ts'
import type { Actor, CrlRow, Json, RecordDraft } from './ports.ts'
import { readWholeCrl, wholeCrl } from './x509/crl-content.ts'
import { type CrlEntry, crlEntries } from './x509/crl-entries.ts'
import { type Crl, crlAuthorityKeyIdentifierOf, crlNumberOf, parseCrl } from './x509/crl.ts'
import { EXT } from './x509/oids.ts'

/** A root certifies a few CAs: its list is small, and its changes fit into one record of the log. */
const MAX_BYTES = 131_072
const MAX_ENTRIES = 500

/** Rules that an imported list can break; stable, in `extra.rule`. */
export type CrlRule =
  | 'issuer'
  | 'key-is-here'
  | 'signature'
  | 'complete-list'
  | 'number'
  | 'number-increases'
  | 'this-update'
  | 'this-update-not-back'
  | 'next-update'
  | 'entry-stays'
  | 'issuing-ca-good'

/** A list that passed; only `checkCrl` makes one. */
export interface CheckedCrl {
  readonly row: CrlRow
  readonly entries: readonly CrlEntry[]
}

type ImportingCore = Pick<IssuingCore, 'ports' | 'issuers'>

function refuse(rule: CrlRule, text: string): never {
  throw new CodedError('CRL_REFUSED', `CRL is refused, rule ${rule}: ${text}`, { extra: { rule } })
}

/** The CA that the list is of, by name and, where several have that name, by key identifier. */
function issuerOf(issuers: ReadonlyMap<string, Issuer>, crl: Crl): Issuer {
  const named = [...issuers.values()].filter(
    ({ certificate }) => compareBytes(certificate.subject.raw, crl.issuer.raw) === 0,
  )
  if (named.length === 0) refuse('issuer', 'its issuer is no CA of this service (RFC 5280 §5.1.2.3)')
  const elsewhere = named.find(({ keyId }) => keyId === null)
  return elsewhere ?? refuse('key-is-here', 'the key of its issuer is in this house, which makes its CRLs')
}

function checkSignature(crl: Crl, issuer: Issuer): void {
  const keyIdentifier = crlAuthorityKeyIdentifierOf(crl)?.keyIdentifier
  if (keyIdentifier && compareBytes(keyIdentifier, issuer.subjectKeyIdentifier) !== 0)
    refuse('issuer', 'its authorityKeyIdentifier names another key (RFC 5280 §5.2.1)')
  const isSigned =
    compareBytes(crl.signatureAlgorithm.raw, issuer.signatureAlgorithm.identifierDer) === 0 &&
    verifySignature(signatureAlgorithmOf(crl.signatureAlgorithm), issuer.publicKey, crl.tbs, crl.signature)
  if (!isSigned) refuse('signature', 'it is not signed by the key of its issuer (RFC 5280 §6.3.3 (g))')
}

/** Version 2 with exactly the extensions of a full list: a part of a list must not stand in for the whole. */
function checkForm(crl: Crl): void {
  const known: readonly string[] = [EXT.authorityKeyIdentifier, EXT.crlNumber]
  const other = [...crl.extensions].find(([oid, { critical }]) => critical || !known.includes(oid))
  if (crl.version !== 2 || other)
    refuse('complete-list', 'it is not a full CRL of version 2 with a number alone (RFC 5280 §5.2)')
}

function numberOf(crl: Crl): bigint {
  const number = crlNumberOf(crl)
  if (number === undefined || number < 0n || number >= 2n ** 159n)
    refuse('number', 'it has no number between 0 and 2^159 (RFC 5280 §5.2.3)')
  return number
}

function nextUpdateOf(crl: Crl, now: Date): Date {
  if (crl.thisUpdate > now) refuse('this-update', 'it is from the future: look at the clocks')
  if (crl.nextUpdate === undefined || crl.nextUpdate <= now)
    refuse('next-update', 'it is over, or says no end (RFC 5280 §5.1.2.5)')
  return crl.nextUpdate
}

function entriesOf(crl: Crl): CrlEntry[] {
  const entries: CrlEntry[] = []
  for (const entry of crlEntries(crl)) {
    if (entries.length >= MAX_ENTRIES) throw tooLarge()
    if ([...entry.extensions.values()].some(({ critical }) => critical) || entry.certificateIssuer)
      refuse('complete-list', 'an entry has an extension that changes its meaning (RFC 5280 §5.3)')
    entries.push(entry)
  }
  if (new Set(entries.map(({ serialHex }) => serialHex)).size < entries.length)
    refuse('complete-list', 'a serial occurs twice')
  return entries
}

const tooLarge = (): CodedError =>
  new CodedError(
    'INPUT_TOO_LARGE',
    `CRL of an offline root: at most ${MAX_BYTES} bytes, ${MAX_ENTRIES} entries`,
  )

/**
 * Checks a list by itself.
 *
 * @param crlDer one CertificateList, DER
 * @param issuers every CA of this house
 * @throws {CRL_REFUSED} with the rule in `extra.rule` {INPUT_MALFORMED} {INPUT_TOO_LARGE}
 * @see RFC 5280 §5, §6.3.3
 */
export function checkCrl(crlDer: Uint8Array, issuers: ReadonlyMap<string, Issuer>, now: Date): CheckedCrl {
  if (crlDer.length > MAX_BYTES) throw tooLarge()
  const crl = parseCrl(crlDer)
  const issuer = issuerOf(issuers, crl)
  checkSignature(crl, issuer)
  checkForm(crl)
  const entries = entriesOf(crl)
  const row = {
    issuerId: issuer.issuerId,
    shard: null,
    number: String(numberOf(crl)),
    thisUpdate: crl.thisUpdate,
    nextUpdate: nextUpdateOf(crl, now),
    entryCount: entries.length,
    content: wholeCrl(crlDer),
  }
  return { row, entries }
}

/** Issuing CAs of this house that the list revokes. */
export const revokedIssuers = (
  entries: readonly CrlEntry[],
  issuers: ReadonlyMap<string, Issuer>,
): string[] =>
  [...issuers.values()]
    .filter(
      ({ certificate, role }) =>
        role === 'issuing' && entries.some((e) => e.serialHex === certificate.serialHex),
    )
    .map(({ issuerId }) => issuerId)

/** The published list with its entries: no more than an imported one may have. */
interface LastCrl {
  readonly last: CrlRow
  readonly entries: readonly CrlEntry[]
}

async function findLast({ ports: { store } }: ImportingCore, issuerId: string): Promise<LastCrl | undefined> {
  const last = await store.lastCrl({ issuerId, shard: null })
  return last && { last, entries: [...crlEntries(parseCrl(await readWholeCrl(store, last.content)))] }
}

/** The list is newer than the published one, and takes no revocation back. @throws {CRL_REFUSED} */
function checkAfter(
  { row, entries }: CheckedCrl,
  { last, entries: lastEntries }: LastCrl,
  core: ImportingCore,
): void {
  if (BigInt(row.number) <= BigInt(last.number))
    refuse(
      'number-increases',
      `its number ${row.number} is not above ${last.number} of the published one (RFC 5280 §5.2.3)`,
    )
  if (row.thisUpdate < last.thisUpdate)
    refuse('this-update-not-back', 'its thisUpdate lies before that of the published one (RFC 5280 §5.1.2.4)')
  const before = lastEntries.filter(({ reason }) => reason !== 'certificateHold')
  const kept = new Set(revokedIssuers(entries, core.issuers))
  const lost = revokedIssuers(before, core.issuers).find((issuerId) => !kept.has(issuerId))
  if (lost !== undefined) refuse('entry-stays', `it takes back the revocation of ${lost} (RFC 5280 §3.3)`)
}

function importedRecord(
  checked: CheckedCrl,
  last: LastCrl | undefined,
  core: ImportingCore,
  actor: Actor,
): RecordDraft {
  const { row, entries } = checked
  const before = new Set(last?.entries.map(({ serialHex }) => serialHex))
  const after = new Set(entries.map(({ serialHex }) => serialHex))
  const data: Record<string, Json> = {
    issuerId: row.issuerId,
    shard: null,
    crlNumber: row.number,
    added: [...after].filter((serialHex) => !before.has(serialHex)),
    removed: [...before].filter((serialHex) => !after.has(serialHex)),
    revokedIssuers: revokedIssuers(entries, core.issuers),
    thisUpdate: row.thisUpdate.toISOString(),
    nextUpdate: row.nextUpdate.toISOString(),
    entryCount: row.entryCount,
    crlSha256: row.content.sha256,
  }
  return { type: 'crl.imported', at: core.ports.now(), ...actor, data }
}

/**
 * Checks and publishes the CRL of a CA whose key is elsewhere; durable on return, served at the next request.
 *
 * @throws {CRL_REFUSED} with the rule in `extra.rule`; nothing is changed
 * @throws {INPUT_MALFORMED} {INPUT_TOO_LARGE}
 * @throws {REVOCATION_CONFLICT} when another process published at the same moment {STORE_UNAVAILABLE}
 */
export async function importCrl(core: ImportingCore, crlDer: Uint8Array, actor: Actor): Promise<CrlRow> {
  const checked = checkCrl(crlDer, core.issuers, core.ports.now())
  return publishChecked(core, checked, actor)
}

/** The second half of `importCrl`, for a ceremony that checks first and publishes at its end. */
export async function publishChecked(
  core: ImportingCore,
  checked: CheckedCrl,
  actor: Actor,
): Promise<CrlRow> {
  const { store } = core.ports
  const { row } = checked
  const last = await findLast(core, row.issuerId)
  if (last) checkAfter(checked, last, core)
  await store.publishCrl(row, last?.last.number ?? null, [importedRecord(checked, last, core, actor)])
  forgetIssuerStatus(store)
  return row
}
