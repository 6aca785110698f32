/**
 * pkijs, wrapped once: a second opinion on certificates and requests, from code that nobody here wrote.
 *
 * Its engine is @peculiar/webcrypto, cut down to verification: whoever reaches this module can
 * neither make a key nor sign.
 */
import { Crypto } from '@peculiar/webcrypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { toHex } from '../asn1/values.ts'
import { CodedError } from '../errors.ts'

const FORBIDDEN = [
  'sign',
  'generateKey',
  'decrypt',
  'unwrapKey',
  'wrapKey',
  'deriveKey',
  'deriveBits',
  'encrypt',
  'exportKey',
]

function refuse(): never {
  throw new CodedError('KEY_UNAVAILABLE', 'this engine verifies only')
}

/** WebCrypto in which everything that needs a private key is refused. */
function verifyOnlyCrypto(): Crypto {
  const whole = new Crypto()
  const subtle = new Proxy(whole.subtle, {
    get(target, name) {
      if (typeof name === 'string' && FORBIDDEN.includes(name)) return refuse
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? (member.bind(target) as unknown) : member
    },
  })
  return new Proxy(whole, {
    get: (target, name) => (name === 'subtle' ? subtle : (Reflect.get(target, name) as unknown)),
  })
}

/** The engine for pkijs calls, private to them: the global one stays as it is. */
export const verifyEngine = new pkijs.CryptoEngine({ name: 'yinxin-verify', crypto: verifyOnlyCrypto() })

function read(der: Uint8Array): asn1js.AsnType {
  const { offset, result } = asn1js.fromBER(der)
  if (offset !== der.length) throw new CodedError('INPUT_MALFORMED', 'pkijs: not one DER element')
  return result
}

function attempt<T>(what: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (cause instanceof CodedError) throw cause
    throw new CodedError('INPUT_MALFORMED', `pkijs: not a ${what}`, { cause })
  }
}

/** A certificate as pkijs reads it. */
export interface PkijsCertificate {
  readonly serialHex: string
  readonly extensionOids: readonly string[]
  readonly notBefore: Date
  readonly notAfter: Date
  /** The same bytes, as pkijs would write them. */
  readonly der: Uint8Array
}

/**
 * Reads a certificate with pkijs.
 *
 * @throws {INPUT_MALFORMED} when pkijs does not read it
 */
export function readCertificate(der: Uint8Array): PkijsCertificate {
  const certificate = attempt('certificate', () => new pkijs.Certificate({ schema: read(der) }))
  return {
    serialHex: toHex(certificate.serialNumber.valueBlock.valueHexView),
    extensionOids: (certificate.extensions ?? []).map((extension) => extension.extnID),
    notBefore: certificate.notBefore.value,
    notAfter: certificate.notAfter.value,
    der: new Uint8Array(certificate.toSchema(true).toBER()),
  }
}

/** pkijs 4 knows RSA and ECDSA; Ed25519 it reads, and does not verify. */
async function verdict(verification: Promise<boolean>): Promise<boolean> {
  try {
    return await verification
  } catch (cause) {
    throw new CodedError('ALGORITHM_UNSUPPORTED', 'pkijs does not verify this signature', { cause })
  }
}

/** Whether pkijs finds the signature of a certificate right. @throws {INPUT_MALFORMED} */
export async function isCertificateSignedBy(der: Uint8Array, issuerDer: Uint8Array): Promise<boolean> {
  const certificate = attempt('certificate', () => new pkijs.Certificate({ schema: read(der) }))
  const issuer = attempt('certificate', () => new pkijs.Certificate({ schema: read(issuerDer) }))
  return verdict(certificate.verify(issuer, verifyEngine))
}

/** Whether pkijs finds the proof of possession of a request right. @throws {INPUT_MALFORMED} */
export async function isRequestProven(der: Uint8Array): Promise<boolean> {
  const request = attempt('request', () => new pkijs.CertificationRequest({ schema: read(der) }))
  return verdict(request.verify(verifyEngine))
}
