import { getStreamData, getValue, resolve, type PdfDocument } from '../../formats/pdf/document.ts'
import {
  findDictOf,
  isStream,
  isString,
  getText,
  type PdfDict,
  type PdfObject,
} from '../../formats/pdf/objects.ts'
import { listChangedKeys } from './equal.ts'
import { allow, forbid, type Step } from './step.ts'
import { canonicaliseXmp } from './xmp.ts'

const DATE = /^D:\d{4}(\d{2}){0,5}([Z+-]\d{0,2}'?\d{0,2}'?)?$/

/** Compares the document information: only the date of change may change, and the name of the last program. */
export function compareInformation(
  step: Step,
  before: PdfObject | undefined,
  after: PdfObject | undefined,
): void {
  const a = findDictOf(resolve(step.before, before))
  const b = findDictOf(resolve(step.after, after))
  const keys = listChangedKeys(a, b)
  if (keys.length === 0) return
  const fine = keys.every(
    (key) => (key === 'ModDate' || key === 'Producer') && isBookkeeping(step.after, b, key),
  )
  if (fine) allow(step, 'bookkeeping', 'dates-updated', { path: 'Info' })
  else
    forbid(step, 'metadata', 'information-changed', {
      path: `Info/${keys.find((key) => key !== 'ModDate') ?? ''}`,
    })
}

function isBookkeeping(view: PdfDocument, info: PdfDict | undefined, key: string): boolean {
  const value = info === undefined ? null : getValue(view, info, key)
  if (!isString(value)) return false
  return key === 'ModDate' ? DATE.test(getText(value)) : value.bytes.length <= 256
}

/** Compares the document's XMP metadata: only dates, instance and program of the save may change. */
export function compareMetadata(
  step: Step,
  before: PdfObject | undefined,
  after: PdfObject | undefined,
): void {
  const a = resolve(step.before, before)
  const b = resolve(step.after, after)
  if (isStream(a) && isStream(b)) {
    const old = getStreamData(step.before, a)
    const now = getStreamData(step.after, b)
    if (old.length === now.length && old.every((byte, index) => byte === now[index])) return
    if (isSameXmp(old, now)) {
      allow(step, 'bookkeeping', 'dates-updated', { path: 'Root/Metadata' })
      return
    }
  } else if (a === null && b === null) return
  else if (a === null && isStream(b) && canonicaliseXmp(getStreamData(step.after, b)) === '') {
    // Metadata that says when and with what it was saved, and nothing more.
    allow(step, 'bookkeeping', 'dates-updated', { path: 'Root/Metadata' })
    return
  }
  forbid(step, 'metadata', 'metadata-changed', { path: 'Root/Metadata' })
}

function isSameXmp(old: Uint8Array, now: Uint8Array): boolean {
  const canonical = canonicaliseXmp(old)
  return canonical !== undefined && canonical === canonicaliseXmp(now)
}
