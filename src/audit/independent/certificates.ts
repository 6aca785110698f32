/**
 * Everything the records say about certificates, in columns, so that ten million fit in memory
 * (about 160 bytes each).
 */
import { type Entry, textOf } from './entry.ts'

/** Where an issued serial stands. */
export const STATE = { intended: 1, issued: 2, closed: 3 } as const

/** Status of a certificate. */
export const STATUS = { good: 0, held: 1, revoked: 2 } as const

/** Columns by row number; `find` gives the row of a certificate. */
export type Certificates = {
  readonly find: (key: string) => number | undefined
  readonly add: (key: string) => number
  readonly count: () => number
  readonly state: number[]
  readonly status: number[]
  /** Milliseconds since 1970; NaN while unknown. */
  readonly issuedAt: number[]
  readonly notBefore: number[]
  readonly notAfter: number[]
  /** Row of `kinds`. */
  readonly kind: number[]
  /** `class`, `profile`, `algorithm`. */
  readonly kinds: (readonly [string, string, string])[]
  /** Steps of the few whose status ever changed: time and new status, in log order. */
  readonly steps: Map<number, { time: number; status: number }[]>
  readonly kindOf: (data: Entry['data']) => number
}

/** Key of a certificate. */
export const certificateKey = (data: Entry['data']): string | undefined => {
  const [issuer, serial] = [textOf(data, 'issuerId'), textOf(data, 'serialHex')]
  return issuer === undefined || serial === undefined ? undefined : `${issuer}/${serial}`
}

/** An empty table. */
export function createCertificates(): Certificates {
  // A Map holds at most 2^24 keys; serials end in random digits, so this spreads them over 256.
  const shards = new Map<string, Map<string, number>>()
  const kindRows = new Map<string, number>()
  const shardOf = (key: string): Map<string, number> => {
    const name = key.slice(-2)
    const known = shards.get(name) ?? new Map<string, number>()
    shards.set(name, known)
    return known
  }
  const table: Certificates = {
    find: (key) => shardOf(key).get(key),
    count: () => table.state.length,
    add: (key) => {
      const row = table.state.length
      shardOf(key).set(key, row)
      table.state.push(STATE.intended)
      table.status.push(STATUS.good)
      table.issuedAt.push(Number.NaN)
      table.notBefore.push(Number.NaN)
      table.notAfter.push(Number.NaN)
      table.kind.push(-1)
      return row
    },
    kindOf: (data) => {
      const kind = ['class', 'profile', 'algorithm'].map((name) => textOf(data, name) ?? '?')
      const name = kind.join('\n')
      const known = kindRows.get(name)
      if (known !== undefined) return known
      const [className = '', profile = '', algorithm = ''] = kind
      kindRows.set(name, table.kinds.length)
      return table.kinds.push([className, profile, algorithm]) - 1
    },
    state: [],
    status: [],
    issuedAt: [],
    notBefore: [],
    notAfter: [],
    kind: [],
    kinds: [],
    steps: new Map(),
  }
  return table
}

/** Classes of the institution's own certificates. */
export const isOwnClass = (className: string): boolean => ['ca', 'ocsp', 'tsa'].includes(className)

/** Number in a column, NaN where there is none. */
export const cell = (column: readonly number[], row: number): number => column[row] ?? Number.NaN

/** Class of a certificate; empty while it is only intended. */
export const classOf = (table: Certificates, row: number): string =>
  table.kinds[cell(table.kind, row)]?.[0] ?? ''
