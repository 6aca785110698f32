/** Keyset paging, newest first: a page after another costs the same as the first, however deep. */
import { CodedError } from '../../ca/errors.ts'
import type { SqlRow } from './dialect.ts'
import type { Page } from './values.ts'

/** Where a page starts: the time and key of the last row before it. */
export type Position = { readonly at: number; readonly key: string }

/** One page is wanted. */
export type PageRequest = { readonly cursor?: string | undefined; readonly limit?: number | undefined }

const MAX_LIMIT = 1_000
const DEFAULT_LIMIT = 50
const CURSOR = /^(\d{1,16})~([0-9A-Za-z._-]{1,80})$/

const invalidCursor = (): CodedError =>
  new CodedError('CURSOR_INVALID', 'The cursor is not one that this list has given')

/** Rows a page holds. */
export const readLimit = (request: PageRequest): number =>
  Math.min(Math.max(Math.trunc(request.limit ?? DEFAULT_LIMIT), 1), MAX_LIMIT)

/**
 * Reads a cursor. It says only where to go on; whose rows are seen is decided anew on every page.
 *
 * @throws {CURSOR_INVALID}
 */
export function parseCursor(cursor: string | undefined): Position | undefined {
  if (cursor === undefined) return undefined
  const [, at, key] = CURSOR.exec(cursor) ?? []
  if (at === undefined || key === undefined) {
    throw invalidCursor()
  }
  return { at: Number(at), key }
}

/** Reads a cursor of a list whose key is a row number. @throws {CURSOR_INVALID} */
export function parseRowCursor(cursor: string | undefined): { at: number; key: number } | undefined {
  const position = parseCursor(cursor)
  if (position === undefined) return undefined
  const key = Number(position.key)
  if (!Number.isSafeInteger(key)) throw invalidCursor()
  return { at: position.at, key }
}

/** Makes a page of `limit + 1` rows that were read. */
export function buildPage<T>(
  rows: readonly SqlRow[],
  limit: number,
  toItem: (row: SqlRow) => T,
  toPosition: (row: SqlRow) => Position,
): Page<T> {
  const last = rows.length > limit ? rows[limit - 1] : undefined
  const position = last === undefined ? undefined : toPosition(last)
  return {
    items: rows.slice(0, limit).map(toItem),
    nextCursor: position === undefined ? null : `${position.at}~${position.key}`,
  }
}
