/** Whether the status database explains what came into a list, left it or changed in it (RFC 5280 §3.3, §5.3.1). */
import type { IssuingCore } from './core.ts'
import type { CrlDifference } from './crl-diff.ts'
import type { CertificateStatus, CrlRow, CrlScope } from './ports.ts'
import type { CrlEntry } from './x509/crl-entries.ts'

/** Statuses asked for at once. */
const LOOKUPS_AT_ONCE = 200

/** The instant without its part of a second: what a CRL can say. */
export const floorToSecond = (date: Date): Date => new Date(Math.floor(date.getTime() / 1000) * 1000)

/** Serials of the differences that nothing explains. @throws {STORE_UNAVAILABLE} */
export async function findUnexplained(
  core: IssuingCore,
  scope: CrlScope,
  last: CrlRow,
  differences: readonly CrlDifference[],
): Promise<string[]> {
  const unexplained: string[] = []
  for (let from = 0; from < differences.length; from += LOOKUPS_AT_ONCE) {
    const part = differences.slice(from, from + LOOKUPS_AT_ONCE)
    const statuses = await Promise.all(
      part.map((d) => core.ports.store.findStatus(scope.issuerId, d.serialHex)),
    )
    for (const [index, difference] of part.entries())
      if (!isExplained(difference, statuses[index], scope, last)) unexplained.push(difference.serialHex)
  }
  return unexplained
}

function isExplained(
  { before, after }: CrlDifference,
  status: CertificateStatus | undefined,
  scope: CrlScope,
  last: CrlRow,
): boolean {
  if (!status || (scope.shard !== null && status.shard !== scope.shard)) return false
  if (!after) return isRemovalExplained(before, status, last)
  // A final revocation does not change any more, except that its key turns out to be compromised.
  const mayChange = !before || before.reason === 'certificateHold' || after.reason === 'keyCompromise'
  return mayChange && isAsInStatus(after, status)
}

function isRemovalExplained(before: CrlEntry | undefined, status: CertificateStatus, last: CrlRow): boolean {
  // RFC 5280 §3.3: an entry may go after it was on one list whose time lies after the end of the certificate.
  const hasExpired = status.notAfter !== null && status.notAfter < last.thisUpdate
  return hasExpired || (status.state === 'valid' && before?.reason === 'certificateHold')
}

function isAsInStatus(entry: CrlEntry, status: CertificateStatus): boolean {
  const { state, revokedAt } = status
  return (
    (state === 'revoked' || state === 'held') &&
    (entry.reason ?? 'unspecified') === (status.reason ?? 'unspecified') &&
    revokedAt !== null &&
    floorToSecond(revokedAt).getTime() === entry.revocationDate.getTime()
  )
}
