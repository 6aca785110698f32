import { CodedError, concat } from '../../../ca/formats.ts'
import { decryptAes, digest, encryptAes, rc4 } from './ciphers.ts'
import { findFileKey, type KeyParameters } from './file-key.ts'
import { malformed } from './limits.ts'
import {
  isDict,
  isName,
  isString,
  type PdfDict,
  type PdfObject,
  type PdfRef,
  type PdfStream,
} from './objects.ts'

/** An opened standard security handler. */
export type SecurityHandler = {
  readonly openedAs: 'user' | 'owner'
  /** /P, a signed 32-bit integer. */
  readonly permissions: number
  readonly decryptString: (bytes: Uint8Array, ref: PdfRef) => Uint8Array
  readonly encryptString: (bytes: Uint8Array, ref: PdfRef) => Uint8Array
  readonly decryptStream: (stream: PdfStream, ref: PdfRef) => Uint8Array
  readonly encryptStream: (dict: PdfDict, raw: Uint8Array, ref: PdfRef) => Uint8Array
}

/** What a user who is not the owner may do (ISO 32000-2, table 22). */
export type Permissions = {
  readonly print: boolean
  readonly modify: boolean
  readonly copy: boolean
  readonly annotate: boolean
  readonly fillForms: boolean
  readonly assemble: boolean
}

type Resolve = (object: PdfObject | undefined) => PdfObject
type Method = 'identity' | 'rc4' | 'aes128' | 'aes256'

/** The permission bits of /P by name. */
export function readPermissions(p: number): Permissions {
  const bit = (position: number): boolean => (p & (1 << (position - 1))) !== 0
  return {
    print: bit(3),
    modify: bit(4),
    copy: bit(5),
    annotate: bit(6),
    fillForms: bit(6) || bit(9),
    assemble: bit(4) || bit(11),
  }
}

/**
 * Opens the standard security handler, revisions 2–6.
 *
 * @param id first element of the trailer's /ID
 * @throws {PDF_ENCRYPTED} where neither the password nor the empty one opens it
 * @throws {PDF_ENCRYPTION_UNSUPPORTED} for public-key handlers and unknown algorithms
 * @throws {PDF_MALFORMED} where the dictionary lacks what it must have
 * @see ISO 32000-2, 7.6
 */
export function openSecurityHandler(
  encrypt: PdfDict,
  id: Uint8Array,
  password: string | undefined,
  resolve: Resolve,
): SecurityHandler {
  const get = (key: string): PdfObject => resolve(encrypt.entries.get(key))
  if (!isName(get('Filter'), 'Standard')) {
    throw unsupported('it is encrypted for certificates or by an unknown security handler')
  }
  const version = get('V')
  const revision = get('R')
  if (!isOneOf(version, [1, 2, 4, 5]) || !isOneOf(revision, [2, 3, 4, 5, 6])) {
    throw unsupported('its encryption version is not known')
  }
  const parameters = readParameters(get, version, revision, id)
  const methods = readMethods(get, version, resolve)
  // Where only attachments are encrypted, the document opens without a password (7.6.6, EFOpen).
  const isOpen = methods.strings === 'identity' && methods.streams === 'identity' && password === undefined
  const { key, openedAs } = isOpen
    ? { key: undefined, openedAs: 'user' as const }
    : findFileKey(parameters, password)
  const apply = (encrypting: boolean, method: Method, bytes: Uint8Array, ref: PdfRef): Uint8Array =>
    method === 'identity'
      ? bytes
      : transform(encrypting, method, key ?? findFileKey(parameters, password).key, bytes, ref)
  const streamMethod = (dict: PdfDict): Method =>
    findStreamMethod(dict, methods, parameters.encryptMetadata, resolve)
  return {
    openedAs,
    permissions: parameters.P,
    decryptString: (bytes, ref) => apply(false, methods.strings, bytes, ref),
    encryptString: (bytes, ref) => apply(true, methods.strings, bytes, ref),
    decryptStream: (stream, ref) => apply(false, streamMethod(stream.dict), stream.raw, ref),
    encryptStream: (dict, raw, ref) => apply(true, streamMethod(dict), raw, ref),
  }
}

function unsupported(why: string): CodedError {
  return new CodedError('PDF_ENCRYPTION_UNSUPPORTED', `The PDF cannot be read: ${why}.`)
}

function isOneOf(value: PdfObject, list: number[]): value is number {
  return typeof value === 'number' && list.includes(value)
}

function readParameters(
  get: (key: string) => PdfObject,
  version: number,
  revision: number,
  id: Uint8Array,
): KeyParameters {
  const bytes = (key: string): Uint8Array => {
    const value = get(key)
    return isString(value) ? value.bytes : new Uint8Array()
  }
  const P = get('P')
  if (typeof P !== 'number') throw malformed('The PDF encryption dictionary lacks /P.')
  const O = bytes('O')
  const U = bytes('U')
  if (O.length < 32 || U.length < 32) throw malformed('The PDF encryption dictionary lacks /O or /U.')
  const keyLength = readKeyLength(version, get('Length'))
  const encryptMetadata = get('EncryptMetadata') !== false
  // Some writers give /P as an unsigned number; it is the same 32 bits.
  return { revision, keyLength, O, U, OE: bytes('OE'), UE: bytes('UE'), P: P | 0, id, encryptMetadata }
}

function readKeyLength(version: number, length: PdfObject): number {
  if (version === 1) return 5
  if (version >= 4) return version === 5 ? 32 : 16
  const bits = typeof length === 'number' ? length : 40
  // /Length counts bits; some writers count bytes.
  const bytes = bits < 40 ? bits : bits / 8
  if (!Number.isInteger(bytes) || bytes < 5 || bytes > 16) {
    throw malformed('The PDF encryption dictionary has a /Length out of range.')
  }
  return bytes
}

type Methods = {
  readonly strings: Method
  readonly streams: Method
  readonly embedded: Method
  readonly named: (name: string) => Method
}

function readMethods(get: (key: string) => PdfObject, version: number, resolve: Resolve): Methods {
  if (version < 4) return { strings: 'rc4', streams: 'rc4', embedded: 'rc4', named: () => 'rc4' }
  const filters = get('CF')
  const named = (name: string): Method => {
    if (name === 'Identity') return 'identity'
    const filter = isDict(filters) ? resolve(filters.entries.get(name)) : null
    const method = isDict(filter) ? resolve(filter.entries.get('CFM')) : null
    if (!isName(method)) throw malformed('The PDF encryption dictionary names a crypt filter that it lacks.')
    return toMethod(method.value)
  }
  const chosen = (key: string, fallback: Method): Method => {
    const name = get(key)
    return isName(name) ? named(name.value) : fallback
  }
  const streams = chosen('StmF', 'identity')
  return { strings: chosen('StrF', 'identity'), streams, embedded: chosen('EFF', streams), named }
}

function toMethod(name: string): Method {
  if (name === 'V2') return 'rc4'
  if (name === 'AESV2') return 'aes128'
  if (name === 'AESV3') return 'aes256'
  if (name === 'None') return 'identity'
  throw unsupported('its crypt filter method is not known')
}

function findStreamMethod(
  dict: PdfDict,
  methods: Methods,
  encryptMetadata: boolean,
  resolve: Resolve,
): Method {
  const type = resolve(dict.entries.get('Type'))
  if (isName(type, 'XRef')) return 'identity'
  const filters = resolve(dict.entries.get('Filter'))
  const first = Array.isArray(filters) ? resolve(filters[0]) : filters
  if (isName(first, 'Crypt')) {
    const parms = resolve(dict.entries.get('DecodeParms'))
    const own = Array.isArray(parms) ? resolve(parms[0]) : parms
    const name = isDict(own) ? resolve(own.entries.get('Name')) : null
    return methods.named(isName(name) ? name.value : 'Identity')
  }
  if (isName(type, 'Metadata') && !encryptMetadata) return 'identity'
  return isName(type, 'EmbeddedFile') ? methods.embedded : methods.streams
}

/** Algorithms 1 and 1.A. */
function transform(
  encrypting: boolean,
  method: Exclude<Method, 'identity'>,
  fileKey: Uint8Array,
  data: Uint8Array,
  ref: PdfRef,
): Uint8Array {
  const label = Uint8Array.from([ref.num, ref.num >> 8, ref.num >> 16, ref.gen, ref.gen >> 8])
  const salt = method === 'aes128' ? Uint8Array.from(Buffer.from('sAlT')) : new Uint8Array()
  const key =
    method === 'aes256'
      ? fileKey
      : digest('md5', concat(fileKey, label, salt)).subarray(0, Math.min(fileKey.length + 5, 16))
  if (method === 'rc4') return rc4(key, data)
  return encrypting ? encryptAes(key, label, data) : decryptAes(key, data)
}
