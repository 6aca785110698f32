/** A PDF name. `value` has one character per byte, `#xx` already decoded, without the slash. */
export type PdfName = { readonly kind: 'name'; readonly value: string }

/** A PDF string: its bytes (decrypted where the file is encrypted) and whether it was written as `<hex>`. */
export type PdfString = { readonly kind: 'string'; readonly bytes: Uint8Array; readonly hex: boolean }

/** An indirect reference `num gen R`. */
export type PdfRef = { readonly kind: 'ref'; readonly num: number; readonly gen: number }

/** A dictionary. Keys are names without the slash, one character per byte. */
export type PdfDict = { readonly kind: 'dict'; readonly entries: Map<string, PdfObject> }

/**
 * A stream. `raw` is a view of the bytes between `stream` and `endstream`, still filtered.
 * `encryptedAs` is set where `raw` is ciphertext under the key of that object.
 */
export type PdfStream = {
  readonly kind: 'stream'
  readonly dict: PdfDict
  readonly raw: Uint8Array
  readonly encryptedAs?: PdfRef
}

/** Any PDF object; numbers, booleans, null and arrays are the JavaScript ones. */
export type PdfObject =
  null | boolean | number | PdfName | PdfString | PdfRef | PdfDict | PdfStream | PdfObject[]

/** What a finished parse of a signature field needs to tell apart. */
type Kind = 'name' | 'string' | 'ref' | 'dict' | 'stream'

function isKind(object: PdfObject | undefined, kind: Kind): boolean {
  return typeof object === 'object' && object !== null && !Array.isArray(object) && object.kind === kind
}

/** True for a name, and for the name `value` where it is given. */
export function isName(object: PdfObject | undefined, value?: string): object is PdfName {
  return isKind(object, 'name') && (value === undefined || (object as PdfName).value === value)
}

/** True for a string object. */
export function isString(object: PdfObject | undefined): object is PdfString {
  return isKind(object, 'string')
}

/** True for an indirect reference. */
export function isRef(object: PdfObject | undefined): object is PdfRef {
  return isKind(object, 'ref')
}

/** True for a dictionary (not for a stream). */
export function isDict(object: PdfObject | undefined): object is PdfDict {
  return isKind(object, 'dict')
}

/** True for a stream. */
export function isStream(object: PdfObject | undefined): object is PdfStream {
  return isKind(object, 'stream')
}

/** Builds a name from text; non-ASCII text becomes its UTF-8 bytes. */
export function buildName(text: string): PdfName {
  return { kind: 'name', value: isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1') }
}

/** Builds an indirect reference. */
export function buildRef(num: number, gen = 0): PdfRef {
  return { kind: 'ref', num, gen }
}

/** Builds a dictionary; entries that are `undefined` are left out. */
export function buildDict(entries: Record<string, PdfObject | undefined>): PdfDict {
  const map = new Map<string, PdfObject>()
  for (const [key, value] of Object.entries(entries)) if (value !== undefined) map.set(key, value)
  return { kind: 'dict', entries: map }
}

/** Builds a stream from bytes that are already filtered as `dict` says; `/Length` is written by the encoder. */
export function buildStream(dict: PdfDict, raw: Uint8Array): PdfStream {
  return { kind: 'stream', dict, raw }
}

/** Builds a byte string. */
export function buildString(bytes: Uint8Array, hex = false): PdfString {
  return { kind: 'string', bytes, hex }
}

/** Builds a text string: ASCII as is, anything else UTF-16BE with its byte order mark (ISO 32000-2, 7.9.2.2). */
export function buildTextString(text: string): PdfString {
  if (isAscii(text)) return buildString(Uint8Array.from(Buffer.from(text, 'latin1')))
  const body = Buffer.from(text, 'utf16le').swap16()
  return buildString(Uint8Array.from([0xfe, 0xff, ...body]))
}

/** A copy of a dictionary with some entries replaced; `undefined` removes an entry. */
export function withEntries(dict: PdfDict, changes: Record<string, PdfObject | undefined>): PdfDict {
  const entries = new Map(dict.entries)
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) entries.delete(key)
    else entries.set(key, value)
  }
  return { kind: 'dict', entries }
}

/** The dictionary of a dictionary or stream. */
export function findDictOf(object: PdfObject | undefined): PdfDict | undefined {
  if (isDict(object)) return object
  return isStream(object) ? object.dict : undefined
}

/** True where both references name the same object. */
export function isSameRef(a: PdfRef, b: PdfRef): boolean {
  return a.num === b.num && a.gen === b.gen
}

/** The text of a text string: UTF-16BE, UTF-8 (PDF 2.0) or PDFDocEncoding (ISO 32000-2, 7.9.2.2). */
export function getText(string: PdfString): string {
  const { bytes } = string
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes.subarray(2))
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes.subarray(2))
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    return new TextDecoder('utf-8').decode(bytes.subarray(3))
  }
  let text = ''
  for (const byte of bytes)
    text += PDF_DOC_HIGH[byte - 0x80] ?? PDF_DOC_LOW[byte - 0x18] ?? String.fromCharCode(byte)
  return text
}

/** PDFDocEncoding 0x80–0xA0 and 0x18–0x1F, where it differs from Latin-1 (ISO 32000-2, annex D.2). */
const PDF_DOC_HIGH = [...'•†‡…—–ƒ⁄‹›−‰„“”‘’‚™ﬁﬂŁŒŠŸŽıłœšž\ufffd€']
const PDF_DOC_LOW = [...'˘ˇˆ˙˝˛˚˜']

/** The PDFDocEncoding bytes of a text, or undefined where a character has none. */
export function encodePdfDoc(text: string): Uint8Array | undefined {
  const bytes: number[] = []
  for (const char of text) {
    const high = PDF_DOC_HIGH.indexOf(char)
    const code = char.codePointAt(0) ?? 0
    if (high >= 0) bytes.push(0x80 + high)
    else if (code <= 0xff) bytes.push(code)
    else return undefined
  }
  return Uint8Array.from(bytes)
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7e) return false
  }
  return true
}
