/** Keys that the core holds for a business: made, taken in, used for a request, destroyed; each with its record. */
import { getKeyAlgorithm } from './algorithms/key-algorithms.ts'
import { parseSpki } from './algorithms/keys.ts'
import { keyCreatedRecord } from './ceremony.ts'
import type { Core } from './core.ts'
import { CodedError } from './errors.ts'
import { checkPublicKey } from './key-checks/index.ts'
import { spkiOf } from './keys/generate.ts'
import { readPkcs12 } from './keys/pkcs12.ts'
import type { ProviderKey } from './keys/provider.ts'
import type { Actor, Ca, HeldKey } from './ports.ts'
import { buildCsrInfo, encodeCsr } from './x509/csr.ts'
import { encodeName } from './x509/name.ts'

const heldKeyOf = ({ keyId, algorithm, spkiDer, tenant, createdAt }: ProviderKey): HeldKey => ({
  keyId,
  algorithm,
  spkiDer,
  tenant,
  createdAt,
})

/** The keys of the institution (root, issuing, OCSP, TSA, log) are not reached through this door. */
function ownKey(core: Core, keyId: string, actor: Actor | undefined): ProviderKey {
  const key = core.keys.publicKey(keyId)
  const own = [...core.issuers.values(), ...core.ocsp, core.tsa].some((one) => one.keyId === keyId)
  const foreign = actor !== undefined && actor.tenant !== null && actor.tenant !== key.tenant
  if (own || keyId === core.logKeyId || foreign) throw new CodedError('KEY_NOT_FOUND', 'key is not there')
  return key
}

/** Opens the key part of door 1. */
export function openHeldKeys(core: Core): Ca['keys'] {
  const { store, now } = core.ports
  const created = async (key: ProviderKey, actor: Actor, purpose: string): Promise<HeldKey> => {
    await store.record([keyCreatedRecord(now(), actor, key, purpose)])
    return heldKeyOf(key)
  }
  return {
    async generate(algorithm, actor) {
      return created(await core.keys.generate(getKeyAlgorithm(algorithm), actor.tenant), actor, 'held')
    },
    async importPkcs12(p12, passphrase, actor) {
      const { privateKey, certificatesDer } = readPkcs12(p12, passphrase)
      const spkiDer = spkiOf(privateKey)
      checkPublicKey(parseSpki(spkiDer))
      const key = await core.keys.importKey(privateKey, actor.tenant)
      return { ...(await created(key, actor, 'imported')), certificatesDer }
    },
    async csr(keyId, subject, actor) {
      const key = ownKey(core, keyId, actor)
      const { signature } = getKeyAlgorithm(key.algorithm)
      const info = buildCsrInfo(encodeName(subject), key.spkiDer)
      await store.record([
        {
          type: 'key.used',
          at: now(),
          actor: actor?.actor ?? 'system',
          tenant: key.tenant,
          data: { keyId, purpose: 'csr', count: 1 },
        },
      ])
      return encodeCsr(info, signature, await core.keys.sign(keyId, signature, info))
    },
    async destroy(keyId, actor) {
      const key = ownKey(core, keyId, actor)
      await core.keys.destroy(keyId)
      await store.record([
        { type: 'key.destroyed', at: now(), actor: actor.actor, tenant: key.tenant, data: { keyId } },
      ])
    },
  }
}
