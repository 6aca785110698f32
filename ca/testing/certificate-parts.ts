/** Certificates put together from parts, any of which a test can bend before it is linted. Nothing but tests imports it. */
import { getKeyAlgorithm } from '../algorithms/key-algorithms.ts'
import { childrenOf, onlyChild, parseDer, readSequence } from '../asn1/reader.ts'
import { decodeOid, toHex } from '../asn1/values.ts'
import { contextConstructed } from '../asn1/tags.ts'
import { bitString, oid, printableString, sequence, setOf, time, tlv, utf8String } from '../asn1/writer.ts'
import { lintContext } from '../lint-context.ts'
import { type Profile, getProfile } from '../profiles.ts'
import { subjectKeyIdentifierFor } from '../template.ts'
import { openTestCore, type TestCore } from '../testing/test-core.ts'
import { encodeExtension } from '../x509/encode-extensions.ts'
import { encodeName, type SubjectAttribute } from '../x509/name.ts'
import { lintCertificate } from '../lint/index.ts'

const made: TestCore = await openTestCore()
export const { core, issuer, root } = made
/** The clock of these tests. */
export const NOW = core.ports.now()

const P256 = getKeyAlgorithm('P-256')
const holder = await made.keys.generate(P256, null)
/** Of a key that nobody keeps. */
export const holderSpki = holder.spkiDer

/** The fields of a certificate as encodings, so that any one of them can be bent. */
export interface Parts {
  version: Uint8Array
  serial: Uint8Array
  algorithm: Uint8Array
  issuer: Uint8Array
  validity: Uint8Array
  subject: Uint8Array
  spki: Uint8Array
  extensions: Map<string, Uint8Array>
  /** subjectUniqueID or issuerUniqueID. */
  uniqueId?: Uint8Array
  /** Leaves the extensions field out. */
  bare?: boolean
  /** Overrides the signature. */
  signature?: Uint8Array
}

const COMMON: readonly SubjectAttribute[] = [
  { type: 'C', value: 'CN' },
  { type: 'O', value: 'TEST ONLY 机构' },
  { type: 'CN', value: 'TEST ONLY 张三' },
]

const subjectOf = (profile: Profile): Uint8Array =>
  encodeName(COMMON.filter(({ type }) => profile.subject.value.some((rule) => rule.type === type)))

/** The CA that signs a profile. */
const aboveOf = (profile: Profile): typeof issuer => (profile.issuedBy.value === 'root' ? root : issuer)

function partsOf(profileName: string): Parts {
  const profile = getProfile(core.profiles, profileName)
  const above = aboveOf(profile)
  const start = Math.floor(NOW.getTime() / 1000) * 1000
  const keyBits = onlyBits(holderSpki)
  const tbs = core.template(
    profile,
    above,
  )({
    serial: Uint8Array.of(1, ...new Uint8Array(15).fill(9)),
    notBefore: new Date(start),
    notAfter: new Date(start + (profile.validity.defaultSeconds.value - 1) * 1000),
    subjectDer: subjectOf(profile),
    spkiDer: holderSpki,
    subjectKeyIdentifier: subjectKeyIdentifierFor(keyBits),
    shard: shardOf(Uint8Array.of(1, ...new Uint8Array(15).fill(9)), above.shards),
  })
  const [version, serial, algorithm, name, validity, subject, spki, list] = childrenOf(parseDer(tbs)).map(
    (node) => node.raw,
  )
  if (!version || !serial || !algorithm || !name || !validity || !subject || !spki || !list)
    throw new Error('template is short')
  const extensions = new Map(childrenOf(onlyChild(parseDer(list))).map((node) => [oidOf(node.raw), node.raw]))
  return { version, serial, algorithm, issuer: name, validity, subject, spki, extensions }
}

/** subjectPublicKey bits of an SPKI. */
export const onlyBits = (spki: Uint8Array): Uint8Array =>
  (childrenOf(parseDer(spki))[1]?.content ?? new Uint8Array()).subarray(1)
const shardOf = (serial: Uint8Array, shards: number): number =>
  Number(BigInt(`0x${toHex(serial)}`) % BigInt(shards))
const oidOf = (extension: Uint8Array): string => decodeOid(readSequence(extension).next())

function build(parts: Parts): Uint8Array {
  const tbs = sequence(
    parts.version,
    parts.serial,
    parts.algorithm,
    parts.issuer,
    parts.validity,
    parts.subject,
    parts.spki,
    ...(parts.uniqueId ? [parts.uniqueId] : []),
    ...(parts.bare ? [] : [tlv(contextConstructed(3), sequence(...parts.extensions.values()))]),
  )
  const signature = parts.signature ?? core.throwAway.signature(P256.signature)
  return sequence(tbs, parts.algorithm, bitString(signature))
}

/** Names of the rules that find something after `bend`. */
export function findings(profileName: string, bend: (parts: Parts) => void = () => undefined): string[] {
  const parts = partsOf(profileName)
  bend(parts)
  const profile = getProfile(core.profiles, profileName)
  return lintCertificate(build(parts), lintContext(core, profile, aboveOf(profile), NOW)).map(
    (found) => found.rule,
  )
}

/** One RDN with one attribute. */
export const rdn = (type: string, value: Uint8Array): Uint8Array => setOf(sequence(oid(type), value))
/** Sets an extension. */
export const set =
  (type: string, critical: boolean, value: Uint8Array) =>
  (parts: Parts): void =>
    void parts.extensions.set(type, encodeExtension(type, critical, value))
/** Takes an extension away. */
export const drop =
  (type: string) =>
  (parts: Parts): void =>
    void parts.extensions.delete(type)
/** Sets both ends of the validity. */
export const validity =
  (from: Date, to: Date) =>
  (parts: Parts): void =>
    void (parts.validity = sequence(time(from), time(to)))
/** Sets the subject. */
export const named =
  (...rdns: Uint8Array[]) =>
  (parts: Parts): void =>
    void (parts.subject = sequence(...rdns))
/** C=CN. */
export const country = rdn('2.5.4.6', printableString('CN'))
/** CN=x. */
export const cn = rdn('2.5.4.3', utf8String('x'))
/** An instant so many seconds from now. */
export const seconds = (count: number): Date =>
  new Date(Math.floor(NOW.getTime() / 1000) * 1000 + count * 1000)
/** Sets the serial number. */
export const serial =
  (...bytes: number[]) =>
  (parts: Parts): void =>
    void (parts.serial = tlv(2, Uint8Array.from(bytes)))
/** The random part of a serial. */
export const fifteen = new Array<number>(15).fill(7)
