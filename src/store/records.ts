/**
 * Turns record drafts into rows of `audit_records`: id, time that never runs backwards, canonical leaf.
 *
 * The time of a record is that of its draft, or of the record before it where that is later: drafts of many
 * callers arrive a few milliseconds out of order, and readers rely on order. A clock that really jumped back is
 * caught by whoever signs (`CaStore.lastRecordTime`); refusing the record here would lose what was done.
 */
import { CodedError } from '../../ca/errors.ts'
import { buildRecordId, frameRecord, leafText, type RecordFrame, type RecordType } from '../audit/record.ts'
import type { RecordDraft } from '../../ca/ports.ts'
import type { Transaction } from './database.ts'
import { orderLockStatement, type SqlValue } from './dialect.ts'
import { AUDIT_RECORDS, insertRows } from './bulk-insert.ts'

/** Source of the random part of record ids. */
export type RandomBytes = (count: number) => Uint8Array

const ID_RANDOM_BYTES = 10

/** Frames of drafts, made when they were checked; nobody changes a draft after it was handed over. */
const frames = new WeakMap<RecordDraft, RecordFrame>()

/** @throws {AUDIT_RECORD_INVALID} {INPUT_MALFORMED} {INPUT_TOO_LARGE} */
function frameOf(draft: RecordDraft): RecordFrame {
  let frame = frames.get(draft)
  if (frame === undefined) {
    // Types of the core are plain text; one that is not in the list is refused.
    frame = frameRecord({ ...draft, type: draft.type as RecordType })
    frames.set(draft, frame)
  }
  return frame
}

/** Refuses drafts that can never become a leaf, before they share a transaction with others. */
export function checkDrafts(drafts: readonly RecordDraft[]): void {
  for (const draft of drafts) {
    if (Number.isNaN(draft.at.getTime()))
      throw new CodedError('AUDIT_RECORD_INVALID', 'Audit record: at is missing or not as it must be')
    frameOf(draft)
  }
}

/** When the last record was. */
export const LAST_TIME = 'SELECT at FROM audit_records ORDER BY seq DESC LIMIT 1'

async function readLastAt(trx: Transaction): Promise<number> {
  const [last] = await trx.rows(LAST_TIME)
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
  const rows = placeRecords(drafts, await readLastAt(trx), randomBytes)
  await insertRows(trx, AUDIT_RECORDS, rows)
  return rows.map((row) => String(row[0]))
}

/** Rows of the records: times that never run backwards from `lastAt` on, ids, leaves as text. */
export function placeRecords(
  drafts: readonly RecordDraft[],
  lastAt: number,
  randomBytes: RandomBytes,
): SqlValue[][] {
  const random = randomBytes(ID_RANDOM_BYTES * drafts.length)
  let last = lastAt
  let instant = new Date(last).toISOString()
  return drafts.map((draft, index) => {
    const at = Math.max(last, draft.at.getTime())
    // Most records of a batch share their millisecond.
    if (at !== last) instant = new Date(at).toISOString()
    last = at
    const start = index * ID_RANDOM_BYTES
    const id = buildRecordId(new Date(at), random.subarray(start, start + ID_RANDOM_BYTES))
    return [id, at, draft.type, draft.actor, draft.tenant, leafText(frameOf(draft), instant, id)]
  })
}
