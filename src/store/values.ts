/** Between columns and plain data: instants, bytes, JSON. */
import { CodedError } from '../../ca/errors.ts'

/** Instant of a column that is never null: milliseconds since 1970, which PostgreSQL gives as text. */
export const toDate = (value: unknown): Date => new Date(Number(value))

/** Instant of a column that may be null. */
export const toDateOrNull = (value: unknown): Date | null => (value == null ? null : toDate(value))

/** Milliseconds of an instant, or null. */
export const toMillis = (date: Date | null | undefined): number | null => date?.getTime() ?? null

/** Text of a column that may be null. */
export const toTextOrNull = (value: unknown): string | null => (value == null ? null : String(value))

/** Bytes of a column, as a plain view. */
export function toBytes(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) {
    throw new CodedError('STORE_UNAVAILABLE', 'The database holds no bytes where bytes must be')
  }
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
}

/** Whose rows a reader may see. */
export type TenantFilter = string | 'all'

/** What follows a page, and the page. */
export type Page<T> = { readonly items: readonly T[]; readonly nextCursor: string | null }
