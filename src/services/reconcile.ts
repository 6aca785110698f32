/**
 * Gives every intent its outcome. A crash between intent and outcome leaves an intent open: its serial is spent, its
 * key was perhaps used, and nobody got anything. The log says so before anything new is issued.
 *
 * Works from the records alone, each read once: what is open is carried along and saved, so that a start reads only
 * what came after the last look. Losing the saved state costs one reading from the beginning.
 */
import type { Json, RecordDraft } from '../../ca/ports.ts'
import type { AuditRecord, RecordType } from '../audit/record.ts'
import type { Store } from '../store/store.ts'

const STATE = 'reconcile.state'
/** Longer than a token lives: an intent as old as this has nobody working on it any more. */
const ABANDONED_MS = 900_000

interface OpenIntent {
  readonly type: string
  readonly at: string
  readonly tenant: string | null
  readonly data: AuditRecord['data']
}

interface State {
  /** The last row looked at. */
  row: number
  readonly open: Map<string, OpenIntent>
}

/** What an intent and its outcome have in common, by the area of their types. */
const NAME_OF: Readonly<Record<string, (data: AuditRecord['data']) => string>> = {
  certificate: ({ issuerId, serialHex }) => `certificate/${String(issuerId)}/${String(serialHex)}`,
  signature: ({ intentId }) => `signature/${String(intentId)}`,
  crl: ({ issuerId, shard, crlNumber }) =>
    `crl/${String(issuerId)}/${String(shard ?? null)}/${String(crlNumber)}`,
}

/** Intents and their outcomes; all others are passed over by the database. */
const TYPES: readonly RecordType[] = [
  'certificate.intent',
  'certificate.issued',
  'certificate.refused',
  'certificate.orphaned',
  'signature.intent',
  'signature.created',
  'signature.refused',
  'crl.intent',
  'crl.published',
  'crl.refused',
]

function see(open: Map<string, OpenIntent>, { type, at, tenant, data }: AuditRecord): void {
  const [area = '', action = ''] = type.split('.')
  const name = NAME_OF[area]?.(data)
  if (name === undefined) return
  if (action === 'intent') open.set(name, { type, at, tenant, data })
  else open.delete(name)
}

/** The records that close an intent which came to nothing. */
function closingOf({ type, tenant, data }: OpenIntent, at: Date): RecordDraft[] {
  const draft = (outcome: string, facts: Record<string, Json | undefined>): RecordDraft => ({
    type: outcome,
    at,
    actor: 'system',
    tenant,
    data: Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as Record<
      string,
      Json
    >,
  })
  const { serialHex, issuerId, intentId, keyId, shard, crlNumber } = data
  const code = 'CRASH'
  if (type === 'certificate.intent') return [draft('certificate.orphaned', { serialHex, issuerId, code })]
  if (type === 'crl.intent') return [draft('crl.refused', { issuerId, shard, crlNumber, code })]
  // An intent that names no certificate was for a one-time key, which lived in memory alone.
  const gone = issuerId === undefined ? [draft('key.destroyed', { keyId })] : []
  return [draft('signature.refused', { intentId, code }), ...gone]
}

const toJson = ({ row, open }: State): Json => ({ row, open: [...open] }) as unknown as Json

const fromJson = (value: Json | undefined): State => {
  const { row, open } = (value ?? { row: 0, open: [] }) as unknown as {
    row: number
    open: [string, OpenIntent][]
  }
  return { row, open: new Map(open) }
}

export interface Reconciler {
  /** Closes everything that is open; only while nobody is issuing. @returns how many intents */
  atStart(): Promise<number>
  /** Closes what has been open for so long that nobody can be working on it. @returns how many intents */
  closeAbandoned(): Promise<number>
}

export function createReconciler({
  store,
  now,
}: {
  readonly store: Pick<Store, 'records' | 'settings'>
  readonly now: () => Date
}): Reconciler {
  async function closeBefore(limit: number): Promise<number> {
    const state = fromJson(await store.settings.read(STATE))
    const last = await store.records.lastRow()
    if (state.row === last && state.open.size === 0) return 0
    for await (const { record } of store.records.stream(TYPES, state.row, last)) see(state.open, record)
    state.row = last
    const over = [...state.open].filter(([, intent]) => Date.parse(intent.at) <= limit)
    for (const [name] of over) state.open.delete(name)
    const at = now()
    // One transaction: the records that close them, and that they are closed.
    await store.settings.write(
      STATE,
      toJson(state),
      at,
      over.flatMap(([, intent]) => closingOf(intent, at)),
    )
    return over.length
  }
  return {
    atStart: () => closeBefore(Number.POSITIVE_INFINITY),
    closeAbandoned: () => closeBefore(now().getTime() - ABANDONED_MS),
  }
}
