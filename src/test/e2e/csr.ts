/** PKCS#10 requests for tests, with keys made at run time. */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { encodeName, type SubjectAttribute } from '../../../ca/formats.ts'
import { toPem } from '../../lib/pem.ts'

const concat = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

/** DER by hand, so that the tests do not depend on the writer they test. */
function der(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const body = concat(...content)
  const length =
    body.length < 128
      ? [body.length]
      : body.length < 256
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 255]
  return concat(Uint8Array.of(tag, ...length), body)
}

/** ecdsa-with-SHA256, RFC 5758 §3.2; sha256WithRSAEncryption, RFC 4055 §5. */
const ALGORITHM = {
  ec: Buffer.from('300a06082a8648ce3d040302', 'hex'),
  rsa: Buffer.from('300d06092a864886f70d01010b0500', 'hex'),
}

export const ecKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

export const rsaKey = (bits: number, exponent: number): KeyObject =>
  generateKeyPairSync('rsa', { modulusLength: bits, publicExponent: exponent }).privateKey

export interface CsrParts {
  readonly privateKey?: KeyObject
  /** Public key of somebody else, or one that is wrong. */
  readonly spkiDer?: Uint8Array
}

/** A request in PEM; signed by `privateKey`, also where it names another public key. */
export function makeCsr(subject: readonly SubjectAttribute[], parts: CsrParts = {}): string {
  const privateKey = parts.privateKey ?? ecKey()
  const spkiDer = parts.spkiDer ?? spkiOf(privateKey)
  const info = der(0x30, Uint8Array.of(2, 1, 0), encodeName(subject), spkiDer, Uint8Array.of(0xa0, 0))
  const algorithm = privateKey.asymmetricKeyType === 'rsa' ? ALGORITHM.rsa : ALGORITHM.ec
  const signature = sign('sha256', info, privateKey)
  return toPem('CERTIFICATE REQUEST', der(0x30, info, algorithm, der(0x03, Uint8Array.of(0), signature)))
}

/** SubjectPublicKeyInfo of a private key, DER. */
export const spkiOf = (privateKey: KeyObject): Uint8Array => {
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
  return new Uint8Array(createPublicKey(pem).export({ type: 'spki', format: 'der' }))
}
