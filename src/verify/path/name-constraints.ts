/** Matching of names against the subtrees of nameConstraints (RFC 5280 §4.2.1.10, §6.1.3 (b) and (c)). */
import { type GeneralName, type Name, nameKey } from '../../../ca/formats.ts'
import type { NameConstraints } from './constraints.ts'

/** Comparisons done so far on one path; a certificate of 64 KB can ask for millions (CPU exhaustion). */
export interface WorkCounter {
  comparisons: number
}

/** Upper bound of name comparisons on one path. */
const MAX_NAME_COMPARISONS = 1_048_576

/** Why a certificate's names are not allowed. */
export interface NameViolation {
  readonly rule: 'excluded' | 'not-permitted' | 'unsupported-form' | 'too-many'
  readonly kind: GeneralName['kind']
}

const emailAttribute = '1.2.840.113549.1.9.1'

/** Names of a certificate that constraints speak about: subjectAltName, the subject, and e-mail in the subject. */
export function constrainedNames(
  subject: Name,
  alternative: readonly GeneralName[] | undefined,
): GeneralName[] {
  const names: GeneralName[] = [...(alternative ?? [])]
  if (subject.rdns.length > 0) names.push({ kind: 'directoryName', name: subject })
  // RFC 5280 §4.2.1.10: applied to emailAddress attributes where there is no rfc822Name; doing it always is stricter.
  for (const rdn of subject.rdns)
    for (const attribute of rdn)
      if (attribute.oid === emailAttribute && attribute.text !== undefined)
        names.push({ kind: 'rfc822Name', text: attribute.text })
  return names
}

/** Bases of one kind of name, from both lists. */
interface Bases {
  readonly permitted: readonly GeneralName[]
  readonly excluded: readonly GeneralName[]
}

const grouped = new WeakMap<NameConstraints, ReadonlyMap<GeneralName['kind'], Bases>>()

/** Names are compared with bases of their own kind only, so these are sorted out once. */
function basesByKind(constraints: NameConstraints): ReadonlyMap<GeneralName['kind'], Bases> {
  let groups = grouped.get(constraints)
  if (!groups) {
    const kinds = new Set([...constraints.permitted, ...constraints.excluded].map(({ kind }) => kind))
    const of = (list: readonly GeneralName[], kind: string): GeneralName[] =>
      list.filter((b) => b.kind === kind)
    groups = new Map(
      [...kinds].map((kind) => [
        kind,
        { permitted: of(constraints.permitted, kind), excluded: of(constraints.excluded, kind) },
      ]),
    )
    grouped.set(constraints, groups)
  }
  return groups
}

/** The first violation of the constraints by the names, or undefined. */
export function findNameViolation(
  constraints: NameConstraints,
  names: readonly GeneralName[],
  work: WorkCounter,
): NameViolation | undefined {
  const groups = basesByKind(constraints)
  for (const name of names) {
    const bases = groups.get(name.kind)
    if (!bases) continue
    work.comparisons += bases.permitted.length + bases.excluded.length
    if (work.comparisons > MAX_NAME_COMPARISONS) return { rule: 'too-many', kind: name.kind }
    const rule = violatedRule(bases, name)
    if (rule) return { rule, kind: name.kind }
  }
  return undefined
}

function violatedRule({ permitted, excluded }: Bases, name: GeneralName): NameViolation['rule'] | undefined {
  if (!isSupported(name)) return 'unsupported-form'
  // A name that cannot be read cannot be shown to lie outside of what is excluded.
  if (!isWellFormed(name)) return 'not-permitted'
  if (excluded.some((base) => isWithin(name, base, true))) return 'excluded'
  return permitted.length === 0 || permitted.some((base) => isWithin(name, base, false))
    ? undefined
    : 'not-permitted'
}

const isSupported = (name: GeneralName): boolean =>
  name.kind === 'directoryName' ||
  name.kind === 'dNSName' ||
  name.kind === 'rfc822Name' ||
  name.kind === 'iPAddress' ||
  name.kind === 'uniformResourceIdentifier'

function isWellFormed(name: GeneralName): boolean {
  switch (name.kind) {
    case 'dNSName':
      return isHost(name.text.startsWith('*.') ? name.text.slice(2) : name.text)
    case 'rfc822Name':
      return isHost(hostOfMailbox(name.text))
    case 'iPAddress':
      return name.bytes.length === 4 || name.bytes.length === 16
    case 'uniformResourceIdentifier':
      return hostOfUri(name.text) !== undefined
    default:
      return true
  }
}

/** Whether a name lies in a subtree. @param wide an excluded subtree also hits a wildcard that could stand for a name in it */
function isWithin(name: GeneralName, base: GeneralName, wide: boolean): boolean {
  if (name.kind === 'directoryName' && base.kind === 'directoryName')
    return isDirectoryNameWithin(name.name, base.name)
  if (name.kind === 'dNSName' && base.kind === 'dNSName') return isDnsWithin(name.text, base.text, wide)
  if (name.kind === 'rfc822Name' && base.kind === 'rfc822Name') return isMailWithin(name.text, base.text)
  if (name.kind === 'iPAddress' && base.kind === 'iPAddress') return isAddressWithin(name.bytes, base.bytes)
  if (name.kind === 'uniformResourceIdentifier' && base.kind === 'uniformResourceIdentifier')
    return isHostWithin(hostOfUri(name.text) ?? '', base.text)
  return false
}

const rdnSeparator = '\u0001'

function isDirectoryNameWithin(name: Name, base: Name): boolean {
  if (base.rdns.length === 0) return true
  const [own, subtree] = [nameKey(name), nameKey(base)]
  return own === subtree || own.startsWith(subtree + rdnSeparator)
}

/** Labels of letters, digits, hyphens and underscores; a trailing dot is not part of a dNSName. */
const isHost = (text: string): boolean =>
  text.length <= 253 && /^(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*$/.test(text)

function isDnsWithin(name: string, base: string, wide: boolean): boolean {
  const host = name.toLowerCase()
  const suffix = base.toLowerCase().replace(/^\./, '')
  if (suffix === '') return true
  const onlyBelow = base.startsWith('.')
  if ((host === suffix && !onlyBelow) || host.endsWith(`.${suffix}`)) return true
  return wide && host.startsWith('*.') && suffix.endsWith(host.slice(1))
}

const hostOfMailbox = (mailbox: string): string => mailbox.slice(mailbox.lastIndexOf('@') + 1)

function isMailWithin(mailbox: string, base: string): boolean {
  if (!base.includes('@')) return isHostWithin(hostOfMailbox(mailbox), base)
  const at = mailbox.lastIndexOf('@')
  const baseAt = base.lastIndexOf('@')
  // The local part is case-sensitive, the host is not (RFC 5280 §7.5).
  return (
    mailbox.slice(0, at) === base.slice(0, baseAt) &&
    hostOfMailbox(mailbox).toLowerCase() === hostOfMailbox(base).toLowerCase()
  )
}

/** `.example.com` means any host below, `example.com` that host alone (rfc822Name and URI bases). */
function isHostWithin(host: string, base: string): boolean {
  const lower = base.toLowerCase()
  return lower.startsWith('.') ? host.toLowerCase().endsWith(lower) : host.toLowerCase() === lower
}

/** Host of a URI with an authority; undefined without one or with an IP address, which constraints cannot hold. */
function hostOfUri(uri: string): string | undefined {
  const authority = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(uri)?.[1]
  const host = authority?.slice(authority.lastIndexOf('@') + 1).replace(/:\d*$/, '')
  if (host === undefined || !isHost(host) || /^[\d.]+$/.test(host)) return undefined
  return host
}

function isAddressWithin(address: Uint8Array, base: Uint8Array): boolean {
  const { length } = address
  if (base.length !== length * 2) return false
  return address.every((byte, i) => {
    const mask = base[length + i] ?? 0
    return (byte & mask) === ((base[i] ?? 0) & mask)
  })
}
