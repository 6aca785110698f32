/** Puts a WHERE together from optional conditions; values only ever go in as parameters. */
import type { SqlValue } from './dialect.ts'
import type { TenantFilter } from './values.ts'

/** Conditions with the values of their placeholders. */
export type Conditions = {
  /** Adds a condition when its value is given. */
  readonly add: (sql: string, ...values: readonly (SqlValue | undefined)[]) => void
  /** Rows of this tenant only, unless `all`. Null: rows that belong to no tenant. */
  readonly tenant: (column: string, tenant: TenantFilter | null) => void
  /** Rows after a position, newest first. */
  readonly after: (
    columns: readonly [string, string],
    position: { readonly at: number; readonly key: SqlValue } | undefined,
  ) => void
  readonly sql: () => string
  readonly values: () => SqlValue[]
}

/** Starts an empty list of conditions. */
export function createConditions(): Conditions {
  const parts: string[] = []
  const values: SqlValue[] = []
  const add: Conditions['add'] = (sql, ...given) => {
    const present = given.filter((value) => value !== undefined)
    if (present.length !== given.length) return
    parts.push(sql)
    values.push(...present)
  }
  return {
    add,
    tenant: (column, tenant) => {
      if (tenant === 'all') return
      if (tenant === null) add(`${column} IS NULL`)
      else add(`${column} = ?`, tenant)
    },
    after: ([time, key], position) => {
      if (position !== undefined) add(`(${time}, ${key}) < (?, ?)`, position.at, position.key)
    },
    sql: () => (parts.length === 0 ? '' : `WHERE ${parts.join(' AND ')}`),
    values: () => [...values],
  }
}
