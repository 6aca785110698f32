/**
 * Reads PKCS#12 files (RFC 7292), the old ones with RC2 and 3DES too, in which subscribers' keys still travel.
 * node-forge derives keys and decrypts; the structure is walked here, so that iteration counts are checked first.
 */
import {
  type KeyObject,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  pbkdf2Sync,
  timingSafeEqual,
} from 'node:crypto'
import forge from 'node-forge'
import { findHash } from '../algorithms/hashes.ts'
import { type Der, type SequenceReader, childrenOf, parseDer, readSequence } from '../asn1/reader.ts'
import { decodeOid, decodeSmallInteger } from '../asn1/values.ts'
import { concat } from '../asn1/writer.ts'
import { bufferOf, decodeLatin1, encodeLatin1 } from '../asn1/octets.ts'
import { berToDer } from '../asn1/foreign.ts'
import { TAG, context, contextConstructed } from '../asn1/tags.ts'
import { CodedError } from '../errors.ts'

/** Largest file that is read. */
export const MAX_PKCS12_BYTES = 262_144
/** OWASP asks for 600,000 of PBKDF2 with SHA-256; more only costs us. */
const MAX_PBKDF2_ITERATIONS = 1_000_000
/** The derivation of RFC 7292 appendix B runs in JavaScript, and files in the field have 2,000 to 100,000. */
const MAX_OLD_ITERATIONS = 200_000

const OID = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  hmacSha1: '1.2.840.113549.2.7',
} as const

/** pbeWithSHAAnd3-KeyTripleDES-CBC and pbeWithSHAAnd40BitRC2-CBC (RFC 7292 appendix C). */
const OLD_SCHEMES = new Set(['1.2.840.113549.1.12.1.3', '1.2.840.113549.1.12.1.6'])

/** @see RFC 8018 appendix B.1.2 */
const PRF_HASHES = new Map([
  [OID.hmacSha1, 'sha1'],
  ['1.2.840.113549.2.9', 'sha256'],
  ['1.2.840.113549.2.10', 'sha384'],
  ['1.2.840.113549.2.11', 'sha512'],
])

/** @see RFC 8018 appendix B.2 */
const PBES2_CIPHERS = new Map([
  ['2.16.840.1.101.3.4.1.2', { name: 'aes-128-cbc', keyLength: 16 }],
  ['2.16.840.1.101.3.4.1.22', { name: 'aes-192-cbc', keyLength: 24 }],
  ['2.16.840.1.101.3.4.1.42', { name: 'aes-256-cbc', keyLength: 32 }],
  ['1.2.840.113549.3.7', { name: 'des-ede3-cbc', keyLength: 24 }],
])

/** What a PKCS#12 file holds. */
export interface Pkcs12Content {
  readonly privateKey: KeyObject
  readonly certificatesDer: readonly Uint8Array[]
}

function refuse(rule: string): never {
  throw new CodedError('INPUT_MALFORMED', `PKCS#12: ${rule}`)
}

function checkIterations(count: number, most: number): number {
  if (count < 1 || count > most)
    throw new CodedError('INPUT_TOO_LARGE', `PKCS#12: ${count} iterations, at most ${most} are done`)
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
  const iterations = count ? checkIterations(decodeSmallInteger(count), MAX_OLD_ITERATIONS) : 1
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
    forge.util.createBuffer(encodeLatin1(salt)),
    3,
    iterations,
    hash.size,
    forge.md.algorithms[name as 'sha1']?.create(),
  )
  const actual = createHmac(hash.node, decodeLatin1(key.getBytes())).update(content).digest()
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

function decrypt(algorithm: Der, encrypted: Uint8Array, passphrase: string): Uint8Array {
  const reader = readSequence(algorithm)
  const scheme = decodeOid(reader.next(TAG.oid))
  const parameters = readSequence(reader.next(TAG.sequence))
  try {
    if (scheme === OID.pbes2) return decryptPbes2(parameters, encrypted, passphrase)
    if (OLD_SCHEMES.has(scheme)) return decryptOld(scheme, algorithm, parameters, encrypted, passphrase)
  } catch (error) {
    if (error instanceof CodedError) throw error
    throw new CodedError(
      'KEY_UNAVAILABLE',
      'PKCS#12: content cannot be decrypted: wrong passphrase or damaged file',
    )
  }
  throw new CodedError('ALGORITHM_UNSUPPORTED', `PKCS#12: encryption ${scheme} is not known`)
}

/** PBES2 with PBKDF2 (RFC 8018 §6.2), all of it native. */
function decryptPbes2(parameters: SequenceReader, encrypted: Uint8Array, passphrase: string): Uint8Array {
  const kdf = readSequence(parameters.next(TAG.sequence))
  const kdfOid = decodeOid(kdf.next(TAG.oid))
  const scheme = readSequence(parameters.next(TAG.sequence))
  const cipher = PBES2_CIPHERS.get(decodeOid(scheme.next(TAG.oid)))
  if (kdfOid !== OID.pbkdf2 || !cipher)
    throw new CodedError('ALGORITHM_UNSUPPORTED', 'PKCS#12: encryption is not PBKDF2 with AES or 3DES')
  const iv = scheme.next(TAG.octetString).content
  const pbkdf2 = readSequence(kdf.next(TAG.sequence))
  const salt = pbkdf2.next(TAG.octetString).content
  const count = checkIterations(decodeSmallInteger(pbkdf2.next(TAG.integer)), MAX_PBKDF2_ITERATIONS)
  pbkdf2.optional(TAG.integer)
  const prf = pbkdf2.optional(TAG.sequence)
  const hash = PRF_HASHES.get(prf ? decodeOid(readSequence(prf).next(TAG.oid)) : OID.hmacSha1)
  if (hash === undefined) throw new CodedError('ALGORITHM_UNSUPPORTED', 'PKCS#12: PRF of PBKDF2 is not known')
  const key = pbkdf2Sync(passphrase, salt, count, cipher.keyLength, hash)
  const decipher = createDecipheriv(cipher.name, key, iv)
  return concat(decipher.update(encrypted), decipher.final())
}

/** RC2-40 and 3DES with the derivation of RFC 7292 appendix B, which OpenSSL no longer has by default. */
function decryptOld(
  scheme: string,
  algorithm: Der,
  parameters: SequenceReader,
  encrypted: Uint8Array,
  passphrase: string,
): Uint8Array {
  parameters.next(TAG.octetString)
  checkIterations(decodeSmallInteger(parameters.next(TAG.integer)), MAX_OLD_ITERATIONS)
  const [, asn1] = forge.asn1.fromDer(encodeLatin1(algorithm.raw)).value as forge.asn1.Asn1[]
  if (!asn1) return refuse('encryption has no parameters')
  const cipher = pbe.getCipher(scheme, asn1, passphrase)
  cipher.update(forge.util.createBuffer(encodeLatin1(encrypted)))
  if (!cipher.finish()) throw new Error('padding')
  return decodeLatin1(cipher.output.getBytes())
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
    return createPrivateKey({ key: bufferOf(pkcs8), format: 'der', type: 'pkcs8' })
  } catch {
    throw new CodedError('ALGORITHM_UNSUPPORTED', 'PKCS#12: private key is of a kind that is not known')
  }
}
