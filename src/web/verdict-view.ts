/** What the verdict shows: the facts of a report in the shape of the page, texts in both languages. */
import type { Bilingual } from './language.ts'

/** passed, failed, or cannot be decided. */
export type Outcome = 'passed' | 'failed' | 'undecided'

/** A stable key with its sentence. */
export interface Reason extends Bilingual {
  readonly key: string
}

export interface SignerFacts {
  readonly name: string
  readonly subject: string
  readonly issuer: string
  readonly serialHex: string
}

export interface TimeFacts {
  /** RFC 3339; what the signer wrote, which proves nothing. */
  readonly claimed?: string
  /** RFC 3339; the signature existed by then. */
  readonly proved?: string
  /** What proves it: usually a time stamp and who issued it. */
  readonly proof?: Bilingual
}

export interface CoverageFacts {
  readonly wholeFile: boolean
  readonly revision?: number
  readonly revisions?: number
  readonly bytesCovered?: number
  readonly bytesTotal?: number
}

export interface ChangeFact extends Bilingual {
  readonly allowed: boolean
  readonly place?: string
}

export interface CertificateFact {
  readonly subject: string
  readonly issuer: string
  readonly serialHex: string
  readonly notBefore: string
  readonly notAfter: string
  readonly isAnchor: boolean
  readonly revocation?: Bilingual
}

/** A condition of Electronic Signature Law art. 13, first paragraph. */
export interface ConditionFact {
  readonly number: 1 | 2 | 3 | 4
  readonly outcome: Outcome
  readonly facts: readonly Bilingual[]
}

export interface SignatureVerdict {
  /** Name of the field, or another way to tell signatures apart. */
  readonly label: string
  readonly outcome: Outcome
  /** EN 319 102-1 words: `TOTAL-FAILED / HASH_FAILURE`. */
  readonly indication: string
  readonly reasons: readonly Reason[]
  readonly warnings: readonly Reason[]
  readonly signer: SignerFacts | undefined
  readonly time: TimeFacts
  readonly coverage: CoverageFacts | undefined
  readonly changes: readonly ChangeFact[]
  readonly level: string
  readonly chain: readonly CertificateFact[]
  readonly algorithms: readonly string[]
  readonly conditions: readonly ConditionFact[]
}

export interface VerdictView {
  readonly id: string | undefined
  readonly fileName: string | undefined
  readonly verifiedAt: string
  readonly sha256: string | undefined
  readonly policy: string
  readonly outcome: Outcome
  /** Facts about the document as a whole. */
  readonly reasons: readonly Reason[]
  readonly signatures: readonly SignatureVerdict[]
}
