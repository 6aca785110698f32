import type { PdfDict, PdfObject, PdfRef, PdfStream } from './objects.ts'

/** An opened standard security handler. */
export type SecurityHandler = {
  readonly openedAs: 'user' | 'owner'
  /** /P as a signed 32-bit integer. */
  readonly permissions: number
  readonly decryptString: (bytes: Uint8Array, ref: PdfRef) => Uint8Array
  readonly encryptString: (bytes: Uint8Array, ref: PdfRef) => Uint8Array
  readonly decryptStream: (stream: PdfStream, ref: PdfRef) => Uint8Array
  readonly encryptStream: (dict: PdfDict, raw: Uint8Array, ref: PdfRef) => Uint8Array
}

export function openSecurityHandler(
  _encrypt: PdfDict,
  _id: Uint8Array,
  _password: string | undefined,
  _resolve: (object: PdfObject | undefined) => PdfObject,
): SecurityHandler {
  throw new Error('not yet')
}
