/** Indications of ETSI EN 319 102-1 §5.1.3 and how several of them become one. */
import type { Reason } from './texts.ts'

/** Main indication. */
export type Indication = 'TOTAL-PASSED' | 'INDETERMINATE' | 'TOTAL-FAILED'

/** Sub-indication; those of levels that are not judged yet are left out. */
export type SubIndication =
  | 'FORMAT_FAILURE'
  | 'HASH_FAILURE'
  | 'SIG_CRYPTO_FAILURE'
  | 'REVOKED'
  | 'EXPIRED'
  | 'NOT_YET_VALID'
  | 'SIG_CONSTRAINTS_FAILURE'
  | 'CHAIN_CONSTRAINTS_FAILURE'
  | 'CERTIFICATE_CHAIN_GENERAL_FAILURE'
  | 'CRYPTO_CONSTRAINTS_FAILURE'
  | 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE'
  | 'NO_SIGNING_CERTIFICATE_FOUND'
  | 'NO_CERTIFICATE_CHAIN_FOUND'
  | 'REVOKED_NO_POE'
  | 'REVOKED_CA_NO_POE'
  | 'OUT_OF_BOUNDS_NO_POE'
  | 'TRY_LATER'
  | 'SIGNED_DATA_NOT_FOUND'
  | 'TIMESTAMP_ORDER_FAILURE'

/** Result of one block of the process, or of a whole signature. */
export interface Conclusion {
  readonly indication: Indication
  readonly subIndication?: SubIndication
  readonly reasons: readonly Reason[]
}

/** All is well. */
export const passed = (...reasons: readonly Reason[]): Conclusion => ({ indication: 'TOTAL-PASSED', reasons })

/** Proved to be wrong. */
export const failed = (subIndication: SubIndication, ...reasons: readonly Reason[]): Conclusion => ({
  indication: 'TOTAL-FAILED',
  subIndication,
  reasons,
})

/** Could not be decided. */
export const undecided = (subIndication: SubIndication, ...reasons: readonly Reason[]): Conclusion => ({
  indication: 'INDETERMINATE',
  subIndication,
  reasons,
})

const severity: Readonly<Record<Indication, number>> = {
  'TOTAL-FAILED': 0,
  INDETERMINATE: 1,
  'TOTAL-PASSED': 2,
}

/** The worst of several indications; of none, that nothing passed. */
export function worstIndication(indications: readonly Indication[]): Indication {
  const [worst] = [...indications].sort((a, b) => severity[a] - severity[b])
  return worst ?? 'INDETERMINATE'
}

/**
 * Joins the blocks of a process in their order: the first failure decides, else the first that is undecided; the
 * reasons of all that did not pass are kept (EN 319 102-1 §5.3.4: what is proved outweighs what is not known).
 */
export function joinConclusions(blocks: readonly Conclusion[]): Conclusion {
  const worst = worstIndication(blocks.map(({ indication }) => indication))
  const deciding = blocks.find(({ indication }) => indication === worst)
  const order = [...blocks].sort((a, b) => severity[a.indication] - severity[b.indication])
  return {
    indication: worst,
    ...(deciding?.subIndication === undefined ? {} : { subIndication: deciding.subIndication }),
    reasons: order.flatMap(({ reasons }) => reasons),
  }
}
