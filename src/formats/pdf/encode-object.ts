import { concat } from '../../../ca/formats.ts'
import { isSignatureDict } from './decrypt-object.ts'
import {
  isSameRef,
  type PdfDict,
  type PdfObject,
  type PdfRef,
  type PdfStream,
  type PdfString,
} from './objects.ts'
import type { SecurityHandler } from './security-handler.ts'

/** The handler and object number that strings and streams are encrypted with. */
type Encryption = { readonly security: SecurityHandler; readonly ref: PdfRef }

/**
 * Encodes `num gen obj … endobj` with an end of line after it, encrypted where the file is.
 *
 * @see ISO 32000-2, 7.3.10
 */
export function encodeIndirectObject(ref: PdfRef, object: PdfObject, security?: SecurityHandler): Uint8Array {
  const out = new Output(security && { security, ref })
  out.text(`${ref.num} ${ref.gen} obj\n`)
  out.object(object)
  out.text('\nendobj\n')
  return out.bytes()
}

/** Encodes an object that is not a stream and is not encrypted. */
export function encodeObject(object: PdfObject): Uint8Array {
  const out = new Output(undefined)
  out.object(object)
  return out.bytes()
}

/** Encodes a number without an exponent, which PDF does not know (7.3.3). */
export function encodeNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value === 0 ? 0 : value)
  if (!Number.isFinite(value)) return '0'
  const text = value.toFixed(10).replace(/\.?0+$/, '')
  return text === '-0' ? '0' : text
}

/** Encodes a name: anything but printable regular characters becomes `#xx` (7.3.5). */
export function encodeName(value: string): string {
  const escape = (char: string): string => `#${char.charCodeAt(0).toString(16).padStart(2, '0')}`
  return `/${value.replace(/[^!-~]|[#()<>[\]{}/%]/g, escape)}`
}

/** Collects text and bytes; a class because every step of the recursion shares the open text. */
class Output {
  private readonly parts: Uint8Array[] = []
  private pending = ''
  private readonly encryption: Encryption | undefined

  constructor(encryption: Encryption | undefined) {
    this.encryption = encryption
  }

  text(text: string): void {
    this.pending += text
  }

  bytes(): Uint8Array {
    this.flush()
    return concat(...this.parts)
  }

  object(object: PdfObject): void {
    if (object === null || typeof object === 'boolean') this.text(String(object))
    else if (typeof object === 'number') this.text(encodeNumber(object))
    else if (Array.isArray(object)) this.array(object)
    else if (object.kind === 'name') this.text(encodeName(object.value))
    else if (object.kind === 'ref') this.text(`${object.num} ${object.gen} R`)
    else if (object.kind === 'string') this.string(object, true)
    else if (object.kind === 'dict') this.dict(object)
    else this.stream(object)
  }

  private flush(): void {
    if (this.pending !== '') this.parts.push(Buffer.from(this.pending, 'latin1'))
    this.pending = ''
  }

  private array(items: PdfObject[]): void {
    this.text('[')
    items.forEach((item, index) => {
      if (index > 0) this.text(' ')
      this.object(item)
    })
    this.text(']')
  }

  private dict(dict: PdfDict): void {
    const signature = isSignatureDict(dict)
    this.text('<<')
    for (const [key, value] of dict.entries) {
      this.text(`\n${encodeName(key)} `)
      const exempt = signature && key === 'Contents'
      if (
        exempt &&
        typeof value === 'object' &&
        value !== null &&
        'kind' in value &&
        value.kind === 'string'
      ) {
        this.string(value, false)
      } else this.object(value)
    }
    this.text('\n>>')
  }

  private string(string: PdfString, encrypt: boolean): void {
    const { encryption } = this
    const isCipher = encrypt && encryption !== undefined
    const bytes = isCipher ? encryption.security.encryptString(string.bytes, encryption.ref) : string.bytes
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    if (isCipher || string.hex || !bytes.every(isPlain)) this.text(`<${buffer.toString('hex')}>`)
    else this.text(`(${buffer.toString('latin1').replace(/[\\()]/g, '\\$&')})`)
  }

  private stream(stream: PdfStream): void {
    const raw = this.streamBytes(stream)
    const entries = new Map(stream.dict.entries)
    entries.set('Length', raw.length)
    this.dict({ kind: 'dict', entries })
    this.text('\nstream\n')
    this.flush()
    this.parts.push(raw)
    this.text('\nendstream')
  }

  private streamBytes(stream: PdfStream): Uint8Array {
    const { encryption } = this
    if (!encryption) return stream.raw
    const { security, ref } = encryption
    if (stream.encryptedAs && isSameRef(stream.encryptedAs, ref)) return stream.raw
    const plain = stream.encryptedAs ? security.decryptStream(stream, stream.encryptedAs) : stream.raw
    return security.encryptStream(stream.dict, plain, ref)
  }
}

function isPlain(byte: number): boolean {
  return byte >= 0x20 && byte <= 0x7e
}
