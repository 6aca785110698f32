import { CodedError } from '../../../ca/errors.ts'
import {
  findArray,
  findDict,
  findName,
  findNumber,
  getValue,
  resolve,
  type PdfDocument,
} from '../pdf/document.ts'
import { getText, isName, isString, type PdfDict } from '../pdf/objects.ts'

/** What a signature will be, as far as a seed value can constrain it. */
export type SignatureTraits = {
  readonly filter: string
  readonly subFilter: string
  readonly reason: string | undefined
  readonly docMdp: number | undefined
}

/** Required-constraint bits of /Ff (ISO 32000-2, table 237). */
const FILTER = 1
const SUB_FILTER = 2
const REASONS = 8
const DIGEST_METHOD = 64

/**
 * Refuses a field whose seed value demands what we do not do or cannot check. Wishes that are not demands are not
 * looked at.
 *
 * @throws {PADES_SEED_VALUE_UNSUPPORTED}
 * @see ISO 32000-2, 12.7.5.5
 */
export function checkSeedValue(doc: PdfDocument, field: PdfDict, traits: SignatureTraits): void {
  const seed = findDict(doc, field, 'SV')
  if (!seed) return
  const required = findNumber(doc, seed, 'Ff') ?? 0
  const checks: [number, () => boolean][] = [
    [FILTER, () => findName(doc, seed, 'Filter')?.value === traits.filter],
    [SUB_FILTER, () => listTexts(doc, seed, 'SubFilter').includes(traits.subFilter)],
    [REASONS, () => listTexts(doc, seed, 'Reasons').includes(traits.reason ?? '.')],
    // Every signature we make can be made with SHA-256.
    [DIGEST_METHOD, () => listTexts(doc, seed, 'DigestMethod').includes('SHA256')],
  ]
  const known = checks.reduce((bits, [bit]) => bits | bit, 0)
  const isMet = checks.every(([bit, check]) => (required & bit) === 0 || check())
  if (isMet && (required & ~known) === 0 && isPlain(doc, seed, traits)) return
  throw new CodedError(
    'PADES_SEED_VALUE_UNSUPPORTED',
    'The signature field demands something that cannot be done here.',
  )
}

function isPlain(doc: PdfDocument, seed: PdfDict, traits: SignatureTraits): boolean {
  const certificate = findDict(doc, seed, 'Cert')
  const timestamp = findDict(doc, seed, 'TimeStamp')
  const mdp = findDict(doc, seed, 'MDP')
  const isFree = (dict: PdfDict | undefined): boolean => !dict || (findNumber(doc, dict, 'Ff') ?? 0) === 0
  const level = mdp ? (findNumber(doc, mdp, 'P') ?? 0) : 0
  return isFree(certificate) && isFree(timestamp) && (level === 0 || level === traits.docMdp)
}

function listTexts(doc: PdfDocument, dict: PdfDict, key: string): string[] {
  const items = findArray(doc, dict, key) ?? [getValue(doc, dict, key)]
  return items.flatMap((item) => {
    const value = resolve(doc, item)
    if (isName(value)) return [value.value]
    return isString(value) ? [getText(value)] : []
  })
}
