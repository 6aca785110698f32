/** The private keys and the worker threads that a CA opens with: both take time, and take it at the same time. */
import type { KeyObject } from 'node:crypto'
import type { Issuer, IssuingWork } from './core.ts'
import type { KeyProvider } from './keys/provider.ts'
import type { CaMaterial } from './material-types.ts'
import { workHere } from './work.ts'
import type { WorkerStart } from './workers/messages.ts'
import { openWorkers } from './workers/pool.ts'

/** A key takes scrypt a quarter of a second, on threads of its own: all start now, those that workers wait for first. */
export function decryptAhead(keys: KeyProvider, { issuers, ocsp, tsa, logKeyId }: CaMaterial): void {
  const sorted = issuers.toSorted((a, b) => Number(a.role === 'root') - Number(b.role === 'root'))
  // Whoever needs a key that cannot be opened is told then.
  for (const keyId of [...[...sorted, ...ocsp, tsa].map((one) => one.keyId), logKeyId])
    if (keyId !== null) void keys.share?.(keyId).catch(() => undefined)
}

/** Worker threads, where the keys of all issuing CAs can go there; a key in a device signs from this thread. */
export async function openWork(
  start: WorkerStart,
  threads: number,
  keys: KeyProvider,
  issuers: ReadonlyMap<string, Issuer>,
): Promise<IssuingWork> {
  if (!keys.share) return workHere
  const open = [...issuers.values()].flatMap(({ issuerId, role, keyId }) =>
    role === 'issuing' && keyId !== null && keys.share
      ? [keys.share(keyId).then((key): [string, KeyObject] => [issuerId, key])]
      : [],
  )
  return openWorkers(
    threads,
    start,
    Promise.all(open).then((list) => new Map(list)),
  )
}
