import { TAG, isCoded, parseDer, readDer } from '../../../ca/formats.ts'
import { getStreamData, resolve } from '../../formats/pdf/document.ts'
import {
  findDictOf,
  isDict,
  isRef,
  isStream,
  type PdfDict,
  type PdfObject,
  type PdfStream,
} from '../../formats/pdf/objects.ts'
import { isEqualObject } from './equal.ts'
import { forbid, type Step } from './step.ts'

const STORE = 'Root/DSS'

/**
 * Checks that what a save writes below /DSS is validation data and nothing else: lists of streams, each with a certificate,
 * a CRL, an OCSP response or a timestamp in it.
 *
 * @see ETSI EN 319 142-1, 5.4.2
 */
export function checkValidationData(step: Step, old: PdfDict | undefined, now: PdfDict): void {
  for (const [key, value] of now.entries) {
    if (['Certs', 'OCSPs', 'CRLs'].includes(key)) checkList(step, value, `${STORE}/${key}`)
    else if (key === 'VRI') checkRelated(step, value)
    else if (!isEqualObject(value, old?.entries.get(key))) checkPlain(step, value, `${STORE}/${key}`)
  }
}

/** /VRI names signatures by digest and says what proves each (5.4.2.3). */
function checkRelated(step: Step, value: PdfObject): void {
  const path = `${STORE}/VRI`
  const related = resolve(step.after, value)
  if (!isDict(related)) {
    checkPlain(step, related, path)
    return
  }
  for (const [key, item] of related.entries) {
    const dict = resolve(step.after, item)
    if (isDict(dict)) checkProofs(step, dict, `${path}/${key}`)
    else checkPlain(step, dict, `${path}/${key}`)
  }
}

function checkProofs(step: Step, dict: PdfDict, path: string): void {
  for (const [key, value] of dict.entries) {
    if (['Cert', 'OCSP', 'CRL'].includes(key)) checkList(step, value, `${path}/${key}`)
    else if (key === 'TS') checkItem(step, value, `${path}/TS`)
    else checkPlain(step, resolve(step.after, value), `${path}/${key}`)
  }
}

function checkList(step: Step, value: PdfObject, path: string): void {
  const list = resolve(step.after, value)
  if (!Array.isArray(list)) checkPlain(step, list, path)
  else for (const [index, item] of list.entries()) checkItem(step, item, `${path}[${index}]`)
}

/** Only what this save wrote: earlier ones were checked, or signed. */
function checkItem(step: Step, value: PdfObject, path: string): void {
  if (isRef(value) && !step.revision.entries.has(value.num)) return
  const item = resolve(step.after, value)
  if (!isStream(item)) checkPlain(step, item, path)
  else if (!isValidationData(step, item)) forbid(step, 'catalog', 'validation-data-foreign', { path })
}

function isValidationData(step: Step, stream: PdfStream): boolean {
  try {
    return FORMS.has(formOf(getStreamData(step.after, stream)))
  } catch (error) {
    if (!isCoded(error)) throw error
    return false
  }
}

/**
 * A certificate or CRL, an OCSP response, its basic part alone with and without certificates, a CMS: the tags of the
 * outermost sequence. Responders break the rules further inside, and whoever uses one as evidence parses it.
 */
const FORMS: ReadonlySet<string> = new Set(['30 30 3', 'a a0', '30 30 3 a0', '6 a0'])

function formOf(data: Uint8Array): string {
  const { content } = parseDer(data, TAG.sequence)
  const tags: string[] = []
  // None of the forms is longer: what only counts elements must not cost more than that.
  for (let pos = 0; pos < content.length && tags.length <= 4;) {
    const child = readDer(content, pos)
    tags.push(child.tag.toString(16))
    pos += child.raw.length
  }
  return tags.join(' ')
}

/** Entries that the standard does not know may say something, but not lead to anything. */
function checkPlain(step: Step, value: PdfObject, path: string): void {
  const isComposite = isRef(value) || Array.isArray(value) || findDictOf(value) !== undefined
  if (isComposite) forbid(step, 'catalog', 'validation-data-foreign', { path })
}
