/**
 * The checks before anything is written: is this the log whose checkpoint others hold, and is it whole?
 *
 * Every doubt is a refusal. An operator resolves it: restore a newer backup, or rebuild the tiles.
 */
import { CodedError } from '../../ca/errors.ts'
import { isSameBytes } from '../lib/bytes.ts'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import type { CheckpointCopy, LogState, LogStore } from './log-store.ts'
import { HASH_BYTES, hashLeaf, readRoot } from './merkle.ts'
import type { NoteKey, NoteSigner } from './note.ts'
import { createSubtreeReader } from './tile.ts'
import { hashEdge, readEdge, type TreeEdge } from './tree-edge.ts'

/** What a start works with. */
export type StartPorts = {
  readonly store: LogStore
  readonly published: CheckpointCopy
  readonly signer: NoteSigner
  readonly now: () => Date
}

/** A log that may be written: its state, its edge, and whether the copy outside lags behind the head. */
export type LogStart = {
  readonly state: LogState
  readonly edge: TreeEdge
  readonly published: Uint8Array | null
  readonly publish: boolean
}

const encoder = new TextEncoder()

const refuse = (code: string, message: string): CodedError => new CodedError(code, message)

const openOwn = (bytes: Uint8Array, key: NoteKey, what: string): Checkpoint => {
  const checkpoint = openCheckpoint(bytes, key)
  if (checkpoint === null) throw refuse('LOG_CORRUPT', `${what} is not signed by the key of this log`)
  return checkpoint
}

const checkHead = ({ head }: LogState, key: NoteKey): void => {
  const checkpoint = openOwn(encoder.encode(head.checkpoint), key, 'The stored checkpoint')
  if (checkpoint.size !== head.size || !isSameBytes(checkpoint.root, head.root)) {
    throw refuse('LOG_CORRUPT', 'The stored checkpoint is not that of the stored head')
  }
}

/** Compares the copy outside with the head; true when it must be published again. */
async function comparePublished(
  ports: StartPorts,
  state: LogState,
  copy: Uint8Array | null,
): Promise<boolean> {
  const { head } = state
  if (copy === null) {
    // Only a log that was made a moment ago may lack its copy.
    if (head.size === 0) return true
    throw refuse('LOG_CHECKPOINT_MISSING', 'The published checkpoint is gone; put back the last one known')
  }
  const published = openOwn(copy, ports.signer.key, 'The published checkpoint')
  if (published.size > head.size) {
    throw refuse(
      'LOG_STORE_OLDER',
      `The database holds ${head.size} records, ${published.size} are published`,
    )
  }
  const root =
    published.size === head.size
      ? head.root
      : await readRoot(
          published.size,
          createSubtreeReader((level, at) => ports.store.readTile(level, at)),
        )
  if (!isSameBytes(root, published.root)) {
    throw refuse('LOG_FORK', `At size ${published.size} the published root is not that of the database`)
  }
  return published.size < head.size
}

/** Loads the right edge and checks it against the root, and the records of its last tile against the edge. */
async function checkEdge(store: LogStore, { head }: LogState): Promise<TreeEdge> {
  const edge = await readEdge(head.size, (level, index) => store.readTile(level, index))
  if (!isSameBytes(hashEdge(edge), head.root)) {
    throw refuse('LOG_CORRUPT', 'Stored tiles do not hash to the root; rebuild the tiles')
  }
  const last = edge.tiles[0] ?? new Uint8Array(0)
  const start = head.size - last.length / HASH_BYTES
  const rows = await store.readLeaves(start, head.size)
  const isWhole =
    rows.length * HASH_BYTES === last.length &&
    rows.every((row, at) => {
      const hash = last.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)
      return row.index === start + at && isSameBytes(hashLeaf(row.leaf), hash)
    })
  if (!isWhole) throw refuse('LOG_CORRUPT', `Records from ${start} on do not hash to the tree`)
  return edge
}

/**
 * Checks state, published copy, clock, edge and last records.
 *
 * @throws {LOG_CHECKPOINT_MISSING} {LOG_STORE_OLDER} {LOG_FORK} {LOG_CORRUPT} {CLOCK_WENT_BACK}
 */
export async function checkStart(ports: StartPorts): Promise<LogStart> {
  const state = await ports.store.readState()
  if (state === null) throw refuse('LOG_CHECKPOINT_MISSING', 'This database holds no log; create one')
  checkHead(state, ports.signer.key)
  const published = await ports.published.read()
  const publish = await comparePublished(ports, state, published)
  const latest = state.pending?.at ?? state.head.at
  if (ports.now().toISOString() < latest) {
    throw refuse('CLOCK_WENT_BACK', `The clock is behind the last checkpoint of ${latest}`)
  }
  const edge = await checkEdge(ports.store, state)
  return { state, edge, published, publish }
}
