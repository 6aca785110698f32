/**
 * The digest check: whether the house that issued an event certificate made it for what its key signed. The digests
 * are in the record of the issuance, not in the certificate, so only who has the records can tell.
 */
import { messageDigestOf, toHex } from '../../ca/formats.ts'
import { sha256Hex } from '../lib/sha256.ts'
import type { CmsCheck } from './cms.ts'
import { type Conclusion, failed } from './indications.ts'
import type { KeyCustody } from './law13.ts'
import { reason } from './texts.ts'

/** What is on record about the key of a signature. */
export function custodyOf({ certificate }: CmsCheck, custody: readonly KeyCustody[]): KeyCustody | undefined {
  if (!certificate || custody.length === 0) return undefined
  const sha256 = sha256Hex(certificate.raw)
  return custody.find(({ certSha256 }) => certSha256 === sha256)
}

/** The digest that was signed, in hexadecimal; undefined where there is none, or more than one. */
function signedDigestOf({ signer }: CmsCheck): string | undefined {
  try {
    const digest = messageDigestOf(signer)
    return digest && toHex(digest)
  } catch {
    return undefined
  }
}

/** Whether the records say that the certificate was made for other digests. A signature without a digest is none of them. */
export function isMadeForOther(check: CmsCheck, custody: KeyCustody | undefined): boolean {
  if (!custody?.madeFor) return false
  const signed = signedDigestOf(check)
  return !custody.madeFor.some(({ alg, digestHex }) => alg === check.digestAlgorithm && digestHex === signed)
}

/** The block of the process: empty where nothing is on record, or what is on record agrees. */
export const concludeMadeFor = (check: CmsCheck, custody: readonly KeyCustody[]): Conclusion[] =>
  isMadeForOther(check, custodyOf(check, custody))
    ? [failed('HASH_FAILURE', reason('EVENT_DIGEST_OTHER'))]
    : []
