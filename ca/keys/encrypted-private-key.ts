/** EncryptedPrivateKeyInfo with PBES2, scrypt and AES-256-CBC (RFC 5958 §3, RFC 8018 §6.2, RFC 7914 §7). */
import {
  type KeyObject,
  type ScryptOptions,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  randomBytes,
  scrypt,
} from 'node:crypto'
import { readSequence } from '../asn1/reader.ts'
import { decodeOid, decodeSmallInteger } from '../asn1/values.ts'
import { bufferOf } from '../asn1/octets.ts'
import { concat, integer, octetString, oid, sequence } from '../asn1/writer.ts'
import { TAG } from '../asn1/tags.ts'
import { CodedError } from '../errors.ts'

const PBES2 = '1.2.840.113549.1.5.13'
const SCRYPT = '1.3.6.1.4.1.11591.4.11'
const AES_256_CBC = '2.16.840.1.101.3.4.1.42'

/** Cost of scrypt: N (a power of two), block size r, parallelisation p (RFC 7914 §2). */
export interface ScryptCost {
  readonly n: number
  readonly r: number
  readonly p: number
}

/**
 * Same work as N=2^16, r=8, p=1 and more; N=2^15 needs more than the 32 MiB that `openssl pkey` allows itself,
 * and a key that only we can read would be a trap in an emergency.
 */
export const SCRYPT_COST: ScryptCost = { n: 2 ** 14, r: 8, p: 5 }

const MAX_MEMORY = 256 * 1024 * 1024

function deriveKey(
  passphrase: string | Uint8Array,
  salt: Uint8Array,
  { n, r, p }: ScryptCost,
): Promise<Uint8Array> {
  const options: ScryptOptions = { N: n, r, p, maxmem: MAX_MEMORY + 1024 * 1024 }
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, 32, options, (error, key) => {
      if (error) reject(error)
      else resolve(key)
    })
  })
}

/** Encrypts a private key under a passphrase with a salt and IV of its own. */
export async function encryptPrivateKey(
  key: KeyObject,
  passphrase: string | Uint8Array,
  cost: ScryptCost = SCRYPT_COST,
): Promise<Uint8Array> {
  const salt = randomBytes(16)
  const iv = randomBytes(16)
  const cipher = createCipheriv('aes-256-cbc', await deriveKey(passphrase, salt, cost), iv)
  const plain = key.export({ type: 'pkcs8', format: 'der' })
  const encrypted = concat(cipher.update(plain), cipher.final())
  plain.fill(0)
  const kdf = sequence(
    oid(SCRYPT),
    sequence(octetString(salt), integer(cost.n), integer(cost.r), integer(cost.p), integer(32)),
  )
  const parameters = sequence(kdf, sequence(oid(AES_256_CBC), octetString(iv)))
  return sequence(sequence(oid(PBES2), parameters), octetString(encrypted))
}

interface Encrypted {
  readonly salt: Uint8Array
  readonly cost: ScryptCost
  readonly iv: Uint8Array
  readonly data: Uint8Array
}

function parseEncrypted(der: Uint8Array): Encrypted {
  const outer = readSequence(der)
  const algorithm = readSequence(outer.next(TAG.sequence))
  const data = outer.next(TAG.octetString).content
  outer.end()
  const scheme = decodeOid(algorithm.next(TAG.oid))
  const parameters = readSequence(algorithm.next(TAG.sequence))
  const kdf = readSequence(parameters.next(TAG.sequence))
  const kdfOid = decodeOid(kdf.next(TAG.oid))
  const kdfParameters = readSequence(kdf.next(TAG.sequence))
  const cipher = readSequence(parameters.next(TAG.sequence))
  const cipherOid = decodeOid(cipher.next(TAG.oid))
  const iv = cipher.next(TAG.octetString).content
  if (scheme !== PBES2 || kdfOid !== SCRYPT || cipherOid !== AES_256_CBC || iv.length !== 16)
    throw new CodedError('ALGORITHM_UNSUPPORTED', 'key file is not PBES2 with scrypt and AES-256-CBC')
  const salt = kdfParameters.next(TAG.octetString).content
  const n = decodeSmallInteger(kdfParameters.next(TAG.integer))
  const r = decodeSmallInteger(kdfParameters.next(TAG.integer))
  const p = decodeSmallInteger(kdfParameters.next(TAG.integer))
  // A changed file must not make us fill memory or work for hours before we find out.
  if (n < 2 || !Number.isInteger(Math.log2(n)) || r < 1 || p < 1 || p > 16 || 128 * n * r > MAX_MEMORY)
    throw new CodedError('INPUT_TOO_LARGE', 'key file asks for more scrypt work than is allowed')
  return { salt, cost: { n, r, p }, iv, data }
}

/**
 * Decrypts a private key.
 *
 * @throws {KEY_UNAVAILABLE} when the passphrase is wrong or the file was changed
 */
export async function decryptPrivateKey(
  der: Uint8Array,
  passphrase: string | Uint8Array,
): Promise<KeyObject> {
  const { salt, cost, iv, data } = parseEncrypted(der)
  const key = await deriveKey(passphrase, salt, cost)
  try {
    const decipher = createDecipheriv('aes-256-cbc', key, iv)
    const plain = concat(decipher.update(data), decipher.final())
    const privateKey = createPrivateKey({ key: bufferOf(plain), format: 'der', type: 'pkcs8' })
    plain.fill(0)
    return privateKey
  } catch {
    // The cause of OpenSSL tells an attacker about padding, and an operator nothing.
    throw new CodedError(
      'KEY_UNAVAILABLE',
      'private key cannot be decrypted: wrong passphrase or damaged file',
    )
  }
}
