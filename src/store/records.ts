/**
 * Turns record drafts into rows of `audit_records`: id, time that never runs backwards, canonical leaf.
 *
 * The time of a record is that of its draft, or of the record before it where that is later: drafts of many
 * callers arrive a few milliseconds out of order, and readers rely on order. A clock that really jumped back is
 * caught by whoever signs (`CaStore.lastRecordTime`); refusing the record here would lose what was done.
 */
import {
  type AuditRecord,
  buildRecordId,
  encodeRecord,
  encodeRecordData,
  type RecordType,
} from '../audit/record.ts'
import type { RecordDraft } from '../../ca/ports.ts'
import type { Transaction } from './database.ts'
import { orderLockStatement, type SqlValue } from './dialect.ts'
import { AUDIT_RECORDS, insertRows } from './bulk-insert.ts'

/** Source of the random part of record ids. */
export type RandomBytes = (count: number) => Uint8Array

const ID_RANDOM_BYTES = 10

/** Builds the record of a draft at this instant. @throws {AUDIT_RECORD_INVALID} {INPUT_TOO_LARGE} */
function buildRecord(draft: RecordDraft, at: Date, random: Uint8Array): AuditRecord {
  return {
    v: 1,
    id: buildRecordId(at, random),
    at: at.toISOString(),
    // Types of the core are plain text; encodeRecord refuses one that is not in the list.
    type: draft.type as RecordType,
    actor: draft.actor,
    tenant: draft.tenant,
    data: draft.data,
  }
}

/** What drafts say, encoded when they were checked; nobody changes a draft after it was handed over. */
const dataTexts = new WeakMap<RecordDraft, string>()

function encodeDraft(draft: RecordDraft, record: AuditRecord): Uint8Array {
  let text = dataTexts.get(draft)
  if (text === undefined) {
    text = encodeRecordData(draft.data)
    dataTexts.set(draft, text)
  }
  return encodeRecord(record, text)
}

/** Refuses drafts that can never become a leaf, before they share a transaction with others. */
export function checkDrafts(drafts: readonly RecordDraft[]): void {
  const random = new Uint8Array(ID_RANDOM_BYTES)
  for (const draft of drafts) encodeDraft(draft, buildRecord(draft, draft.at, random))
}

async function readLastAt(trx: Transaction): Promise<number> {
  const [last] = await trx.rows('SELECT at FROM audit_records ORDER BY seq DESC LIMIT 1')
  return last === undefined ? 0 : Number(last.at)
}

/** Writes the records of a batch in this order; returns their ids. */
export async function insertRecords(
  trx: Transaction,
  drafts: readonly RecordDraft[],
  randomBytes: RandomBytes,
): Promise<string[]> {
  if (drafts.length === 0) return []
  const lock = orderLockStatement(trx.client)
  if (lock !== undefined) await trx.rows(lock)
  let last = await readLastAt(trx)
  const random = randomBytes(ID_RANDOM_BYTES * drafts.length)
  const rows: SqlValue[][] = drafts.map((draft, index) => {
    last = Math.max(last, draft.at.getTime())
    const start = index * ID_RANDOM_BYTES
    const record = buildRecord(draft, new Date(last), random.subarray(start, start + ID_RANDOM_BYTES))
    return [record.id, last, record.type, record.actor, record.tenant, encodeDraft(draft, record)]
  })
  await insertRows(trx, AUDIT_RECORDS, rows)
  return rows.map((row) => String(row[0]))
}
