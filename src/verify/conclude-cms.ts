/** What the issues of a CMS signature mean for its verdict (ETSI EN 319 102-1 §5.2.2, §5.2.3, §5.2.7). */
import type { CmsCheck, CmsIssueKey } from './cms.ts'
import { type Conclusion, failed, passed, undecided } from './indications.ts'
import { reason } from './texts.ts'

type Conclude = (key: CmsIssueKey, detail: string | undefined) => Conclusion

const conclusions: Readonly<Record<CmsIssueKey, Conclude>> = {
  CMS_ATTRIBUTES_MALFORMED: (key, detail) => failed('FORMAT_FAILURE', reason(key, detail)),
  // Nothing is broken and nothing proved: one who signed so and one whose attributes were taken away look the same.
  CMS_ATTRIBUTES_MISSING: (key, detail) => undecided('SIG_CONSTRAINTS_FAILURE', reason(key, detail)),
  CMS_ATTRIBUTES_STRIPPED: (key, detail) => failed('FORMAT_FAILURE', reason(key, detail)),
  CMS_DIGEST_MISMATCH: (key, detail) => failed('HASH_FAILURE', reason(key, detail)),
  CMS_SIGNATURE_WRONG: (key, detail) => failed('SIG_CRYPTO_FAILURE', reason(key, detail)),
  CMS_NO_CERTIFICATE: (key, detail) => undecided('NO_SIGNING_CERTIFICATE_FOUND', reason(key, detail)),
  CMS_ALGORITHM_UNSUPPORTED: (key, detail) => undecided('CRYPTO_CONSTRAINTS_FAILURE', reason(key, detail)),
  CMS_ALGORITHMS_DIFFER: (key, detail) => undecided('SIG_CONSTRAINTS_FAILURE', reason(key, detail)),
  CMS_CONTENT_TYPE: (key, detail) => undecided('SIG_CONSTRAINTS_FAILURE', reason(key, detail)),
  CMS_CERTIFICATE_REFERENCE_MALFORMED: (key, detail) => failed('FORMAT_FAILURE', reason(key, detail)),
  CMS_CERTIFICATE_REFERENCE_MISSING: (key, detail) =>
    undecided('SIG_CONSTRAINTS_FAILURE', reason(key, detail)),
  CMS_CERTIFICATE_REFERENCE_MISMATCH: (key, detail) =>
    undecided('SIG_CONSTRAINTS_FAILURE', reason(key, detail)),
}

/**
 * Conclusions of a check, worst first.
 *
 * @param tolerated issues that this format allows; the caller shows them as warnings
 */
export function concludeCms(check: CmsCheck, tolerated: readonly CmsIssueKey[] = []): Conclusion[] {
  const counted = check.issues.filter(({ key }) => !tolerated.includes(key))
  return counted.length === 0 ? [passed()] : counted.map(({ key, detail }) => conclusions[key](key, detail))
}
