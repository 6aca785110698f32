/** Revocation by CRL: complete, delta, indirect and partitioned lists (RFC 5280 §6.3). */
import {
  type Certificate,
  type Crl,
  type CrlEntry,
  type DistributionPoint,
  EXT,
  compareBytes,
  crlNumberOf,
  deltaCrlIndicatorOf,
  findCrlEntry,
  isCoded,
  isSameName,
  nameToString,
} from '../../../ca/formats.ts'
import { ALL_REASONS, pointsToTry, scopeReasons } from './crl-scope.ts'
import { attempt, findCrlSigner, hasUnknownCritical, isCrlSignedBy } from './crl-signer.ts'
import { type RevocationContext, type RevocationStatus, freshnessOf } from './status.ts'

/** A list that was found good for use, with its signer. */
interface UsableCrl {
  readonly crl: Crl
  readonly signer: Certificate
}

/** Status of a certificate by the CRLs at hand. */
export function checkByCrl(
  certificate: Certificate,
  issuer: Certificate,
  context: RevocationContext,
): RevocationStatus {
  const points = attempt(() => pointsToTry(certificate)) ?? []
  const judged = points.flatMap((point) =>
    context.crls.flatMap((crl) => judge(crl, certificate, issuer, point, context) ?? []),
  )
  const statuses = judged.flatMap((item) => ('kind' in item ? [item] : []))
  const revoked = statuses.find(({ kind }) => kind === 'revoked')
  if (revoked) return revoked
  const usable = judged.flatMap((item) => ('kind' in item ? [] : [item]))
  const covered = new Set(usable.flatMap(({ reasons }) => [...reasons]))
  const [newest] = usable.sort((a, b) => b.crl.thisUpdate.getTime() - a.crl.thisUpdate.getTime())
  if (newest && [...ALL_REASONS].every((reason) => covered.has(reason)))
    return { kind: 'good', source: sourceOf(newest) }
  return statuses.find(isStale) ?? statuses[0] ?? { kind: 'unknown', key: 'REVOCATION_MISSING' }
}

const isStale = (status: RevocationStatus): boolean =>
  status.kind === 'unknown' && status.key === 'REVOCATION_STALE'

const unusable: RevocationStatus = { kind: 'unknown', key: 'REVOCATION_UNUSABLE' }

type Judged = (UsableCrl & { readonly reasons: ReadonlySet<number> }) | RevocationStatus | undefined

/** One list under one point: its status for the certificate, the reasons it covers, or undefined when it is off topic. */
function judge(
  crl: Crl,
  certificate: Certificate,
  issuer: Certificate,
  point: DistributionPoint,
  context: RevocationContext,
): Judged {
  try {
    if (deltaCrlIndicatorOf(crl) !== undefined) return undefined
    const reasons = scopeReasons(crl, certificate, point)
    if (reasons === undefined || reasons.size === 0) return undefined
    const freshness = freshnessOf(crl.thisUpdate, crl.nextUpdate, context)
    if (freshness !== 'fresh' || isSilentAfterExpiry(crl, certificate))
      return {
        kind: 'unknown',
        key: 'REVOCATION_STALE',
        ...(crl.nextUpdate ? { staleSince: crl.nextUpdate } : {}),
      }
    const signer = findCrlSigner(crl, issuer, context, checkByCrl)
    if (!signer) return unusable
    const base = { crl, signer }
    const delta = context.useDeltas === false ? undefined : findDelta(base, context)
    const revoked = lookUp(base, delta, certificate)
    return revoked ?? { ...base, reasons }
  } catch (error) {
    if (!isCoded(error)) throw error
    return unusable
  }
}

/** An entry may go one list after the certificate expired (RFC 5280 §3.3): a later list says nothing of it. */
function isSilentAfterExpiry(crl: Crl, certificate: Certificate): boolean {
  return crl.thisUpdate > certificate.notAfter && !crl.extensions.has(EXT.expiredCertsOnCrl)
}

function lookUp(
  base: UsableCrl,
  delta: UsableCrl | undefined,
  certificate: Certificate,
): RevocationStatus | undefined {
  for (const list of delta ? [delta, base] : [base]) {
    const { entry, unknownCritical } = findCrlEntry(list.crl, certificate.serial, certificate.issuer)
    if (unknownCritical !== undefined) return unusable
    if (!entry) continue
    if (entry.reason === 'removeFromCRL') return undefined
    return revokedBy(list, entry)
  }
  return undefined
}

function revokedBy(list: UsableCrl, entry: CrlEntry): RevocationStatus {
  return {
    kind: 'revoked',
    source: sourceOf(list),
    revokedAt: entry.revocationDate,
    reason: entry.reason ?? 'unspecified',
    ...(entry.invalidityDate ? { invalidityDate: entry.invalidityDate } : {}),
  }
}

function sourceOf({ crl, signer }: UsableCrl): Extract<RevocationStatus, { kind: 'good' }>['source'] {
  return {
    kind: 'crl',
    thisUpdate: crl.thisUpdate,
    ...(crl.nextUpdate ? { nextUpdate: crl.nextUpdate } : {}),
    signer: nameToString(signer.subject),
  }
}

/** The newest delta that fits the complete list (RFC 5280 §6.3.3 (c), §5.2.4). */
function findDelta(base: UsableCrl, context: RevocationContext): UsableCrl | undefined {
  const fitting = context.crls
    .filter((crl) => isDeltaOf(crl, base.crl))
    .filter((crl) => freshnessOf(crl.thisUpdate, crl.nextUpdate, context) === 'fresh')
    .sort((a, b) => b.thisUpdate.getTime() - a.thisUpdate.getTime())
  for (const crl of fitting) {
    const isFine = !hasUnknownCritical(crl) && isCrlSignedBy(crl, base.signer)
    if (isFine) return { crl, signer: base.signer }
  }
  return undefined
}

function isDeltaOf(delta: Crl, base: Crl): boolean {
  const number = attempt(() => deltaCrlIndicatorOf(delta))
  const own = attempt(() => crlNumberOf(delta))
  const complete = attempt(() => crlNumberOf(base))
  if (number === undefined || own === undefined || complete === undefined) return false
  return (
    number <= complete &&
    complete < own &&
    isSameName(delta.issuer, base.issuer) &&
    isSameExtension(delta, base, EXT.issuingDistributionPoint) &&
    isSameExtension(delta, base, EXT.authorityKeyIdentifier)
  )
}

function isSameExtension(a: Crl, b: Crl, oid: string): boolean {
  const left = a.extensions.get(oid)?.value ?? new Uint8Array()
  const right = b.extensions.get(oid)?.value ?? new Uint8Array()
  return compareBytes(left, right) === 0
}
