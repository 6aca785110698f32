/** Verification of CMS and CAdES signatures in a file of their own (EN 319 122-1), detached or with their content inside. */
import { ATTRIBUTE, CONTENT, type HashName, compareBytes, isCoded } from '../../ca/formats.ts'
import { type CmsMessage, parseCms } from './cms.ts'
import type { EvidenceNeed } from './evidence.ts'
import { type Conclusion, failed } from './indications.ts'
import { parsePem } from '../lib/pem.ts'
import type { SignatureReport } from './report.ts'
import { signatureReport } from './report-build.ts'
import { type Session, type SessionInput, evidenceOfMessages, openSession } from './session.ts'
import { type SignatureVerdict, validateSignature } from './signature.ts'
import { reason } from './texts.ts'

/** Signatures of one file, and what would help to decide more. */
export interface SignatureReports {
  readonly signatures: readonly SignatureReport[]
  readonly needs: readonly EvidenceNeed[]
  readonly unavailable: ReadonlySet<string>
  /** True when there are more signatures than the policy looks at. */
  readonly isCut: boolean
}

/** One block, a line end behind it and nothing else: what is not read must not travel with what is confirmed. */
const ONE_PEM_BLOCK = /^-----BEGIN (CMS|PKCS7)-----\s[^-]*-----END \1-----\r?\n?$/

/** The object identifier of signedData (RFC 5652 §5.1). */
const SIGNED_DATA = Uint8Array.of(0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02)

/** Whether bytes start as a CMS signature does, readable or not. */
export function isLikeCms(bytes: Uint8Array): boolean {
  if (/^-----BEGIN (CMS|PKCS7)-----/.test(new TextDecoder().decode(bytes.subarray(0, 32)))) return true
  // Behind the identifier octet of a SEQUENCE and a length of up to five octets.
  const places = [2, 3, 4, 5, 6].map((start) => bytes.subarray(start, start + SIGNED_DATA.length))
  return bytes[0] === 0x30 && places.some((part) => compareBytes(part, SIGNED_DATA) === 0)
}

/** The CMS message in these bytes, DER, BER or PEM, with nothing behind it; undefined when there is none. */
export function findCms(bytes: Uint8Array): CmsMessage | undefined {
  try {
    if (bytes[0] === 0x30) return parseCms(bytes)
    if (bytes[0] !== 0x2d) return undefined
    const text = new TextDecoder('latin1').decode(bytes)
    const [block] = ONE_PEM_BLOCK.test(text) ? parsePem(text) : []
    return block && parseCms(block.bytes)
  } catch (error) {
    if (!isCoded(error)) throw error
    return undefined
  }
}

/**
 * Verifies every signer of a message.
 *
 * @param given the file that the signature is said to be about, where there is one
 */
export function verifyCades(
  message: CmsMessage,
  given: Uint8Array | undefined,
  input: SessionInput,
): SignatureReports {
  const session = openSession(input, evidenceOfMessages([message]))
  const { signerInfos } = message.signedData
  const limit = input.policy.validation.limits.signatures
  const digests = new Map<HashName, Uint8Array>()
  const results = signerInfos
    .slice(0, limit)
    .map((_, index) => verifySigner(message, index, given, session, digests))
  return {
    signatures: results.map(({ report }) => report),
    needs: results.flatMap(({ verdict }) => verdict.needs),
    unavailable: session.unavailable,
    isCut: signerInfos.length > limit,
  }
}

function verifySigner(
  message: CmsMessage,
  index: number,
  given: Uint8Array | undefined,
  session: Session,
  digests: Map<HashName, Uint8Array>,
): { verdict: SignatureVerdict; report: SignatureReport } {
  const attached = message.signedData.content
  const content = attached ?? given
  const verdict = validateSignature({
    message,
    index,
    content: content && [content],
    tolerated: ['CMS_CERTIFICATE_REFERENCE_MISSING'],
    documentTimestamps: [],
    formatBlocks: concludeAttached(attached, given),
    warnings: [],
    signerContext: session.signerContext,
    timestampContext: session.timestampContext,
    custody: session.report.custody,
    digests,
  })
  const facts = {
    id: `signature-${index + 1}`,
    field: null,
    subFilter: null,
    claimedTime: undefined,
    changes: [],
    ...levelOf(message, verdict),
    coverage: content
      ? {
          wholeFile: true,
          bytesCovered: content.length,
          bytesTotal: content.length,
          revision: null,
          revisions: 1,
        }
      : null,
  }
  return { verdict, report: signatureReport(facts, verdict, session.report) }
}

/** A file that is not the content inside of the signature must not borrow its verdict. */
function concludeAttached(attached: Uint8Array | undefined, given: Uint8Array | undefined): Conclusion[] {
  if (!attached || !given || compareBytes(attached, given) === 0) return []
  return [failed('HASH_FAILURE', reason('CMS_DIGEST_MISMATCH'))]
}

/** CAdES baseline: content type data, signing time, certificate reference (EN 319 122-1 §6.3). */
function levelOf(
  message: CmsMessage,
  { check }: SignatureVerdict,
): Pick<SignatureReport, 'format' | 'level'> {
  if (!check.hasCertificateReference) return { format: 'PKCS7', level: 'other' }
  const isBaseline =
    message.signedData.contentType === CONTENT.data && check.claimedTime !== undefined && message.isDer
  const hasTimestamp = check.signer.unsignedAttributes.some(({ oid }) => oid === ATTRIBUTE.signatureTimeStamp)
  return { format: 'CAdES', level: isBaseline ? (hasTimestamp ? 'B-T' : 'B-B') : 'other' }
}
