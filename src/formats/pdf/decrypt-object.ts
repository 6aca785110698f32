import { isDict, isName, isStream, isString, type PdfDict, type PdfObject, type PdfRef } from './objects.ts'
import type { SecurityHandler } from './security-handler.ts'

/** An object as it was before it was encrypted; streams keep their ciphertext and are marked (7.6.2). */
export function decryptObject(security: SecurityHandler, object: PdfObject, ref: PdfRef): PdfObject {
  if (isString(object)) return { ...object, bytes: security.decryptString(object.bytes, ref) }
  if (Array.isArray(object)) return object.map((item) => decryptObject(security, item, ref))
  if (isDict(object)) return decryptDict(security, object, ref)
  // Cross-reference streams are never encrypted (7.5.8.2).
  if (!isStream(object) || isName(object.dict.entries.get('Type'), 'XRef')) return object
  return { ...object, dict: decryptDict(security, object.dict, ref), encryptedAs: ref }
}

function decryptDict(security: SecurityHandler, dict: PdfDict, ref: PdfRef): PdfDict {
  const signed = isSignatureDict(dict)
  const entries = new Map<string, PdfObject>()
  for (const [key, value] of dict.entries) {
    entries.set(key, signed && key === 'Contents' ? value : decryptObject(security, value, ref))
  }
  return { kind: 'dict', entries }
}

/** True for what must be taken as a signature dictionary, whose /Contents is never encrypted (7.6.2). */
export function isSignatureDict(dict: PdfDict): boolean {
  const type = dict.entries.get('Type')
  if (type !== undefined && !isName(type, 'Sig') && !isName(type, 'DocTimeStamp')) return false
  return dict.entries.has('Contents') && (type !== undefined || dict.entries.has('ByteRange'))
}
