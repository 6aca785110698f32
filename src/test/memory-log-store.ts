/** A log store and a checkpoint copy in memory, for tests, whose calls can be made to fail. */
import type { CheckpointCopy, LogState, LogStore, TileWrite } from '../audit/log-store.ts'

type Row = { row: number; id: string; leaf: Uint8Array; index: number | null }

/** What is durable: survives a restart of the sequencer in a test. */
export type MemoryDisk = {
  rows: Row[]
  state: LogState | null
  tiles: Map<string, Uint8Array>
  published: Uint8Array | null
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

/** An empty disk. */
export const makeDisk = (): MemoryDisk => ({ rows: [], state: null, tiles: new Map(), published: null })

/** A copy of a disk, as a backup would be. */
export const copyDisk = (disk: MemoryDisk): MemoryDisk => structuredClone(disk)

/** Writes a record row, as a business transaction does. */
export const addRow = (disk: MemoryDisk, id: string, leaf: Uint8Array): void => {
  disk.rows.push({ row: disk.rows.length + 1, id, leaf, index: null })
}

const inPlaces = (disk: MemoryDisk, start: number, end: number) =>
  disk.rows
    .filter((row) => row.index !== null && row.index >= start && row.index < end)
    .map(({ index, id, leaf }) => ({ index: index!, id, leaf }))
    .sort((a, b) => a.index - b.index)

const putTiles = (disk: MemoryDisk, tiles: readonly TileWrite[]): void => {
  for (const { level, index, hashes } of tiles) disk.tiles.set(`${level}/${index}`, Uint8Array.from(hashes))
}

/** A store over a disk. */
export function makeMemoryLogStore(disk: MemoryDisk): LogStore {
  return {
    readState: async () => structuredClone(disk.state),
    createState: async (state) => {
      if (disk.state !== null) return false
      disk.state = structuredClone(state)
      return true
    },
    readUnsequenced: async (limit) => disk.rows.filter((row) => row.index === null).slice(0, limit),
    commitPending: async (expected, pending, rows) => {
      const { state } = disk
      if (state === null || state.pending !== null || state.head.size !== expected.size) return false
      const taken = rows.map((key) => disk.rows[key - 1]!)
      if (!same(state.head.root, expected.root) || taken.some((row) => row.index !== null)) return false
      for (const [at, row] of taken.entries()) row.index = expected.size + at
      disk.state = { head: state.head, pending }
      return true
    },
    completePending: async (head, tiles) => {
      const pending = disk.state?.pending
      if (pending == null || pending.size !== head.size || !same(pending.root, head.root)) return false
      putTiles(disk, tiles)
      disk.state = { head, pending: null }
      return true
    },
    replaceTiles: async (tiles) => putTiles(disk, tiles),
    readLeaves: async (start, end) => inPlaces(disk, start, end),
    readTile: async (level, index) => disk.tiles.get(`${level}/${index}`) ?? null,
    findIndexes: async (ids) => {
      const places = new Map(disk.rows.map((row) => [row.id, row.index]))
      const found = ids.map((id) => [id, places.get(id) ?? null] as const)
      return new Map(found.filter((entry): entry is [string, number] => entry[1] !== null))
    },
  }
}

/** The copy of the checkpoint on the same disk. */
export function makeMemoryCopy(disk: MemoryDisk): CheckpointCopy {
  return {
    read: async () => disk.published,
    replace: async (expected, next) => {
      const current = disk.published
      const isExpected = current === null ? expected === null : expected !== null && same(current, expected)
      if (isExpected) disk.published = next
      return isExpected
    },
  }
}

/** Makes the `nth` call (from 1) of a method fail, before it acts or after it has acted. */
export type Fault = { readonly method: string; readonly nth: number; readonly persisted: boolean }

/** Wraps ports so that one call fails once. */
export function withFault<T extends object>(target: T, fault: Fault, onFault: () => void): T {
  let calls = 0
  return new Proxy(target, {
    get: (ports, name, receiver) => {
      const method: unknown = Reflect.get(ports, name, receiver)
      if (name !== fault.method || typeof method !== 'function') return method
      return async (...args: unknown[]): Promise<unknown> => {
        calls++
        const fails = calls === fault.nth
        if (fails) onFault()
        if (fails && !fault.persisted) throw new Error('disk failed')
        const answer: unknown = await Reflect.apply(method, ports, args)
        if (fails) throw new Error('disk failed after writing')
        return answer
      }
    },
  })
}
