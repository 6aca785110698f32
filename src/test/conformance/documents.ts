// Signed documents of EU DSS and pyHanko, CRLs and tokens of cms-tsp: integrity, not trust, is what they are labelled with.
import {
  countCrlEntries,
  nameToString,
  parseCrl,
  parseOcspResponse,
  serialHexOf,
} from '../../../ca/formats.ts'
import { readCertificates } from '../../verify/evidence.ts'
import { parseCms, checkCms } from '../../verify/cms.ts'
import type { Report, SignatureReport } from '../../verify/report.ts'
import { validateTimestamp } from '../../verify/timestamp.ts'
import { verify } from '../../verify/verify.ts'
import { parsePem } from '../../lib/pem.ts'
import { type Corpus, type CorpusCase, type Said, pathOf, pathsOf, sayOrRefuse } from './cases.ts'
import { defaultPolicy } from './policy.ts'

const policy = defaultPolicy()

/** When the corpora were gathered; the verdicts below do not depend on it. */
const at = new Date('2026-01-01T00:00:00Z')

function reportOn(document: Uint8Array, content?: Uint8Array): Report {
  const outcome = verify({
    document,
    ...(content ? { content } : {}),
    evidence: {},
    trust: [],
    policy,
    at,
    final: true,
  })
  if (!('report' in outcome)) throw new Error('the last round gives no report')
  return outcome.report
}

/** Reasons that say that octets, value or structure of the signature itself are broken. */
const broken = new Set([
  'CMS_DIGEST_MISMATCH',
  'CMS_SIGNATURE_WRONG',
  'CMS_MALFORMED',
  'CMS_SIGNER_COUNT',
  'CMS_NO_CERTIFICATE',
  'CMS_ALGORITHM_UNSUPPORTED',
  'CONTENT_MISSING',
  'PDF_BYTE_RANGE_GAP',
  'TIMESTAMP_IMPRINT',
  'TIMESTAMP_MALFORMED',
])

const brokenKeys = ({ reasons }: SignatureReport): string[] =>
  reasons.map(({ key }) => key).filter((key) => broken.has(key))

/** `intact` or `broken`; undefined for formats that are not judged yet. */
export function sayDss(corpus: Corpus, entry: CorpusCase): Said | undefined {
  if (entry['format'] !== 'PAdES' && entry['format'] !== 'CAdES') return undefined
  const [detached] = pathsOf(entry, 'detached')
  const report = reportOn(
    corpus.read(pathOf(entry, 'signed')),
    detached === undefined ? undefined : corpus.read(detached),
  )
  const keys = report.signatures.flatMap(brokenKeys)
  const isBroken = keys.length > 0 || report.signatures.length === 0
  return { verdict: isBroken ? 'broken' : 'intact', why: `${report.answer.key} ${keys.join()}` }
}

type SignedLabel = {
  readonly intact: boolean | null
  readonly indication: string
}

/**
 * `flagged` when a signature is refused for what was done to the file, else `fine`; which of both is expected is said
 * in words in the label.
 */
export function sayPyhanko(corpus: Corpus, entry: CorpusCase): Said {
  const report = reportOn(corpus.read(pathOf(entry, 'pdf')))
  const first = report.signatures[0]
  const isFlagged =
    report.indication === 'NOT_VERIFIABLE' || report.signatures.some((s) => s.indication === 'TOTAL-FAILED')
  return {
    verdict: isFlagged ? 'flagged' : 'fine',
    why: `${report.answer.key} ${first?.subIndication ?? ''} ${first?.reasons.map(({ key, detail }) => `${key} ${detail ?? ''}`).join('; ') ?? ''}`,
  }
}

/** What the label of a signed pyHanko file means for us: it says in words what must not pass. */
export function expectedOfPyhanko(entry: CorpusCase): string {
  const { intact, indication } = entry.expected as SignedLabel
  return intact === false || /NOT acceptable|must be flagged/.test(indication) ? 'flagged' : 'fine'
}

/** `no-crash` for structure cases: a report of any kind. */
export function sayStructure(corpus: Corpus, entry: CorpusCase): Said {
  return { verdict: 'no-crash', why: reportOn(corpus.read(pathOf(entry, 'pdf'))).answer.key }
}

const derOf = (bytes: Uint8Array): Uint8Array =>
  bytes[0] === 0x30 ? bytes : (parsePem(new TextDecoder('latin1').decode(bytes))[0]?.bytes ?? bytes)

/** Facts of CRLs, tokens and OCSP responses against those that OpenSSL reads. */
export function sayCmsTsp(corpus: Corpus, entry: CorpusCase): Said {
  const der = derOf(corpus.read(pathOf(entry, 'input')))
  const expected = entry.expected as Record<string, unknown>
  return sayOrRefuse(expected['parse'] === 'reject by openssl' ? 'right' : 'rejected', () => {
    const wrong =
      entry.kind === 'crl'
        ? crlDiffers(der, expected)
        : entry.kind === 'ocsp'
          ? ocspDiffers(der)
          : tokenDiffers(der, expected)
    return wrong === undefined ? { verdict: 'right' } : { verdict: 'wrong', why: wrong }
  })
}

const time = (text: unknown): number => Date.parse(String(text).replace(' GMT', 'Z'))

function crlDiffers(der: Uint8Array, expected: Record<string, unknown>): string | undefined {
  const crl = parseCrl(der)
  const count = countCrlEntries(crl)
  if (count !== expected['entries']) return `${count} entries`
  if (crl.thisUpdate.getTime() !== time(expected['thisUpdate']))
    return `thisUpdate ${crl.thisUpdate.toISOString()}`
  return nameToString(crl.issuer) === '' ? 'no issuer' : undefined
}

function ocspDiffers(der: Uint8Array): string | undefined {
  const status = parseOcspResponse(der).basic?.responses[0]?.status.kind
  return status === 'good' ? undefined : `status ${status}`
}

function tokenDiffers(der: Uint8Array, expected: Record<string, unknown>): string | undefined {
  const message = parseCms(der)
  const { content, certificates } = message.signedData
  const pool = certificates.flatMap((bytes) => readCertificates(bytes))
  const check = checkCms({ message, index: 0, content: [content ?? new Uint8Array()], pool })
  const serious = check.issues.filter(
    ({ key }) => key === 'CMS_SIGNATURE_WRONG' || key === 'CMS_DIGEST_MISMATCH',
  )
  if (serious.length > 0) return serious.map(({ key }) => key).join()
  if (expected['form'] !== 'token') return undefined
  const { tstInfo } = validateTimestamp(der, 'signature-timestamp', [], contextOf())
  if (!tstInfo) return 'no TSTInfo'
  if (tstInfo.policy !== expected['policy']) return `policy ${tstInfo.policy}`
  const serial = `0x${serialHexOf(tstInfo.serial)}`.toLowerCase().replace(/^0x0+/, '0x')
  return serial === String(expected['serial']).toLowerCase() ? undefined : `serial ${serial}`
}

const contextOf = () => ({ policy, anchors: [], pool: [], crls: [], ocspResponses: [], at })
