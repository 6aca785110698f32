/**
 * Repeated requests: the same key, route and body gets the first answer again; another body is an error.
 *
 * A claim is taken before the work and finished after it. When the process dies in between, the next one gives the claim
 * back, or it can be taken over after a while: whoever does the work again looks for what was already done.
 */
import { CodedError } from '../../ca/errors.ts'
import type { Database, Transaction } from './database.ts'
import type { SqlRow } from './dialect.ts'
import type { Committer } from './group-commit.ts'

/** A request that may be a repeat. */
export type Claim = {
  /** Tenant and caller: a key of one never meets that of another. */
  readonly owner: string
  readonly key: string
  /** Method and path pattern. */
  readonly route: string
  readonly bodySha256: string
}

/** What to do with the request. */
export type ClaimResult =
  { readonly state: 'new' } | { readonly state: 'done'; readonly status: number; readonly response: string }

/** How long answers are kept, and how long work may take, in milliseconds. */
export type IdempotencyPeriods = { readonly keepMs?: number; readonly takeOverMs?: number }

const DAY_MS = 86_400_000
const TAKE_OVER_MS = 120_000

/** The state stands in the text: a partial index is not used for a value that comes later. */
export const ABANDON_ALL = `DELETE FROM idempotency_keys WHERE state = 'started'`

const columnsOf = (claim: Claim) => ({
  owner: claim.owner,
  key: claim.key,
  route: claim.route,
  body_sha256: claim.bodySha256,
})

function readClaim(row: SqlRow, claim: Claim, startedBefore: number): ClaimResult | 'take-over' {
  if (row.route !== claim.route || row.body_sha256 !== claim.bodySha256) {
    throw new CodedError('IDEMPOTENCY_KEY_REUSED', 'This Idempotency-Key was used for another request')
  }
  if (row.state === 'done')
    return { state: 'done', status: Number(row.status), response: String(row.response) }
  if (Number(row.created_at) < startedBefore) return 'take-over'
  throw new CodedError(
    'IDEMPOTENCY_IN_PROGRESS',
    'The first request with this Idempotency-Key is still running',
  )
}

async function begin(trx: Transaction, claim: Claim, now: number, keepMs: number, takeOverMs: number) {
  const row = { ...columnsOf(claim), state: 'started', created_at: now, expires_at: now + keepMs }
  const where = { owner: claim.owner, key: claim.key }
  await trx.table('idempotency_keys').where(where).where('expires_at', '<=', now).delete()
  const [found] = (await trx.table('idempotency_keys').where(where).forUpdate()) as SqlRow[]
  if (found === undefined) {
    await trx.table('idempotency_keys').insert(row)
    return { state: 'new' } as const
  }
  const result = readClaim(found, claim, now - takeOverMs)
  if (result !== 'take-over') return result
  await trx.table('idempotency_keys').where(where).update(row)
  return { state: 'new' } as const
}

/** Claims over the database. */
export function createIdempotency(_db: Database, committer: Committer, periods: IdempotencyPeriods = {}) {
  const keepMs = periods.keepMs ?? DAY_MS
  const takeOverMs = periods.takeOverMs ?? TAKE_OVER_MS
  return {
    /** @throws {IDEMPOTENCY_KEY_REUSED} {IDEMPOTENCY_IN_PROGRESS} */
    begin: (claim: Claim, now: Date): Promise<ClaimResult> =>
      committer.write<ClaimResult>({
        run: (trx) => begin(trx, claim, now.getTime(), keepMs, takeOverMs),
        records: [],
      }),
    /** Stores the answer for repeats; `response` is whatever the caller can make it from again. */
    finish: (claim: Claim, answer: { readonly status: number; readonly response: string }): Promise<void> =>
      committer.write<void>({
        run: async (trx) => {
          await trx
            .table('idempotency_keys')
            .where(columnsOf(claim))
            .update({ state: 'done', status: answer.status, response: answer.response })
        },
        records: [],
      }),
    /** Gives back every claim that is under way: for a process that knows that whoever took them is gone. */
    abandonAll: (): Promise<void> =>
      committer.write<void>({ run: async (trx) => void (await trx.rows(ABANDON_ALL)), records: [] }),
    /** Gives the claim back after a failure, so that the caller may try again. */
    abandon: (claim: Claim): Promise<void> =>
      committer.write<void>({
        run: async (trx) => {
          await trx
            .table('idempotency_keys')
            .where({ ...columnsOf(claim), state: 'started' })
            .delete()
        },
        records: [],
      }),
    /** Removes answers past their time; returns how many. */
    sweep: (now: Date): Promise<number> =>
      committer.write<number>({
        run: async (trx) =>
          Number(await trx.table('idempotency_keys').where('expires_at', '<=', now.getTime()).delete()),
        records: [],
      }),
  }
}
