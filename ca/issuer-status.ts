/**
 * Whether a CA of this house may still sign: one that its root revoked must not, whoever asks.
 *
 * The root's status database says so where the root key is here; its last CRL where the key is elsewhere.
 */
import { compareBytes } from './asn1/writer.ts'
import { type Issuer, type IssuingCore, getIssuer } from './core.ts'
import { CodedError, isDone } from './errors.ts'
import type { CaStore } from './ports.ts'
import { readWholeCrl } from './x509/crl-content.ts'
import { findCrlEntry } from './x509/crl-entries.ts'
import { parseCrl } from './x509/crl.ts'

/** What another process changed is seen after at most this many milliseconds, as with OCSP. */
const FRESH_MS = 500

interface Seen {
  readonly at: number
  readonly isRevoked: boolean
}

type AskingCore = Pick<IssuingCore, 'ports' | 'issuers'>

const seenByStore = new WeakMap<CaStore, Map<string, Seen>>()

/** The next question is put to the store again. */
export const forgetIssuerStatus = (store: CaStore): void => void seenByStore.delete(store)

async function isRevoked({ ports: { store } }: AskingCore, issuer: Issuer, root: Issuer): Promise<boolean> {
  const { serialHex, serial } = issuer.certificate
  if (root.keyId !== null) {
    const state = (await store.findStatus(root.issuerId, serialHex))?.state
    return state === 'revoked' || state === 'held'
  }
  const last = await store.lastCrl({ issuerId: root.issuerId, shard: null })
  // Without a list nothing is known: issuing goes on, and readiness and the self-check of signatures say it.
  if (last === undefined) return false
  return findCrlEntry(parseCrl(await readWholeCrl(store, last.content)), serial).entry !== undefined
}

/** Whether the root of an issuing CA revoked it; false for a root. @throws {STORE_UNAVAILABLE} */
export async function isIssuerRevoked(core: AskingCore, issuer: Issuer): Promise<boolean> {
  const [rootDer] = issuer.chainDer
  if (rootDer === undefined) return false
  const root = [...core.issuers.values()].find(({ certDer }) => compareBytes(certDer, rootDer) === 0)
  if (root === undefined)
    throw new CodedError('ISSUER_UNKNOWN', 'the CA above this one is not one of this house')
  const { store, now } = core.ports
  const known = seenByStore.get(store) ?? new Map<string, Seen>()
  seenByStore.set(store, known)
  const at = now().getTime()
  let seen = known.get(issuer.issuerId)
  if (seen === undefined || Math.abs(at - seen.at) >= FRESH_MS) {
    seen = { at, isRevoked: await isRevoked(core, issuer, root) }
    known.set(issuer.issuerId, seen)
  }
  return seen.isRevoked
}

/**
 * Refuses for an issuing CA that its root revoked.
 *
 * @throws {ISSUER_REVOKED} {STORE_UNAVAILABLE}
 */
export async function checkIssuerStands(core: AskingCore, issuer: Issuer): Promise<void> {
  if (await isIssuerRevoked(core, issuer))
    throw new CodedError('ISSUER_REVOKED', 'the certificate of this CA is revoked: it signs nothing any more')
}

/**
 * Puts a refusal in place of every item whose issuing CA its root revoked; each CA is asked about once.
 *
 * @param issuerIdOf issuer of an item
 * @param refusalOf what an item becomes; throws what concerns all items
 */
export async function refuseRevokedIssuers<Item extends object>(
  core: AskingCore,
  items: readonly (Item | CodedError)[],
  issuerIdOf: (item: Item) => string,
  refusalOf: (error: unknown) => CodedError,
): Promise<(Item | CodedError)[]> {
  const refused = new Map<string, CodedError>()
  for (const issuerId of new Set(items.filter(isDone).map(issuerIdOf)))
    await checkIssuerStands(core, getIssuer(core, issuerId)).catch((error: unknown) =>
      refused.set(issuerId, refusalOf(error)),
    )
  return items.map((item) => (isDone(item) ? (refused.get(issuerIdOf(item)) ?? item) : item))
}
