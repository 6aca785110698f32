/** Validation of RFC 3161 tokens (ETSI EN 319 102-1 §5.4): what they are about, who signed them, whether that counts. */
import {
  CONTENT,
  type Certificate,
  type TstInfo,
  compareBytes,
  digest,
  isCoded,
  parseTstInfo,
} from '../../ca/formats.ts'
import { type CmsCheck, checkCms, parseCms } from './cms.ts'
import { concludeCms } from './conclude-cms.ts'
import { type EvidenceNeed, readCertificates, uniqueCertificates } from './evidence.ts'
import { type Conclusion, failed, joinConclusions, passed } from './indications.ts'
import { findSubjectKey } from './path/facts.ts'
import { TIME_STAMPING } from './path/purpose.ts'
import { reason } from './texts.ts'
import { type ChainVerdict, type TrustContext, concludeUse, validateCertificate } from './x509.ts'

/** Where a token stands, and so what it is about. */
export type TimestampKind = 'signature-timestamp' | 'content-timestamp' | 'document-timestamp'

/** Result of validating a token. */
export interface TimestampVerdict {
  readonly kind: TimestampKind
  readonly conclusion: Conclusion
  /** Undefined when the token cannot be read. */
  readonly tstInfo: TstInfo | undefined
  readonly check: CmsCheck | undefined
  readonly chain: ChainVerdict | undefined
  readonly needs: readonly EvidenceNeed[]
}

/** Context for tokens: the anchors are those that are trusted for time. */
export type TimestampContext = TrustContext

/**
 * Validates a token.
 *
 * @param data the octets that it is about, in parts
 */
export function validateTimestamp(
  token: Uint8Array,
  kind: TimestampKind,
  data: readonly Uint8Array[],
  context: TimestampContext,
): TimestampVerdict {
  try {
    return validate(token, kind, data, context)
  } catch (error) {
    if (!isCoded(error)) throw error
    const conclusion = failed('FORMAT_FAILURE', reason('TIMESTAMP_MALFORMED', error.message))
    return { kind, conclusion, tstInfo: undefined, check: undefined, chain: undefined, needs: [] }
  }
}

function validate(
  token: Uint8Array,
  kind: TimestampKind,
  data: readonly Uint8Array[],
  context: TimestampContext,
): TimestampVerdict {
  const message = parseCms(token)
  const { content, contentType, signerInfos, certificates } = message.signedData
  if (content === undefined || contentType !== CONTENT.tstInfo || signerInfos.length !== 1)
    return malformed(kind, 'no TSTInfo, or not exactly one signer')
  const tstInfo = parseTstInfo(content)
  const pool = uniqueCertificates([
    ...certificates.flatMap((der) => readCertificates(der, context.known)),
    ...context.pool,
  ])
  const check = checkCms({ message, index: 0, content: [content], pool })
  const blocks = [concludeImprint(tstInfo, data), ...concludeCms(check)]
  if (tstInfo.genTime > context.at)
    blocks.push(failed('FORMAT_FAILURE', reason('TIMESTAMP_IN_FUTURE', tstInfo.genTime.toISOString())))
  const chain =
    check.certificate && validateCertificate(check.certificate, TIME_STAMPING, { ...context, pool })
  if (chain) blocks.push(chain.conclusion, ...concludeAlgorithms(check, tstInfo, check.certificate, context))
  return { kind, conclusion: joinConclusions(blocks), tstInfo, check, chain, needs: chain?.needs ?? [] }
}

function malformed(kind: TimestampKind, detail: string): TimestampVerdict {
  const conclusion = failed('FORMAT_FAILURE', reason('TIMESTAMP_MALFORMED', detail))
  return { kind, conclusion, tstInfo: undefined, check: undefined, chain: undefined, needs: [] }
}

function concludeImprint({ messageImprint }: TstInfo, data: readonly Uint8Array[]): Conclusion {
  const { hash } = messageImprint
  const isRight = hash !== undefined && compareBytes(digest(hash, ...data), messageImprint.digest) === 0
  return isRight ? passed() : failed('HASH_FAILURE', reason('TIMESTAMP_IMPRINT', messageImprint.hashOid))
}

/** The imprint's hash counts as much as the authority's own algorithms. */
function concludeAlgorithms(
  check: CmsCheck,
  tstInfo: TstInfo,
  certificate: Certificate | undefined,
  context: TimestampContext,
): Conclusion[] {
  const key = certificate && findSubjectKey(certificate)
  if (!key) return []
  const { kind, bits } = key.info
  const hashes = [check.digestAlgorithm, check.algorithm?.hash, tstInfo.messageImprint.hash]
  return hashes.map((hash) => concludeUse(context.policy, { kind, bits }, hash, context.at, 'timestamp'))
}
