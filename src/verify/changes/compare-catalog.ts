import { getCatalog, getValue, resolve } from '../../formats/pdf/document.ts'
import {
  findDictOf,
  isDict,
  isName,
  isString,
  type PdfDict,
  type PdfObject,
} from '../../formats/pdf/objects.ts'
import type { ChangeClass } from './change-types.ts'
import { compareForm } from './compare-form.ts'
import { isEqualObject, isSameValue, listChangedKeys } from './equal.ts'
import { compareInformation, compareMetadata } from './metadata.ts'
import { SAVE_KEYS } from './object-graph.ts'
import { allow, forbid, type Step } from './step.ts'
import { checkValidationData } from './validation-data.ts'

/** Compares the trailers of two saves. */
export function compareTrailer(step: Step): void {
  const a = step.before.trailer
  const b = step.after.trailer
  compareInformation(step, a.entries.get('Info'), b.entries.get('Info'))
  for (const key of listChangedKeys(a, b)) {
    if (key === 'Info' || SAVE_KEYS.has(key)) continue
    if (key === 'Root') forbid(step, 'trailer', 'root-replaced', { path: 'Root' })
    else if (key === 'Encrypt') forbid(step, 'trailer', 'encryption-changed', { path: 'Encrypt' })
    else if (key !== 'ID' || !isIdKept(step, a, b)) forbid(step, 'trailer', 'entry-changed', { path: key })
  }
}

/**
 * The first half of /ID should stay for the life of a file (ISO 32000-2, 14.4). Many programs give it anew, which
 * changes nothing but the names of the file, unless the file key is derived from it.
 */
function isIdKept(step: Step, a: PdfDict, b: PdfDict): boolean {
  if (step.before.security === undefined) return true
  const old = getValue(step.before, a, 'ID')
  const now = getValue(step.after, b, 'ID')
  if (!Array.isArray(now) || now.length !== 2 || !now.every(isString)) return false
  return !Array.isArray(old) || isEqualObject(old[0], now[0])
}

const CLASSES: Readonly<Record<string, ChangeClass>> = {
  Pages: 'page-tree',
  OpenAction: 'action',
  AA: 'action',
  Names: 'names',
  Dests: 'names',
  Perms: 'certification',
}

/** Compares the catalogs of two saves, entry by entry. */
export function compareCatalog(step: Step): void {
  const a = getCatalog(step.before)
  const b = getCatalog(step.after)
  for (const key of new Set([...a.entries.keys(), ...b.entries.keys()])) {
    const old = a.entries.get(key)
    const now = b.entries.get(key)
    if (key === 'AcroForm') compareForm(step, old, now)
    else if (key === 'DSS') compareValidationData(step, old, now)
    else if (key === 'Metadata') compareMetadata(step, old, now)
    else if (key === 'Extensions') compareExtensions(step, old, now)
    else if (!isSameValue(step.before, step.after, old, now)) {
      if (key === 'Version' && isVersionRaised(old ?? null, now ?? null)) {
        allow(step, 'bookkeeping', 'version-raised', { path: 'Root/Version' })
      } else forbid(step, CLASSES[key] ?? 'catalog', 'entry-changed', { path: `Root/${key}` })
    }
  }
}

function isVersionRaised(old: PdfObject, now: PdfObject): boolean {
  if (!isName(now) || !/^(1\.[4-7]|2\.0)$/.test(now.value)) return false
  return old === null || (isName(old) && old.value < now.value)
}

/**
 * /DSS may be put in, extended and rewritten: it proves, and what it no longer proves is found missing later.
 *
 * @see ETSI EN 319 142-1, 5.4.2
 */
function compareValidationData(step: Step, old: PdfObject | undefined, now: PdfObject | undefined): void {
  const a = resolve(step.before, old)
  const b = resolve(step.after, now)
  const touched = [...step.revision.entries.keys()].some((num) => step.graph.validationData.has(num))
  if (isEqualObject(old, now) && isEqualObject(a, b) && !touched) return
  if (!isDict(b) || (a !== null && !isDict(a))) {
    forbid(step, 'catalog', 'entry-changed', { path: 'Root/DSS' })
    return
  }
  checkValidationData(step, isDict(a) ? a : undefined, b)
  allow(step, 'validation-data', 'validation-data-updated', { path: 'Root/DSS' })
}

/** /Extensions only declares which developers extend the standard, and how far (ISO 32000-2, 7.12). */
function compareExtensions(step: Step, old: PdfObject | undefined, now: PdfObject | undefined): void {
  const a = resolve(step.before, old)
  const b = resolve(step.after, now)
  const path = 'Root/Extensions'
  if (a === null && b === null) return
  if (!isDict(b) || (a !== null && !isDict(a))) {
    forbid(step, 'catalog', 'entry-changed', { path })
    return
  }
  const keys = new Set([...(findDictOf(a)?.entries.keys() ?? []), ...b.entries.keys()])
  const changed = [...keys].filter((key) => {
    const before = resolve(step.before, findDictOf(a)?.entries.get(key))
    return !isEqualObject(before, resolve(step.after, b.entries.get(key)))
  })
  const wrong = changed.find((key) => !isDeclared(step, b.entries.get(key)))
  if (wrong !== undefined) forbid(step, 'catalog', 'entry-changed', { path: `${path}/${wrong}` })
  else if (changed.length > 0) allow(step, 'bookkeeping', 'extensions-declared', { path })
}

const DECLARATION_KEYS = new Set(['Type', 'BaseVersion', 'ExtensionLevel', 'ExtensionRevision', 'URL'])

/** One declaration, or a list of them (PDF 2.0). */
function isDeclared(step: Step, value: PdfObject | undefined): boolean {
  const object = resolve(step.after, value)
  const declarations = (Array.isArray(object) ? object : [object]).map((item) => resolve(step.after, item))
  const isPlain = (item: PdfObject): boolean => typeof item === 'number' || isName(item) || isString(item)
  return declarations.every(
    (item) =>
      isDict(item) && [...item.entries].every(([key, entry]) => DECLARATION_KEYS.has(key) && isPlain(entry)),
  )
}
