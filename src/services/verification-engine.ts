/**
 * Runs the pure verifier and brings it what it asks for, at most four rounds. What this house publishes is taken from
 * its own store, everything else is fetched within limits, or not at all when the operator forbids it.
 */
import { decodeOcspGetPath } from '../../ca/formats.ts'
import type { Ca } from '../../ca/ports.ts'
import { fetchEvidence } from '../net/fetch-evidence.ts'
import type { Store } from '../store/store.ts'
import type { Evidence, EvidenceNeed } from '../verify/evidence.ts'
import type { Policy } from '../verify/policy.ts'
import type { Report } from '../verify/report.ts'
import type { TrustAnchor } from '../verify/trust.ts'
import { verify } from '../verify/verify.ts'

const MAX_ROUNDS = 4
const MAX_FETCHES = 40

export interface EngineDeps {
  readonly ca: Ca
  readonly store: Store
  readonly now: () => Date
  /** Addresses below these prefixes are ours: this service's, and those in the CA's own certificates. */
  readonly ownPrefixes: readonly string[]
  readonly trust: readonly TrustAnchor[]
  readonly policy: Policy
  readonly fetchAllowed: boolean
}

export interface VerifyInput {
  readonly document: Uint8Array
  /** Content of a detached signature. */
  readonly content?: Uint8Array
  readonly password?: string
  /** Time of validation; now when left out. */
  readonly at?: Date
}

/** @returns the verifier with its evidence behind it */
export function createVerificationEngine(deps: EngineDeps): (input: VerifyInput) => Promise<Report> {
  const own = [
    ...deps.ca.issuers.map(({ certDer }) => certDer),
    ...deps.ca.services.ocspDer,
    deps.ca.services.tsaDer,
  ]
  return async (input) => {
    const evidence = {
      certificates: [...own],
      crls: [] as Uint8Array[],
      ocspResponses: [] as Uint8Array[],
      unavailable: [] as string[],
    }
    let fetches = 0
    for (let round = 0; ; round++) {
      const outcome = verify({
        document: input.document,
        ...(input.content ? { content: input.content } : {}),
        ...(input.password === undefined ? {} : { password: input.password }),
        evidence: evidence satisfies Evidence,
        trust: deps.trust,
        policy: deps.policy,
        at: input.at ?? deps.now(),
        // The last round must decide with what there is: a missing answer is a finding, not a reason to wait.
        final: round === MAX_ROUNDS,
      })
      if ('report' in outcome) return outcome.report
      const wanted = outcome.needs.slice(0, MAX_FETCHES - fetches)
      fetches += wanted.length
      for (const need of outcome.needs.slice(wanted.length)) evidence.unavailable.push(need.url)
      await Promise.all(wanted.map((need) => satisfy(deps, need, evidence)))
    }
  }
}

interface Collected {
  readonly certificates: Uint8Array[]
  readonly crls: Uint8Array[]
  readonly ocspResponses: Uint8Array[]
  readonly unavailable: string[]
}

async function satisfy(deps: EngineDeps, need: EvidenceNeed, into: Collected): Promise<void> {
  const found = await obtain(deps, need).catch(() => undefined)
  if (!found) into.unavailable.push(need.url)
  else if (need.kind === 'certificate') into.certificates.push(found)
  else if (need.kind === 'crl') into.crls.push(found)
  else into.ocspResponses.push(found)
}

async function obtain(deps: EngineDeps, need: EvidenceNeed): Promise<Uint8Array | undefined> {
  const prefix = deps.ownPrefixes.find((candidate) => need.url.startsWith(`${candidate}/`))
  if (prefix !== undefined) return ownEvidence(deps, need, need.url.slice(prefix.length))
  if (!deps.fetchAllowed) return undefined
  return fetchEvidence({ url: need.url, ...(need.ocspRequest ? { ocspRequest: need.ocspRequest } : {}) })
}

/** The paths are those of the profiles: `/ocsp`, `/crl/ID.crl`, `/crl/ID/N.crl`, `/issuers/ID.cer`. */
async function ownEvidence(
  { ca, store }: EngineDeps,
  need: EvidenceNeed,
  path: string,
): Promise<Uint8Array | undefined> {
  if (need.kind === 'ocsp')
    return (await ca.ocsp(need.ocspRequest ?? decodeOcspGetPath(path.slice('/ocsp/'.length)))).der
  const [, crlIssuer, shard] = /^\/crl\/([\w-]+?)(?:\/(\d+))?\.crl$/.exec(path) ?? []
  if (crlIssuer !== undefined)
    return (
      await store.ca.lastCrl({ issuerId: crlIssuer, shard: shard === undefined ? null : Number(shard) })
    )?.crlDer
  const [, issuerId] = /^\/issuers\/([\w-]+)\.cer$/.exec(path) ?? []
  return ca.issuers.find((issuer) => issuer.issuerId === issuerId)?.certDer
}
