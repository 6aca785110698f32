/** Keys that the core holds for tenants. The store knows whose they are; the private part never leaves the core. */
import { CodedError } from '../../ca/errors.ts'
import type { SubjectAttribute } from '../../ca/formats.ts'
import type { HeldKey } from '../../ca/ports.ts'
import { toPem } from '../lib/pem.ts'
import { type PageView, pageOf, type Paging } from './paging.ts'
import type { ServiceDeps } from './deps.ts'
import { actorOf, type Caller, reachOf } from './tenancy.ts'

export interface KeyView {
  readonly keyId: string
  readonly algorithm: string
  readonly publicKeyPem: string
  readonly createdAt: string
  readonly destroyedAt: string | null
  readonly certificatesPem?: readonly string[]
}

const viewOf = (key: Omit<HeldKey, 'tenant'> & { readonly destroyedAt?: Date | null }): KeyView => ({
  keyId: key.keyId,
  algorithm: key.algorithm,
  publicKeyPem: toPem('PUBLIC KEY', key.spkiDer),
  createdAt: key.createdAt.toISOString(),
  destroyedAt: key.destroyedAt?.toISOString() ?? null,
})

export function createKeys({ ca, store, now }: Pick<ServiceDeps, 'ca' | 'store' | 'now'>) {
  /** @throws {CodedError} KEY_NOT_FOUND, KEY_DESTROYED; a foreign key is "not found" */
  async function checkOwner(caller: Caller, keyId: string): Promise<void> {
    const row = await store.heldKeys.find(keyId, caller.scope)
    if (!row) throw new CodedError('KEY_NOT_FOUND', 'no key of this tenant has this id')
    if (row.destroyedAt) throw new CodedError('KEY_DESTROYED', 'the key has been destroyed')
  }

  return {
    checkOwner,

    async create(caller: Caller, algorithm: string): Promise<KeyView> {
      const key = await ca.keys.generate(algorithm, actorOf(caller))
      await store.heldKeys.add(key, [])
      return viewOf(key)
    },

    async import(caller: Caller, p12: Uint8Array, passphrase: string): Promise<KeyView> {
      const key = await ca.keys.importPkcs12(p12, passphrase, actorOf(caller))
      await store.heldKeys.add(key, [])
      return { ...viewOf(key), certificatesPem: key.certificatesDer.map((der) => toPem('CERTIFICATE', der)) }
    },

    async csr(
      caller: Caller,
      keyId: string,
      subject: readonly SubjectAttribute[],
    ): Promise<{ csrPem: string }> {
      await checkOwner(caller, keyId)
      return { csrPem: toPem('CERTIFICATE REQUEST', await ca.keys.csr(keyId, subject, reachOf(caller))) }
    },

    list: async (caller: Caller, paging: Paging): Promise<PageView<KeyView>> =>
      pageOf(await store.heldKeys.list(caller.scope, paging), viewOf),

    async destroy(caller: Caller, keyId: string): Promise<void> {
      await checkOwner(caller, keyId)
      await ca.keys.destroy(keyId, reachOf(caller))
      await store.heldKeys.markDestroyed(keyId, now(), [])
    },
  }
}
