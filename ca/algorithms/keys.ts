/** Public key algorithms: one row each, and the reading of SubjectPublicKeyInfo (RFC 5280 §4.1.2.7, RFC 5480, RFC 8410). */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { CodedError } from '../errors.ts'
import { type Der, readSequence } from '../asn1/reader.ts'
import { decodeBitStringOctets, decodeInteger, decodeOid } from '../asn1/values.ts'
import { encodeBase64 } from '../asn1/octets.ts'
import { TAG } from '../asn1/tags.ts'

/** Families of public keys that are read. */
export type KeyKind = 'rsa' | 'ec' | 'ed25519' | 'ed448' | 'dsa'

/** OIDs of subject public key algorithms. */
export const KEY_OID = {
  rsa: '1.2.840.113549.1.1.1',
  rsaPss: '1.2.840.113549.1.1.10',
  ec: '1.2.840.10045.2.1',
  ed25519: '1.3.101.112',
  ed448: '1.3.101.113',
  dsa: '1.2.840.10040.4.1',
} as const

/** One named curve. */
export interface CurveRow {
  readonly oid: string
  readonly name: string
  readonly bits: number
  /** Name that node:crypto knows. */
  readonly node: string
}

/** Named curves. @see RFC 5480 §2.1.1.1, RFC 5639 */
export const CURVES: readonly CurveRow[] = [
  { oid: '1.2.840.10045.3.1.7', name: 'P-256', bits: 256, node: 'prime256v1' },
  { oid: '1.3.132.0.34', name: 'P-384', bits: 384, node: 'secp384r1' },
  { oid: '1.3.132.0.35', name: 'P-521', bits: 521, node: 'secp521r1' },
  { oid: '1.3.132.0.33', name: 'P-224', bits: 224, node: 'secp224r1' },
  { oid: '1.2.840.10045.3.1.1', name: 'P-192', bits: 192, node: 'prime192v1' },
  { oid: '1.3.132.0.10', name: 'secp256k1', bits: 256, node: 'secp256k1' },
  { oid: '1.3.36.3.3.2.8.1.1.7', name: 'brainpoolP256r1', bits: 256, node: 'brainpoolP256r1' },
  { oid: '1.3.36.3.3.2.8.1.1.11', name: 'brainpoolP384r1', bits: 384, node: 'brainpoolP384r1' },
  { oid: '1.3.36.3.3.2.8.1.1.13', name: 'brainpoolP512r1', bits: 512, node: 'brainpoolP512r1' },
]

/** What a SubjectPublicKeyInfo says, before any check of its strength (that is `key-checks.ts`). */
export interface PublicKeyInfo {
  readonly spkiDer: Uint8Array
  readonly algorithmOid: string
  readonly kind: KeyKind
  /** Modulus length for RSA, field size for EC. */
  readonly bits: number
  readonly curve?: CurveRow
  /** Octets of the subjectPublicKey BIT STRING. */
  readonly keyBits: Uint8Array
  readonly rsa?: { readonly modulus: bigint; readonly exponent: bigint }
}

/**
 * Reads a SubjectPublicKeyInfo.
 *
 * @throws {CodedError} INPUT_MALFORMED, ALGORITHM_UNSUPPORTED
 */
export function parseSpki(spki: Der | Uint8Array): PublicKeyInfo {
  const outer = readSequence(spki)
  const spkiDer = spki instanceof Uint8Array ? spki : spki.raw
  const algorithm = readSequence(outer.next(TAG.sequence))
  const keyBits = decodeBitStringOctets(outer.next(TAG.bitString))
  outer.end()
  const algorithmOid = decodeOid(algorithm.next(TAG.oid))
  const parameters = algorithm.peek()
  const base = { spkiDer, algorithmOid, keyBits }
  switch (algorithmOid) {
    case KEY_OID.rsa:
    case KEY_OID.rsaPss:
      return { ...base, kind: 'rsa', ...rsaParts(keyBits) }
    case KEY_OID.ec:
      return { ...base, kind: 'ec', ...curveParts(parameters) }
    case KEY_OID.ed25519:
      return { ...base, kind: 'ed25519', bits: 256 }
    case KEY_OID.ed448:
      return { ...base, kind: 'ed448', bits: 448 }
    case KEY_OID.dsa:
      return { ...base, kind: 'dsa', bits: dsaBits(parameters) }
    default:
      throw new CodedError('ALGORITHM_UNSUPPORTED', `public key algorithm ${algorithmOid} is not known`)
  }
}

function curveParts(parameters: Der | undefined): { bits: number; curve: CurveRow } {
  const oid = parameters?.tag === TAG.oid ? decodeOid(parameters) : 'explicit'
  const curve = CURVES.find((row) => row.oid === oid)
  if (!curve) throw new CodedError('ALGORITHM_UNSUPPORTED', `curve ${oid} is not known`)
  return { bits: curve.bits, curve }
}

const dsaBits = (parameters: Der | undefined): number =>
  parameters?.tag === TAG.sequence ? bitLength(decodeInteger(readSequence(parameters).next())) : 0

function rsaParts(keyBits: Uint8Array): { bits: number; rsa: { modulus: bigint; exponent: bigint } } {
  const key = readSequence(keyBits)
  const modulus = decodeInteger(key.next(TAG.integer))
  const exponent = decodeInteger(key.next(TAG.integer))
  key.end()
  return { bits: bitLength(modulus), rsa: { modulus, exponent } }
}

const bitLength = (value: bigint): number => (value > 0n ? value.toString(2).length : 0)

const typesOfKeys = new WeakMap<KeyObject, string | undefined>()

/** `asymmetricKeyType`, asked for once: node:crypto works it out anew at each look, and it costs as much as a hash. */
export function keyTypeOf(key: KeyObject): string | undefined {
  const known = typesOfKeys.get(key)
  if (known !== undefined) return known
  const type = key.asymmetricKeyType
  typesOfKeys.set(key, type)
  return type
}

/**
 * SubjectPublicKeyInfo as text (RFC 7468 §13). node:crypto reads it in a third of the time that it takes for the DER,
 * which it first tries as two other things.
 */
export function encodePublicKeyPem(spkiDer: Uint8Array): string {
  const base64 = encodeBase64(spkiDer)
  let text = '-----BEGIN PUBLIC KEY-----\n'
  for (let at = 0; at < base64.length; at += 64) text += `${base64.slice(at, at + 64)}\n`
  return `${text}-----END PUBLIC KEY-----\n`
}

/**
 * A node:crypto key for verification; OpenSSL checks that an EC point lies on its curve.
 *
 * @throws {CodedError} KEY_WEAK when OpenSSL refuses the key
 */
export function publicKeyObject(spkiDer: Uint8Array): KeyObject {
  try {
    return createPublicKey(encodePublicKeyPem(spkiDer))
  } catch (cause) {
    throw new CodedError('KEY_WEAK', 'public key is refused: it is not a valid key of its algorithm', {
      cause,
    })
  }
}
