/**
 * The database as an outsider reads it: with Node's own SQLite, one pass over each table, none of the service's code.
 * The schema in `src/store/migrations` is all that both share.
 */
import { DatabaseSync } from 'node:sqlite'

type Row = Readonly<Record<string, unknown>>

/** A taken serial, with its certificate where there is one. */
export type SerialRow = {
  readonly key: string
  readonly class: string
  readonly tbsSha256: string
  readonly spkiSha256: string
  readonly certificate: {
    readonly der: Uint8Array
    readonly sha256: string
    readonly notAfter: number
    readonly recordId: string | null
  } | null
}

/** One stored record with its place in the tree; null while it has none. */
export type RecordRow = { readonly index: number | null; readonly id: string; readonly leaf: Uint8Array }

/** What the tables hold; each iterator reads as it goes. */
export type HouseTables = {
  readonly serials: () => Iterable<SerialRow>
  readonly records: () => Iterable<RecordRow>
  /** State of what is revoked or held now, by issuer and serial. */
  readonly revocations: () => ReadonlyMap<string, string>
  /** Records that signatures name. */
  readonly signatures: () => readonly { readonly id: string; readonly recordId: string | null }[]
  readonly tile: (level: number, index: number) => Uint8Array | null
  /** Size of the head, whether a batch is pending, and how many places were given. */
  readonly log: () => { readonly size: number; readonly pending: boolean; readonly places: number }
  readonly count: (table: 'serials' | 'certificates' | 'audit_records') => number
  readonly integrity: () => string
  readonly close: () => void
}

const SERIALS = `SELECT s.issuer_id || '/' || s.serial_hex AS key, s.class, s.tbs_sha256, s.spki_sha256,
  c.serial_id, c.cert_der, c.cert_sha256, c.not_after, c.record_id
  FROM serials s LEFT JOIN certificates c ON c.serial_id = s.id ORDER BY s.id`

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null)
const bytes = (value: unknown): Uint8Array => (value instanceof Uint8Array ? value : new Uint8Array())

const toSerial = (row: Row): SerialRow => ({
  key: text(row['key']),
  class: text(row['class']),
  tbsSha256: text(row['tbs_sha256']),
  spkiSha256: text(row['spki_sha256']),
  certificate:
    row['serial_id'] === null
      ? null
      : {
          der: bytes(row['cert_der']),
          sha256: text(row['cert_sha256']),
          notAfter: Number(row['not_after']),
          recordId: textOrNull(row['record_id']),
        },
})

type Run = { readonly index: number; readonly row: number; readonly count: number }

/** Runs in order of their rows. @throws Error when they leave a gap, or two of them meet */
function readRuns(db: DatabaseSync): Run[] {
  const runs = db
    .prepare('SELECT first_index, first_row, count FROM log_runs ORDER BY first_row')
    .all()
    .map((row) => ({
      index: Number(row['first_index']),
      row: Number(row['first_row']),
      count: Number(row['count']),
    }))
  let end: Run = { index: 0, row: 0, count: 0 }
  for (const run of runs) {
    if (run.index !== end.index + end.count || run.row < end.row + end.count)
      throw new Error(`places of the log: the run at ${run.index} does not follow that at ${end.index}`)
    end = run
  }
  return runs
}

function* readRecords(db: DatabaseSync): Generator<RecordRow> {
  const runs = readRuns(db)
  let at = 0
  for (const row of db.prepare('SELECT seq, id, leaf FROM audit_records ORDER BY seq').iterate()) {
    const seq = Number(row['seq'])
    for (let run = runs[at]; run !== undefined && seq >= run.row + run.count; run = runs[at]) at++
    const run = runs[at]
    const index = run !== undefined && seq >= run.row ? run.index + seq - run.row : null
    yield { index, id: text(row['id']), leaf: bytes(row['leaf']) }
  }
}

/** Opens a database that nobody writes to now. */
export function openTables(file: string): HouseTables {
  const db = new DatabaseSync(file)
  db.exec('PRAGMA query_only = ON')
  const tile = db.prepare('SELECT hashes FROM log_tiles WHERE level = ? AND tile = ?')
  return {
    *serials() {
      for (const row of db.prepare(SERIALS).iterate()) yield toSerial(row)
    },
    records: () => readRecords(db),
    revocations: () =>
      new Map(
        db
          .prepare(`SELECT issuer_id || '/' || serial_hex AS key, state FROM revocations`)
          .all()
          .map((row) => [text(row['key']), text(row['state'])]),
      ),
    signatures: () =>
      db
        .prepare('SELECT id, record_id FROM signatures')
        .all()
        .map((row) => ({ id: text(row['id']), recordId: textOrNull(row['record_id']) })),
    tile: (level, index) => {
      const row = tile.get(level, index)
      return row === undefined ? null : bytes(row['hashes'])
    },
    log: () => {
      const row = db.prepare('SELECT size, pending_size FROM log_states WHERE id = 1').get()
      const places = db.prepare('SELECT sum(count) AS n FROM log_runs').get()?.['n']
      return {
        size: Number(row?.['size'] ?? -1),
        pending: row?.['pending_size'] != null,
        places: Number(places ?? 0),
      }
    },
    count: (table) => Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n']),
    integrity: () => text(db.prepare('PRAGMA quick_check').get()?.['quick_check']),
    close: () => db.close(),
  }
}
