/**
 * The sequencer: gives records their places in the tree and publishes signed checkpoints.
 *
 * Order of writes: (1) hash the batch in memory; (2) **commit** places and the new head as pending, by
 * compare-and-swap; (3) sign the checkpoint of exactly that head; (4) store tiles and checkpoint, by
 * compare-and-swap; (5) publish the copy outside the database; (6) only now release those who wait.
 * Ed25519 is deterministic, so repeating (3) after a crash makes the same bytes and never a second head of
 * that size. After any failure the next tick runs the same recovery as a start.
 *
 * It trusts the log state and the published copy, and checks rows and tiles against them. I/O only through
 * the ports.
 */
import { CodedError, isCoded } from '../../ca/errors.ts'
import { signCheckpoint } from './checkpoint.ts'
import type { CheckpointCopy, LogHead, LogState, LogStore, PendingHead, TileWrite } from './log-store.ts'
import { hashEmpty, hashLeaf } from './merkle.ts'
import type { NoteSigner } from './note.ts'
import { checkStart } from './sequencer-start.ts'
import { appendLeaves, type TreeEdge } from './tree-edge.ts'
import { createWaiters, type SequencedRecord } from './waiters.ts'

/** What the sequencer works with. */
export type SequencerPorts = {
  readonly store: LogStore
  readonly published: CheckpointCopy
  /** Its key's name is the origin of the log. */
  readonly signer: NoteSigner
  readonly now: () => Date
  /** Records a tick takes at most; 4,096 when left out. */
  readonly batchSize?: number
}

/** What a tick did. */
export type TickResult = { readonly sequenced: number; readonly size: number }

/** A running sequencer; there is one for each log. */
export type Sequencer = {
  /**
   * Takes one batch; calls made while one runs share it.
   *
   * @throws {LOG_CONFLICT} another sequencer wrote to this log: this one is dead
   * @throws {CLOCK_WENT_BACK} until the clock has caught up
   * @throws {AUDIT_UNAVAILABLE} when storage or key failed; the next tick recovers
   */
  readonly tick: () => Promise<TickResult>
  /** Resolves when the record's place is in a published checkpoint; rejects when the sequencer closes or dies. */
  readonly sequenced: (id: string) => Promise<SequencedRecord>
  /** The same for many records with one look-up. */
  readonly sequencedAll: (ids: readonly string[]) => Promise<SequencedRecord[]>
  /** The published head. */
  readonly head: () => LogHead
  /** Waits for the running tick and turns away those who still wait. */
  readonly close: () => Promise<void>
}

const DEFAULT_BATCH = 4096
const FATAL = ['LOG_CONFLICT', 'LOG_FORK', 'LOG_STORE_OLDER', 'LOG_CORRUPT', 'LOG_CHECKPOINT_MISSING']

const encoder = new TextEncoder()

const conflict = (): CodedError =>
  new CodedError('LOG_CONFLICT', 'Another sequencer has written to this log; this one stops')

/**
 * Makes an empty log: its own step, so that a wrong path or an emptied database never starts a second log.
 *
 * @throws {LOG_CONFLICT} when a state or a published checkpoint is already there
 */
export async function createLog(ports: Omit<SequencerPorts, 'batchSize'>): Promise<void> {
  if ((await ports.published.read()) !== null) throw conflict()
  const root = hashEmpty()
  const checkpoint = await signCheckpoint({ origin: ports.signer.key.name, size: 0, root }, ports.signer)
  const head = { size: 0, root, at: ports.now().toISOString(), checkpoint }
  if (!(await ports.store.createState({ head, pending: null }))) throw conflict()
  if (!(await ports.published.replace(null, encoder.encode(checkpoint)))) throw conflict()
}

type Position = { head: LogHead; edge: TreeEdge; published: Uint8Array }
type Batch = { pending: PendingHead; edge: TreeEdge; tiles: TileWrite[]; ids: string[] }

/** Steps 3 to 5 for a head that is pending; both the tick and recovery come through here. */
async function finishBatch(ports: SequencerPorts, position: Position, batch: Batch): Promise<Position> {
  const { size, root, at } = batch.pending
  const checkpoint = await signCheckpoint({ origin: ports.signer.key.name, size, root }, ports.signer)
  const head = { size, root, at, checkpoint }
  if (!(await ports.store.completePending(head, batch.tiles))) throw conflict()
  const published = encoder.encode(checkpoint)
  if (!(await ports.published.replace(position.published, published))) throw conflict()
  return { head, edge: batch.edge, published }
}

/** Brings the log to a state where nothing is pending and the copy outside is the head. */
async function recover(ports: SequencerPorts): Promise<Position> {
  const start = await checkStart(ports)
  const published = encoder.encode(start.state.head.checkpoint)
  if (start.publish && !(await ports.published.replace(start.published, published))) throw conflict()
  const position = { head: start.state.head, edge: start.edge, published }
  const batch = await readPending(ports.store, start.state, start.edge)
  return batch === null ? position : await finishBatch(ports, position, batch)
}

async function readPending(store: LogStore, state: LogState, edge: TreeEdge): Promise<Batch | null> {
  const { head, pending } = state
  if (pending === null) return null
  const rows = await store.readLeaves(head.size, pending.size)
  const next = appendLeaves(
    edge,
    rows.map((row) => hashLeaf(row.leaf)),
  )
  const isSame = next.edge.size === pending.size && next.root.every((byte, at) => byte === pending.root[at])
  if (!isSame) throw new CodedError('LOG_CORRUPT', 'Records of the pending batch do not hash to its root')
  return { pending, edge: next.edge, tiles: next.tiles, ids: rows.map((row) => row.id) }
}

async function takeBatch(ports: SequencerPorts, { head, edge }: Position): Promise<Batch | null> {
  const at = ports.now().toISOString()
  if (at < head.at) {
    throw new CodedError('CLOCK_WENT_BACK', `The clock is behind the last checkpoint of ${head.at}`)
  }
  const rows = await ports.store.readUnsequenced(ports.batchSize ?? DEFAULT_BATCH)
  if (rows.length === 0) return null
  const next = appendLeaves(
    edge,
    rows.map((row) => hashLeaf(row.leaf)),
  )
  const pending = { size: next.edge.size, root: next.root, at }
  const keys = rows.map((row) => row.row)
  if (!(await ports.store.commitPending(head, pending, keys))) throw conflict()
  return { pending, edge: next.edge, tiles: next.tiles, ids: rows.map((row) => row.id) }
}

const only = ([record]: readonly SequencedRecord[]): SequencedRecord => {
  if (record === undefined) throw new CodedError('AUDIT_UNAVAILABLE', 'The record has no place')
  return record
}

const toCoded = (error: unknown): CodedError =>
  isCoded(error)
    ? error
    : new CodedError('AUDIT_UNAVAILABLE', 'The audit log cannot be written now', { cause: error })

/**
 * Starts the sequencer of a log that exists, after checking that nothing was set back or forked.
 *
 * @throws {LOG_STORE_OLDER} the database is older than the published checkpoint
 * @throws {LOG_FORK} both have the same size and another root, or the published one is no prefix of ours
 * @throws {LOG_CHECKPOINT_MISSING} the log was never created, or its published checkpoint is gone
 * @throws {LOG_CORRUPT} rows, tiles or checkpoint do not fit the root
 * @throws {CLOCK_WENT_BACK} the clock is behind the last checkpoint
 */
export async function openSequencer(ports: SequencerPorts): Promise<Sequencer> {
  const waiters = createWaiters(ports.store)
  let position = await recover(ports)
  let needsRecovery = false
  let dead: CodedError | null = null
  let running: Promise<TickResult> | null = null

  const die = (error: CodedError): void => {
    dead = error
    waiters.rejectAll(error)
  }

  const runTick = async (): Promise<TickResult> => {
    const before = position.head.size
    if (needsRecovery) {
      position = await recover(ports)
      needsRecovery = false
      await waiters.settle(position.head.size)
    }
    const batch = await takeBatch(ports, position)
    if (batch !== null) {
      position = await finishBatch(ports, position, batch)
      waiters.resolve(batch.ids, position.head.size)
    }
    return { sequenced: position.head.size - before, size: position.head.size }
  }

  const guardedTick = async (): Promise<TickResult> => {
    try {
      return await runTick()
    } catch (cause) {
      const error = toCoded(cause)
      // An unknown outcome of a write is never guessed: the next tick reads what is there.
      needsRecovery = true
      if (FATAL.includes(error.code)) die(error)
      throw error
    } finally {
      running = null
    }
  }

  const wait = async (ids: readonly string[]): Promise<SequencedRecord[]> => {
    if (dead !== null) throw dead
    return await waiters.wait(ids, () => position.head.size)
  }

  return {
    tick: () => (dead === null ? (running ??= guardedTick()) : Promise.reject(dead)),
    sequencedAll: wait,
    sequenced: async (id) => only(await wait([id])),
    head: () => position.head,
    close: async () => {
      await running?.catch(() => undefined)
      die(new CodedError('AUDIT_UNAVAILABLE', 'The sequencer is closed'))
    },
  }
}
