/** Every sentence of a report by its stable key, in Chinese and English. */
import type { SignatureProblem } from '../formats/pdf/signature-problems.ts'
import type { ChangeDetail } from './changes/change-types.ts'
import { CHAIN_TEXTS } from './texts-chain.ts'
import { CHANGE_TEXTS, type ChangeKey, PROBLEM_TEXTS, type ProblemKey } from './texts-pdf.ts'
import { SIGNATURE_TEXTS } from './texts-signature.ts'

const TEXTS = { ...CHAIN_TEXTS, ...SIGNATURE_TEXTS }

/** Stable key of a sentence. */
export type TextKey = keyof typeof TEXTS

/** Stable key of a reason, those of PDF structure included. */
export type ReasonKey = TextKey | ProblemKey | ChangeKey

/** One fact of a report: a stable key, a sentence in both languages, and what it is about. */
export interface Reason {
  readonly key: ReasonKey
  readonly zh: string
  readonly en: string
  /** Names, dates and identifiers; not a sentence. */
  readonly detail?: string
  /** The certificate that it is about, where it is one of several. */
  readonly certificate?: ReasonCertificate
}

/** A certificate by its name, and without doubt by issuer and serial number. */
export interface ReasonCertificate {
  /** Common name; the whole subject where it has none. */
  readonly name: string
  readonly issuer: string
  readonly serialHex: string
}

const withDetail = (detail: string | undefined): { detail?: string } =>
  detail === undefined ? {} : { detail }

const fill = (sentence: string, values: Readonly<Record<string, string>>): string =>
  sentence.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)

/** The reason of a key; `values` stand where the sentence names them in braces. */
export const reason = (
  key: TextKey,
  detail?: string,
  values: Readonly<Record<string, string>> = {},
): Reason => ({
  key,
  zh: fill(TEXTS[key].zh, values),
  en: fill(TEXTS[key].en, values),
  ...withDetail(detail),
})

/** The reason of a key about one certificate, which its detail names for people. */
export const certificateReason = (
  key: TextKey,
  certificate: ReasonCertificate,
  ...more: readonly string[]
): Reason => {
  const { name, issuer, serialHex } = certificate
  return {
    ...reason(key, [name, `serial ${serialHex}`, `issuer ${issuer}`, ...more].join(', ')),
    certificate,
  }
}

const keyOf = (id: string): string => id.toUpperCase().replaceAll('-', '_')

/** The reason of a structural problem of a signature in a PDF. */
export const problemReason = (problem: SignatureProblem): Reason => ({
  key: `PDF_${keyOf(problem)}` as ProblemKey,
  ...PROBLEM_TEXTS[problem],
})

/** The reason of a change after signing. */
export const changeReason = (detail: ChangeDetail, where: string): Reason => ({
  key: `CHANGE_${keyOf(detail)}` as ChangeKey,
  ...CHANGE_TEXTS[detail],
  detail: where,
})

/** Every key with its sentences, for translators and tests. */
export function listTexts(): readonly Omit<Reason, 'detail'>[] {
  return [
    ...(Object.keys(TEXTS) as TextKey[]).map((key) => reason(key)),
    ...(Object.keys(PROBLEM_TEXTS) as SignatureProblem[]).map(problemReason),
    ...(Object.keys(CHANGE_TEXTS) as ChangeDetail[]).map((detail) => {
      const { key, zh, en } = changeReason(detail, '')
      return { key, zh, en }
    }),
  ]
}
