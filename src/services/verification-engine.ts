/**
 * Runs the pure verifier and brings it what it asks for, at most four rounds. What this house publishes is taken from
 * its own store, everything else is fetched within limits, or not at all when the operator forbids it.
 */
import { decodeOcspGetPath, readWholeCrl } from '../../ca/formats.ts'
import type { Ca, IssuedRow, OcspAnswer } from '../../ca/ports.ts'
import { fetchEvidence } from '../net/fetch-evidence.ts'
import type { Store } from '../store/store.ts'
import type { Evidence, EvidenceNeed } from '../verify/evidence.ts'
import type { KeyCustody } from '../verify/law13.ts'
import type { Policy } from '../verify/policy.ts'
import type { Report } from '../verify/report.ts'
import type { TrustAnchor } from '../verify/trust.ts'
import { verify } from '../verify/verify.ts'

const MAX_ROUNDS = 4
const MAX_FETCHES = 40

export interface VerifyInput {
  readonly document: Uint8Array
  /** Content of a detached signature. */
  readonly content?: Uint8Array
  readonly password?: string
  /** Time of validation; now when left out. */
  readonly at?: Date
}

/** A report with the evidence that it rests on. */
interface Collected {
  readonly report: Report
  readonly evidence: Evidence
}

interface Collection {
  readonly input: Omit<VerifyInput, 'at'>
  /** Time of validation, asked for in each round: evidence made for this validation is not from after it. */
  readonly now: () => Date
  readonly trust: readonly TrustAnchor[]
  readonly policy: Policy
  /** Evidence that is at hand before anything is asked for. */
  readonly known: Pick<Evidence, 'certificates' | 'crls' | 'ocspResponses'>
  /** Brings one thing, or undefined; an exception counts as undefined. */
  readonly obtain: (need: EvidenceNeed) => Promise<Uint8Array | undefined>
}

/** Asks the verifier, brings what it needs, and asks again; the last round decides with what there is. */
async function collectEvidence({ input, now, trust, policy, known, obtain }: Collection): Promise<Collected> {
  const evidence = {
    certificates: [...(known.certificates ?? [])],
    crls: [...(known.crls ?? [])],
    ocspResponses: [...(known.ocspResponses ?? [])],
    unavailable: [] as string[],
  }
  const lists = { certificate: evidence.certificates, crl: evidence.crls, ocsp: evidence.ocspResponses }
  let fetches = 0
  for (let round = 1; ; round++) {
    const outcome = verify({ ...input, evidence, trust, policy, at: now(), final: round > MAX_ROUNDS })
    if ('report' in outcome) return { report: outcome.report, evidence }
    const wanted = outcome.needs.slice(0, MAX_FETCHES - fetches)
    fetches += wanted.length
    for (const { url } of outcome.needs.slice(wanted.length)) evidence.unavailable.push(url)
    await Promise.all(
      wanted.map(async (need) => {
        const found = await obtain(need).catch(() => undefined)
        if (found) lists[need.kind].push(found)
        else evidence.unavailable.push(need.url)
      }),
    )
  }
}

/** Verifies without a house: anchors and evidence are given, the rest is fetched unless `offline`. */
export async function verifyAlone(
  given: Pick<Collection, 'input' | 'now' | 'trust' | 'policy'> & {
    /** Certificates, CRLs and OCSP responses, in any order. */
    readonly evidence: readonly Uint8Array[]
    readonly offline: boolean
  },
): Promise<Report> {
  const { evidence, offline, ...rest } = given
  // Each reader takes what it can read and leaves the others out.
  const known = { certificates: evidence, crls: evidence, ocspResponses: evidence }
  const obtain = async (need: EvidenceNeed): Promise<Uint8Array | undefined> =>
    offline ? undefined : fetchNeed(need)
  return (await collectEvidence({ ...rest, known, obtain })).report
}

const fetchNeed = ({ url, ocspRequest }: EvidenceNeed): Promise<Uint8Array> =>
  fetchEvidence({ url, ...(ocspRequest ? { ocspRequest } : {}) })

export interface EngineDeps {
  readonly ca: {
    readonly issuers: readonly Pick<Ca['issuers'][number], 'issuerId' | 'role' | 'certDer'>[]
    readonly services: Ca['services']
    ocsp(requestDer: Uint8Array): Pick<OcspAnswer, 'der'> | Promise<Pick<OcspAnswer, 'der'>>
  }
  readonly store: Store
  readonly now: () => Date
  /** Addresses below these prefixes are ours: this service's, and those in the CA's own certificates. */
  readonly ownPrefixes: readonly string[]
  readonly trust: readonly TrustAnchor[]
  readonly policy: Policy
  readonly fetchAllowed: boolean
}

/**
 * Custody of the keys behind the signatures, as far as this house's records say: which digests an event certificate was
 * made for, and that its key was destroyed (art. 13 ①). Who was in control is not in them, so ② stays open.
 */
async function findCustody(deps: EngineDeps, report: Report): Promise<KeyCustody[]> {
  const found: KeyCustody[] = []
  for (const { signer } of report.signatures) {
    if (!signer) continue
    for (const { issuerId } of deps.ca.issuers) {
      const row = await deps.store.ca.findIssued(issuerId, signer.serialHex, 'may-lag')
      if (row?.class === 'event' && row.certSha256 === signer.sha256)
        found.push(await custodyOfEvent(deps, row))
    }
  }
  return found
}

async function custodyOfEvent({ store }: EngineDeps, row: IssuedRow): Promise<KeyCustody> {
  const madeFor = await findDigests(store, row)
  return {
    certSha256: row.certSha256,
    ...(madeFor ? { madeFor } : {}),
    ...((await isKeyGone(store, row.keyId)) ? { exclusive: true, facts: [EVENT_KEY] } : { facts: [] }),
  }
}

/** The digests in the record of the issuance; none for a certificate whose owner brought the key. */
async function findDigests(store: Store, row: IssuedRow): Promise<KeyCustody['madeFor']> {
  const recordId = (await store.certificates.find(row, 'all', 'may-lag'))?.recordId ?? undefined
  const data =
    recordId === undefined ? undefined : (await store.records.find(recordId, 'may-lag'))?.record.data
  const digests = data?.['eventDigests']
  return Array.isArray(digests) ? (digests as unknown as KeyCustody['madeFor']) : undefined
}

/**
 * An event certificate can also be issued for a key that its owner keeps, or that is held here for longer: about that
 * key nothing is known.
 */
const isKeyGone = async (store: Store, keyId: string | null): Promise<boolean> =>
  keyId !== null && (await store.heldKeys.find(keyId, 'all')) === undefined

const EVENT_KEY = {
  zh: '密钥仅为所列文件的本次签名生成，签署后即销毁，均有日志记录。',
  en: 'The key was made for the signatures of this event alone and destroyed after them; the log has the records.',
}

/** @returns the verifier with this house's evidence behind it */
export function createVerificationEngine(deps: EngineDeps): (input: VerifyInput) => Promise<Report> {
  const { ca, trust, policy } = deps
  const own = [...ca.issuers.map(({ certDer }) => certDer), ...ca.services.ocspDer, ca.services.tsaDer]
  return async ({ at: asked, ...input }) => {
    const known = { certificates: own }
    const first = await collectEvidence({
      input,
      now: asked === undefined ? deps.now : () => asked,
      trust,
      policy,
      known,
      obtain: (need) => obtain(deps, need),
    })
    const custody = await findCustody(deps, first.report)
    if (custody.length === 0) return first.report
    const at = new Date(first.report.validationTime)
    const outcome = verify({ ...input, evidence: first.evidence, trust, policy, at, custody, final: true })
    return 'report' in outcome ? outcome.report : first.report
  }
}

async function obtain(deps: EngineDeps, need: EvidenceNeed): Promise<Uint8Array | undefined> {
  const prefix = deps.ownPrefixes.find(
    (candidate) => need.url === candidate || need.url.startsWith(`${candidate}/`),
  )
  if (prefix !== undefined) return ownEvidence(deps, need, need.url.slice(prefix.length))
  if (!deps.fetchAllowed) return undefined
  return fetchNeed(need)
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
  if (crlIssuer !== undefined) {
    const scope = { issuerId: crlIssuer, shard: shard === undefined ? null : Number(shard) }
    const row = await store.ca.lastCrl(scope)
    return row && readWholeCrl(store.ca, row.content)
  }
  const [, issuerId] = /^\/issuers\/([\w-]+)\.cer$/.exec(path) ?? []
  return ca.issuers.find((issuer) => issuer.issuerId === issuerId)?.certDer
}
