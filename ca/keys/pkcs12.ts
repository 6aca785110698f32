/**
 * Reads PKCS#12 files (RFC 7292), the old ones with RC2 and 3DES too, in which subscribers' keys still travel.
 * node-forge derives keys and decrypts; the structure is walked here, so that iteration counts are checked first.
 */
import { type KeyObject, createHmac, createPrivateKey, timingSafeEqual } from 'node:crypto'
import forge from 'node-forge'
import { findHash } from '../algorithms/hashes.ts'
import { type Der, childrenOf, parseDer, readSequence } from '../asn1/reader.ts'
import { decodeOid, decodeSmallInteger } from '../asn1/values.ts'
import { berToDer } from '../asn1/foreign.ts'
import { TAG, context, contextConstructed } from '../asn1/tags.ts'
import { CodedError } from '../errors.ts'

/** Largest file that is read. */
export const MAX_PKCS12_BYTES = 262_144
/** OWASP asks for 600,000 of PBKDF2 with SHA-256; more only costs us. */
const MAX_ITERATIONS = 1_000_000

const OID = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  pbkdf2: '1.2.840.113549.1.5.12',
} as const

export interface Pkcs12Content {
  readonly privateKey: KeyObject
  readonly certificatesDer: readonly Uint8Array[]
}

function refuse(rule: string): never {
  throw new CodedError('INPUT_MALFORMED', `PKCS#12: ${rule}`)
}

const binary = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
const octets = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'))

function checkIterations(count: number): number {
  if (count < 1 || count > MAX_ITERATIONS)
    throw new CodedError(
      'INPUT_TOO_LARGE',
      `PKCS#12: ${count} iterations, at most ${MAX_ITERATIONS} are done`,
    )
  return count
}

/**
 * Reads the one private key of a file and its certificates.
 *
 * @throws {INPUT_MALFORMED} {INPUT_TOO_LARGE} {ALGORITHM_UNSUPPORTED}
 * @throws {KEY_UNAVAILABLE} when the passphrase is wrong
 */
export function readPkcs12(bytes: Uint8Array, passphrase: string): Pkcs12Content {
  if (bytes.length > MAX_PKCS12_BYTES)
    throw new CodedError('INPUT_TOO_LARGE', `PKCS#12: at most ${MAX_PKCS12_BYTES} bytes are read`)
  const pfx = readSequence(berToDer(bytes))
  if (decodeSmallInteger(pfx.next(TAG.integer)) !== 3) refuse('version is not 3')
  const authSafe = contentOf(pfx.next(TAG.sequence))
  const mac = pfx.optional(TAG.sequence)
  pfx.end()
  if (authSafe.type !== OID.data || !mac) refuse('is not protected by a passphrase')
  // Segments were joined when BER became DER, so this is what the MAC covers (RFC 7292 §4).
  const content = authSafe.node.content
  checkMac(mac, content, passphrase)
  const found: Found = { keys: [], certificatesDer: [] }
  for (const item of childrenOf(parseDer(berToDer(content), TAG.sequence)))
    readSafe(contentOf(item), passphrase, found)
  const [privateKey, ...more] = found.keys
  if (!privateKey || more.length > 0) refuse('does not hold exactly one private key')
  return { privateKey, certificatesDer: found.certificatesDer }
}

interface Found {
  readonly keys: KeyObject[]
  readonly certificatesDer: Uint8Array[]
}

interface Content {
  readonly type: string
  readonly node: Der
}

function contentOf(node: Der): Content {
  const reader = readSequence(node)
  const type = decodeOid(reader.next(TAG.oid))
  const [content] = childrenOf(reader.next(contextConstructed(0)))
  return content ? { type, node: content } : refuse('content is empty')
}

function checkMac(mac: Der, content: Uint8Array, passphrase: string): void {
  const reader = readSequence(mac)
  const info = readSequence(reader.next(TAG.sequence))
  const hash = findHash(decodeOid(readSequence(info.next(TAG.sequence)).next(TAG.oid)))
  const expected = info.next(TAG.octetString).content
  const salt = reader.next(TAG.octetString).content
  const count = reader.optional(TAG.integer)
  const iterations = count ? checkIterations(decodeSmallInteger(count)) : 1
  const names: Readonly<Record<string, string>> = {
    'SHA-1': 'sha1',
    'SHA-256': 'sha256',
    'SHA-384': 'sha384',
    'SHA-512': 'sha512',
  }
  const name = hash && names[hash.name]
  if (!hash || name === undefined)
    throw new CodedError('ALGORITHM_UNSUPPORTED', 'PKCS#12: hash of the MAC is not known')
  const key = forge.pkcs12.generateKey(
    passphrase,
    forge.util.createBuffer(binary(salt)),
    3,
    iterations,
    hash.size,
    forge.md.algorithms[name as 'sha1']?.create(),
  )
  const actual = createHmac(hash.node, octets(key.getBytes())).update(content).digest()
  if (actual.length !== expected.length || !timingSafeEqual(actual, expected))
    throw new CodedError('KEY_UNAVAILABLE', 'PKCS#12: wrong passphrase or damaged file')
}

function readSafe({ type, node }: Content, passphrase: string, found: Found): void {
  if (type === OID.data) return readBags(node.content, passphrase, found)
  if (type !== OID.encryptedData) refuse('content is protected by a public key')
  const reader = readSequence(node)
  reader.next(TAG.integer)
  const inner = readSequence(reader.next(TAG.sequence))
  inner.next(TAG.oid)
  const algorithm = inner.next(TAG.sequence)
  const encrypted = inner.next(context(0))
  readBags(decrypt(algorithm, encrypted.content, passphrase), passphrase, found)
}

/** The derivations of forge: PKCS#12's own, and PBES2 with PBKDF2. */
function decrypt(algorithm: Der, encrypted: Uint8Array, passphrase: string): Uint8Array {
  checkAlgorithmIterations(algorithm)
  try {
    const asn1 = forge.asn1.fromDer(binary(algorithm.raw))
    const [type, parameters] = asn1.value as forge.asn1.Asn1[]
    if (!type || !parameters) return refuse('encryption has no parameters')
    const cipher = pbe.getCipher(forge.asn1.derToOid(type.value as string), parameters, passphrase)
    cipher.update(forge.util.createBuffer(binary(encrypted)))
    if (!cipher.finish()) throw new Error('padding')
    return octets(cipher.output.getBytes())
  } catch (error) {
    if (error instanceof CodedError) throw error
    throw new CodedError(
      'KEY_UNAVAILABLE',
      'PKCS#12: content cannot be decrypted: wrong passphrase or unknown cipher',
    )
  }
}

interface Decipher {
  update(input: forge.util.ByteStringBuffer): void
  finish(): boolean
  readonly output: forge.util.ByteStringBuffer
}

// Not in the type definitions, and the only way to decrypt without letting forge walk the file.
const { pbe } = forge.pki as unknown as {
  readonly pbe: { getCipher(oid: string, parameters: forge.asn1.Asn1, passphrase: string): Decipher }
}

function checkAlgorithmIterations(algorithm: Der): void {
  const reader = readSequence(algorithm)
  reader.next(TAG.oid)
  const parameters = readSequence(reader.next(TAG.sequence))
  const first = parameters.next()
  if (first.tag === TAG.octetString) {
    checkIterations(decodeSmallInteger(parameters.next(TAG.integer)))
    return
  }
  const kdf = readSequence(first)
  if (decodeOid(kdf.next(TAG.oid)) !== OID.pbkdf2)
    throw new CodedError('ALGORITHM_UNSUPPORTED', 'PKCS#12: key derivation is not PBKDF2')
  const pbkdf2 = readSequence(kdf.next(TAG.sequence))
  pbkdf2.next(TAG.octetString)
  checkIterations(decodeSmallInteger(pbkdf2.next(TAG.integer)))
}

function readBags(bytes: Uint8Array, passphrase: string, found: Found): void {
  for (const bag of childrenOf(parseDer(berToDer(bytes), TAG.sequence))) {
    const reader = readSequence(bag)
    const type = decodeOid(reader.next(TAG.oid))
    const [value] = childrenOf(reader.next(contextConstructed(0)))
    if (!value) refuse('bag is empty')
    if (type === OID.keyBag) found.keys.push(privateKeyOf(value.raw))
    else if (type === OID.shroudedKeyBag) {
      const shrouded = readSequence(value)
      const algorithm = shrouded.next(TAG.sequence)
      found.keys.push(privateKeyOf(decrypt(algorithm, shrouded.next(TAG.octetString).content, passphrase)))
    } else if (type === OID.certBag) readCertificate(value, found)
  }
}

function readCertificate(value: Der, found: Found): void {
  const reader = readSequence(value)
  if (decodeOid(reader.next(TAG.oid)) !== OID.x509Certificate) return
  const [certificate] = childrenOf(reader.next(contextConstructed(0)))
  if (certificate) found.certificatesDer.push(certificate.content)
}

function privateKeyOf(pkcs8: Uint8Array): KeyObject {
  try {
    return createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
  } catch {
    throw new CodedError('ALGORITHM_UNSUPPORTED', 'PKCS#12: private key is of a kind that is not known')
  }
}
