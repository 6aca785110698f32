/** The four conditions of Electronic Signature Law (电子签名法) art. 13, first paragraph: four answers, each with its facts. */
import type { Conclusion } from './indications.ts'
import type { ConditionReport } from './report.ts'
import { type Reason, type TextKey, reason } from './texts.ts'

/** What the keeper of a key puts on record; nobody can read it off a certificate. */
export interface KeyCustody {
  /** SHA-256 of the certificate, hex. */
  readonly certSha256: string
  /** Condition ①: the key belonged to the signatory alone when it was used; left out where the records do not say. */
  readonly exclusive?: boolean
  /** Condition ②: at signing the signatory alone controlled it; left out where the records do not say. */
  readonly controlled?: boolean
  /** What an event certificate was made for: its key may have signed these digests and no others. */
  readonly madeFor?: readonly { readonly alg: string; readonly digestHex: string }[]
  /** Facts behind both, for example that the key was made for this signature and destroyed. */
  readonly facts: readonly { readonly zh: string; readonly en: string }[]
}

/** What the four answers are drawn from. */
export interface ConditionInput {
  readonly conclusion: Conclusion
  /** Whether the signature value was checked: right, wrong, or not at all. */
  readonly value: 'right' | 'wrong' | 'unchecked'
  /** Whether the content is what was signed, and all of it. */
  readonly content: 'unchanged' | 'changed' | 'unchecked'
  readonly isHashSafe: boolean
  readonly isCertificateTrusted: boolean
  readonly custody: KeyCustody | undefined
}

type Answer = Pick<ConditionReport, 'result' | 'facts'>

/** The four answers for one signature. */
export function judgeConditions(input: ConditionInput): ConditionReport[] {
  return [
    condition(1, 'LAW_13_1', custodyAnswer(input, input.custody?.exclusive)),
    condition(2, 'LAW_13_2', custodyAnswer(input, input.custody?.controlled)),
    condition(3, 'LAW_13_3', signatureAnswer(input)),
    condition(4, 'LAW_13_4', contentAnswer(input)),
  ]
}

function condition(
  number: ConditionReport['number'],
  key: TextKey,
  { result, facts }: Answer,
): ConditionReport {
  const { zh, en } = reason(key)
  return { number, result, zh, en, facts }
}

/** Without a record of custody the answer is unknown, however good the certificate is. */
function custodyAnswer(
  { custody, isCertificateTrusted }: ConditionInput,
  holds: boolean | undefined,
): Answer {
  const about = reason(isCertificateTrusted ? 'LAW_CERTIFICATE_IDENTIFIES' : 'LAW_CERTIFICATE_UNTRUSTED')
  if (holds === undefined || !custody)
    return { result: 'unknown', facts: [about, reason('LAW_CUSTODY_UNKNOWN')] }
  const facts = custody.facts.map(({ zh, en }): Reason => ({ key: 'LAW_CUSTODY_RECORD', zh, en }))
  if (!holds) return { result: 'fail', facts: [about, ...facts] }
  return { result: isCertificateTrusted ? 'pass' : 'unknown', facts: [about, ...facts] }
}

function signatureAnswer({ value, isHashSafe }: ConditionInput): Answer {
  if (value === 'wrong') return { result: 'fail', facts: [reason('LAW_SIGNATURE_BROKEN')] }
  if (value === 'unchecked') return { result: 'unknown', facts: [reason('LAW_SIGNATURE_UNCHECKED')] }
  if (!isHashSafe)
    return { result: 'unknown', facts: [reason('LAW_SIGNATURE_CHECKED'), reason('LAW_HASH_WEAK')] }
  return { result: 'pass', facts: [reason('LAW_SIGNATURE_CHECKED')] }
}

function contentAnswer({ content, value, isHashSafe }: ConditionInput): Answer {
  if (content === 'changed') return { result: 'fail', facts: [reason('LAW_CONTENT_CHANGED')] }
  if (content === 'unchecked' || value !== 'right')
    return { result: value === 'wrong' ? 'fail' : 'unknown', facts: [reason('LAW_CONTENT_UNCHECKED')] }
  if (!isHashSafe)
    return { result: 'unknown', facts: [reason('LAW_CONTENT_COVERED'), reason('LAW_HASH_WEAK')] }
  return { result: 'pass', facts: [reason('LAW_CONTENT_COVERED')] }
}
