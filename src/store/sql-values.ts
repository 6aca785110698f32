/** What goes into a statement and what comes out, on either engine. */

/** What a column can be given. */
export type SqlValue = null | number | string | Uint8Array

/** A connection of the pool; only the files of an engine and the bulk insert look inside. */
export type RawConnection = object

/** One row as the driver gives it. */
export type SqlRow = Record<string, unknown>
