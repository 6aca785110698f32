/**
 * What is forgotten, and when. Document bytes go after their period; certificates and identity evidence may not
 * go before five years after the certificate's end (Electronic Signature Law art. 24).
 *
 * Records stay for ever: they hold salted hashes only, and without salt and name those lead to nobody.
 */
import { CodedError } from '../../ca/errors.ts'
import type { RecordDraft } from '../../ca/ports.ts'
import type { Database, Transaction } from './database.ts'
import { queryRows } from './dialect.ts'
import type { DocumentFiles } from './document-files.ts'
import { type StoredDocument, toDocument } from './documents.ts'
import type { Committer } from './group-commit.ts'

/** Years that information about a certificate is kept after its end. */
const RETENTION_YEARS = 5

const DOCUMENTS_PER_SWEEP = 200
const HOUR_MS = 3_600_000
const PARTS_PER_SWEEP = 500

/** The first instant at which something that ended then may be erased: the same day and time, years later. */
function readRetentionEnd(ended: Date): Date {
  const end = new Date(ended)
  end.setUTCFullYear(end.getUTCFullYear() + RETENTION_YEARS)
  return end
}

function checkPeriod(ended: Date, now: Date): void {
  const end = readRetentionEnd(ended)
  if (now >= end) return
  throw new CodedError('RETENTION_NOT_OVER', `This must be kept until ${end.toISOString()}`, {
    extra: { keepUntil: end.toISOString() },
  })
}

type Key = { readonly issuerId: string; readonly serialHex: string }

async function eraseSubject(trx: Transaction, key: Key, now: Date): Promise<boolean> {
  const [row] = await trx.rows(
    `SELECT c.serial_id, c.not_after, c.erased_at FROM serials s JOIN certificates c ON c.serial_id = s.id
     WHERE s.serial_hex = ? AND s.issuer_id = ?`,
    [key.serialHex, key.issuerId],
  )
  if (row === undefined) throw new CodedError('CERT_NOT_FOUND', 'No certificate has this issuer and serial')
  if (row.erased_at != null) return false
  checkPeriod(new Date(Number(row.not_after)), now)
  await trx
    .table('certificates')
    .where({ serial_id: row.serial_id })
    .update({
      subject: null,
      common_name: null,
      subject_salt: null,
      // The certificate itself names the person.
      cert_der: new Uint8Array(0),
      erased_at: now.getTime(),
    })
  return true
}

async function eraseEvidence(trx: Transaction, id: string, now: Date): Promise<void> {
  const [row] = await trx.rows('SELECT created_at FROM identity_evidence WHERE id = ?', [id])
  if (row === undefined) {
    throw new CodedError('IDENTITY_EVIDENCE_NOT_FOUND', 'There is no identity evidence with this id')
  }
  const [last] = await trx.rows(
    'SELECT max(not_after) AS ended FROM certificates WHERE identity_evidence_id = ?',
    [id],
  )
  checkPeriod(new Date(Math.max(Number(row.created_at), Number(last?.ended ?? 0))), now)
  await trx.table('identity_evidence').where({ id }).delete()
}

async function eraseDocument(trx: Transaction, id: string, now: Date): Promise<boolean> {
  const count: unknown = await trx
    .table('documents')
    .where({ id, erased_at: null })
    .where('keep_until', '<=', now.getTime())
    .update({ erased_at: now.getTime(), name: null })
  return Number(count) > 0
}

async function pruneCrls(trx: Transaction, before: Date): Promise<number> {
  const rows = await trx.rows(
    `SELECT c.id FROM crls c WHERE c.crl_der IS NOT NULL AND EXISTS (SELECT 1 FROM crls n
       WHERE n.issuer_id = c.issuer_id AND n.shard = c.shard AND n.id > c.id AND n.this_update < ?)`,
    [before.getTime()],
  )
  const dropped = { crl_der: null, parts: null, tail_der: null }
  for (const { id } of rows) await trx.table('crls').where({ id }).update(dropped)
  return rows.length
}

async function pruneCrlParts(trx: Transaction, before: Date): Promise<number> {
  const lists = await trx.rows('SELECT parts FROM crls WHERE crl_der IS NOT NULL AND parts IS NOT NULL')
  const named = new Set(
    lists.flatMap(({ parts }) => (JSON.parse(String(parts)) as [string][]).map(([id]) => id)),
  )
  const old = await trx.rows('SELECT id FROM crl_parts WHERE made_at < ? ORDER BY id', [before.getTime()])
  const left = old.filter(({ id }) => !named.has(String(id))).slice(0, PARTS_PER_SWEEP)
  for (const { id } of left) await trx.table('crl_parts').where({ id }).delete()
  return left.length
}

/** Erasing over the database and the files. */
export function createRetention({ reader }: Database, committer: Committer, files: DocumentFiles) {
  return {
    /** Erases the bytes of documents whose period is over, each with its record; returns how many. */
    eraseDueDocuments: async (
      now: Date,
      toRecord: (document: StoredDocument) => RecordDraft,
    ): Promise<number> => {
      const sql = `SELECT * FROM documents WHERE erased_at IS NULL AND keep_until <= ? ORDER BY keep_until LIMIT ?`
      const due = (await queryRows(reader, sql, [now.getTime(), DOCUMENTS_PER_SWEEP])).map(toDocument)
      const erase = async (document: StoredDocument): Promise<boolean> => {
        const isErased = await committer.write<boolean>({
          run: (trx) => eraseDocument(trx, document.id, now),
          records: (isChanged) => (isChanged ? [toRecord(document)] : []),
        })
        // After the commit: a crash here leaves a file that nobody can reach, and the sweep takes it.
        await files.remove(document.id)
        return isErased
      }
      const results = await Promise.all(due.map(erase))
      return results.filter(Boolean).length
    },
    /** Removes files without a living row, an hour old at least: remains of crashes. */
    sweepFiles: async (now: Date): Promise<number> => {
      let removed = 0
      for (const name of await files.listOlderThan(new Date(now.getTime() - HOUR_MS))) {
        const sql = 'SELECT 1 AS found FROM documents WHERE id = ? AND erased_at IS NULL'
        if ((await queryRows(reader, sql, [name])).length > 0) continue
        await files.removeFile(name)
        removed++
      }
      return removed
    },
    /** Erases who a certificate names. @throws {CERT_NOT_FOUND} {RETENTION_NOT_OVER} */
    eraseSubject: async (key: Key, now: Date, records: readonly RecordDraft[]): Promise<void> => {
      await committer.write<boolean>({
        run: (trx) => eraseSubject(trx, key, now),
        records: (isChanged) => (isChanged ? records : []),
      })
    },
    /** @throws {IDENTITY_EVIDENCE_NOT_FOUND} {RETENTION_NOT_OVER} */
    eraseEvidence: (id: string, now: Date, records: readonly RecordDraft[]): Promise<void> =>
      committer.write<void>({ run: (trx) => eraseEvidence(trx, id, now), records }),
    /** Drops the octets of CRLs that a newer one followed before this instant; number, times and record stay. */
    pruneCrls: (before: Date): Promise<number> =>
      committer.write<number>({ run: (trx) => pruneCrls(trx, before), records: [] }),
    /** Drops parts made before this instant that no CRL names, at most a few at a time. @returns how many */
    pruneCrlParts: (before: Date): Promise<number> =>
      committer.write<number>({ run: (trx) => pruneCrlParts(trx, before), records: [] }),
  }
}
