import { CodedError, concat } from '../../../ca/formats.ts'
import { aesCbc, digest, rc4 } from './ciphers.ts'
import { encodePdfDoc } from './objects.ts'

/** The entries of an encryption dictionary that the key depends on (ISO 32000-2, table 21). */
export type KeyParameters = {
  readonly revision: number
  /** Bytes of the file key: 5–16, or 32. */
  readonly keyLength: number
  readonly O: Uint8Array
  readonly U: Uint8Array
  readonly OE: Uint8Array
  readonly UE: Uint8Array
  readonly P: number
  readonly id: Uint8Array
  readonly encryptMetadata: boolean
}

/** The file key and who it was opened as. */
export type FileKey = { readonly key: Uint8Array; readonly openedAs: 'user' | 'owner' }

const PAD = Uint8Array.from(
  Buffer.from('28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a', 'hex'),
)

/**
 * The file key for a password: tried as owner, then as user; the empty one is tried too.
 *
 * @throws {PDF_ENCRYPTED} where none fits
 * @see ISO 32000-2, 7.6.4.3 and 7.6.4.4
 */
export function findFileKey(parameters: KeyParameters, password: string | undefined): FileKey {
  const modern = parameters.revision >= 5
  const given = password === undefined ? [] : modern ? modernForms(password) : legacyForms(password)
  const asOwner = modern ? modernOwnerKey : legacyOwnerKey
  const asUser = modern ? modernUserKey : legacyUserKey
  for (const bytes of [...given, new Uint8Array()]) {
    const key = asOwner(parameters, bytes)
    if (key) return { key, openedAs: 'owner' }
  }
  for (const bytes of [...given, new Uint8Array()]) {
    const key = asUser(parameters, bytes)
    if (key) return { key, openedAs: 'user' }
  }
  const reason =
    password === undefined ? 'a password that was not given' : 'another password than the one given'
  throw new CodedError('PDF_ENCRYPTED', `The PDF is encrypted with ${reason}.`)
}

/** Revisions 5 and 6 take the UTF-8 form of SASLprep, at most 127 bytes; some writers skip SASLprep. */
function modernForms(password: string): Uint8Array[] {
  const prepared = password
    .replace(/[\u00ad\u034f\u1806\u180b-\u180d\u200b-\u200d\u2060\ufe00-\ufe0f\ufeff]/g, '')
    .replace(/[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/g, ' ')
    .normalize('NFKC')
  const forms = prepared === password ? [password] : [prepared, password]
  return forms.map((form) => Uint8Array.from(Buffer.from(form, 'utf8')).subarray(0, 127))
}

function legacyForms(password: string): Uint8Array[] {
  const encoded = encodePdfDoc(password)
  const utf8 = Uint8Array.from(Buffer.from(password, 'utf8'))
  return encoded ? [encoded, utf8] : [utf8]
}

function pad(password: Uint8Array): Uint8Array {
  return concat(password, PAD).subarray(0, 32)
}

/** Algorithm 2. */
function legacyKey(parameters: KeyParameters, password: Uint8Array): Uint8Array {
  const { revision, keyLength, O, P, id, encryptMetadata } = parameters
  const permissions = new Uint8Array(4)
  new DataView(permissions.buffer).setInt32(0, P, true)
  const metadata = revision >= 4 && !encryptMetadata ? new Uint8Array(4).fill(0xff) : new Uint8Array()
  let key = digest('md5', pad(password), O.subarray(0, 32), permissions, id, metadata).subarray(0, keyLength)
  if (revision >= 3) for (let i = 0; i < 50; i++) key = digest('md5', key).subarray(0, keyLength)
  return key
}

/** Algorithms 4, 5 and 6. */
function legacyUserKey(parameters: KeyParameters, password: Uint8Array): Uint8Array | undefined {
  const key = legacyKey(parameters, password)
  if (parameters.revision === 2) return isEqual(rc4(key, PAD), parameters.U, 32) ? key : undefined
  let check = digest('md5', PAD, parameters.id)
  for (let i = 0; i < 20; i++) check = rc4(xor(key, i), check)
  return isEqual(check, parameters.U, 16) ? key : undefined
}

/** Algorithms 3 and 7: the owner's password opens the user's. */
function legacyOwnerKey(parameters: KeyParameters, password: Uint8Array): Uint8Array | undefined {
  const { revision, keyLength, O } = parameters
  let key = digest('md5', pad(password))
  if (revision >= 3) for (let i = 0; i < 50; i++) key = digest('md5', key)
  key = key.subarray(0, keyLength)
  let user = O.subarray(0, 32)
  for (let i = revision === 2 ? 0 : 19; i >= 0; i--) user = rc4(xor(key, i), user)
  return legacyUserKey(parameters, user)
}

function xor(key: Uint8Array, value: number): Uint8Array {
  return key.map((byte) => byte ^ value)
}

function isEqual(a: Uint8Array, b: Uint8Array, length: number): boolean {
  return b.length >= length && Buffer.compare(a.subarray(0, length), b.subarray(0, length)) === 0
}

/** Algorithm 2.A, user: U is hash (32), validation salt (8), key salt (8). */
function modernUserKey(parameters: KeyParameters, password: Uint8Array): Uint8Array | undefined {
  return modernKey(parameters, password, parameters.U, new Uint8Array(), parameters.UE)
}

function modernOwnerKey(parameters: KeyParameters, password: Uint8Array): Uint8Array | undefined {
  return modernKey(parameters, password, parameters.O, parameters.U.subarray(0, 48), parameters.OE)
}

function modernKey(
  { revision }: KeyParameters,
  password: Uint8Array,
  verifier: Uint8Array,
  user: Uint8Array,
  wrapped: Uint8Array,
): Uint8Array | undefined {
  if (verifier.length < 48 || wrapped.length < 32) return undefined
  const hash = revision === 5 ? (salt: Uint8Array) => digest('sha256', password, salt, user) : undefined
  const compute = hash ?? ((salt: Uint8Array) => hardenedHash(password, salt, user))
  if (!isEqual(compute(verifier.subarray(32, 40)), verifier, 32)) return undefined
  return aesCbc('decrypt', compute(verifier.subarray(40, 48)), new Uint8Array(16), wrapped.subarray(0, 32))
}

/** Algorithm 2.B. */
function hardenedHash(password: Uint8Array, salt: Uint8Array, user: Uint8Array): Uint8Array {
  let K = digest('sha256', password, salt, user)
  for (let round = 0, last = 0; round < 64 || last > round - 32; round++) {
    const one = concat(password, K, user)
    const repeated = concat(...Array.from({ length: 64 }, () => one))
    const E = aesCbc('encrypt', K.subarray(0, 16), K.subarray(16, 32), repeated)
    const remainder = E.subarray(0, 16).reduce((sum, byte) => sum + byte, 0) % 3
    K = digest(remainder === 0 ? 'sha256' : remainder === 1 ? 'sha384' : 'sha512', E)
    last = E.at(-1) as number
  }
  return K.subarray(0, 32)
}
