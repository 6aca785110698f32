/** Reports of every outcome, in the shape that the verifier makes. */
import type { VerificationView } from '../../services/verify-document.ts'
import type { AnswerKey, ChainReport, ConditionReport, Report, SignatureReport } from '../../verify/report.ts'
import { type TextKey, changeReason, reason } from '../../verify/texts.ts'

const SHA256 = 'b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c'

const certificate = (commonName: string, days: number) => ({
  subject: `CN=${commonName}, O=TEST ONLY 北京某某科技有限公司, C=CN`,
  commonName,
  organisation: 'TEST ONLY 北京某某科技有限公司',
  issuer: 'CN=TEST ONLY Issuing CA, O=TEST ONLY, C=CN',
  serialHex: '01a4c3f09d8e7b6a5f4e3d2c1b0a9988',
  sha256: SHA256,
  notBefore: '2026-11-24T07:00:00.000Z',
  notAfter: new Date(Date.UTC(2026, 10, 24 + days, 7)).toISOString(),
})

const noStatus = {
  source: null,
  thisUpdate: null,
  nextUpdate: null,
  signer: null,
  revokedAt: null,
  revocationReason: null,
  reason: null,
} as const

const CHAIN: readonly ChainReport[] = [
  {
    ...certificate('张伟 TEST ONLY', 1),
    revocation: { ...noStatus, status: 'not-offered', reason: reason('REVOCATION_NOT_OFFERED') },
  },
  {
    ...certificate('TEST ONLY Issuing CA', 3650),
    revocation: {
      ...noStatus,
      status: 'good',
      source: 'crl',
      thisUpdate: '2026-11-24T06:00:00.000Z',
      nextUpdate: '2026-11-25T06:00:00.000Z',
      signer: 'CN=TEST ONLY Root, C=CN',
      reason: reason('REVOCATION_GOOD'),
    },
  },
  { ...certificate('TEST ONLY Root', 7300), revocation: { ...noStatus, status: 'anchor' } },
]

const ANCHOR = { name: 'TEST ONLY Root', source: 'own', jurisdiction: 'CN', sha256: SHA256 }

type Result = ConditionReport['result']
const RESULTS: readonly [TextKey, ConditionReport['number']][] = [
  ['LAW_13_1', 1],
  ['LAW_13_2', 2],
  ['LAW_13_3', 3],
  ['LAW_13_4', 4],
]

const conditions = (results: readonly Result[], facts: readonly TextKey[]): readonly ConditionReport[] =>
  RESULTS.map(([key, number], index) => {
    const { zh, en } = reason(key)
    const fact = facts[index]
    return {
      number,
      result: results[index] ?? 'unknown',
      zh,
      en,
      facts: fact === undefined ? [] : [reason(fact)],
    }
  })

export const PASSED: SignatureReport = {
  id: 'signature-1',
  kind: 'signature',
  field: 'Signature1',
  format: 'PAdES',
  subFilter: 'ETSI.CAdES.detached',
  level: 'B-T',
  indication: 'TOTAL-PASSED',
  subIndication: null,
  reasons: [],
  warnings: [reason('TIMESTAMP_VALID', '2026-11-24T07:01:05.000Z')],
  signer: certificate('张伟 TEST ONLY', 1),
  claimedTime: '2026-11-24T07:01:02.000Z',
  bestSignatureTime: '2026-11-24T07:01:05.000Z',
  timeProof: { kind: 'signature-timestamp', authority: 'CN=TEST ONLY TSA, C=CN' },
  timestamps: [
    {
      kind: 'signature-timestamp',
      indication: 'TOTAL-PASSED',
      subIndication: null,
      time: '2026-11-24T07:01:05.000Z',
      accuracyMs: 500,
      policy: '1.3.6.1.4.1.55555.1.2.2',
      serialHex: '0102',
      authority: certificate('TEST ONLY TSA', 1800),
      chain: CHAIN.slice(1),
      anchor: ANCHOR,
      reasons: [],
    },
  ],
  coverage: { wholeFile: false, bytesCovered: 81_920, bytesTotal: 120_034, revision: 1, revisions: 2 },
  changes: [
    {
      ...changeReason('signature-added', 'AcroForm/Fields'),
      allowed: true,
      revision: 2,
      place: 'AcroForm/Fields',
    },
  ],
  chain: CHAIN,
  anchor: ANCHOR,
  algorithms: { signature: 'ECDSA with SHA-256', digest: 'SHA-256', key: 'P-256 256', acceptableUntil: null },
  conditions: conditions(
    ['pass', 'unknown', 'pass', 'pass'],
    ['LAW_CERTIFICATE_IDENTIFIES', 'LAW_CUSTODY_UNKNOWN', 'LAW_SIGNATURE_CHECKED', 'LAW_CONTENT_COVERED'],
  ),
}

export const FAILED: SignatureReport = {
  ...PASSED,
  id: 'signature-2',
  field: 'Signature2',
  level: 'B-B',
  indication: 'TOTAL-FAILED',
  subIndication: 'FORMAT_FAILURE',
  reasons: [changeReason('entry-changed', 'Page(1)/Contents')],
  warnings: [reason('TIME_NOT_PROVED')],
  signer: certificate('<script>alert(1)</script>\u202egpj.exe', 1),
  timeProof: null,
  timestamps: [],
  changes: [
    {
      ...changeReason('entry-changed', 'Page(1)/Contents'),
      allowed: false,
      revision: 2,
      place: 'Page(1)/Contents',
    },
  ],
  chain: [
    {
      ...certificate('revoked TEST ONLY', 1),
      revocation: {
        ...noStatus,
        status: 'revoked',
        source: 'ocsp',
        thisUpdate: '2026-11-24T06:00:00.000Z',
        signer: 'CN=TEST ONLY OCSP',
        revokedAt: '2026-11-24T05:00:00.000Z',
        revocationReason: 'keyCompromise',
      },
    },
  ],
  conditions: conditions(
    ['unknown', 'unknown', 'pass', 'fail'],
    ['LAW_CUSTODY_UNKNOWN', 'LAW_CUSTODY_UNKNOWN', 'LAW_SIGNATURE_CHECKED', 'LAW_CONTENT_CHANGED'],
  ),
}

const UNDECIDED: SignatureReport = {
  ...PASSED,
  id: 'signature-3',
  field: null,
  level: 'other',
  indication: 'INDETERMINATE',
  subIndication: 'NO_SIGNING_CERTIFICATE_FOUND',
  reasons: [reason('CMS_NO_CERTIFICATE')],
  warnings: [],
  signer: null,
  claimedTime: null,
  timeProof: null,
  timestamps: [],
  coverage: null,
  changes: [],
  chain: [],
  anchor: null,
  algorithms: { signature: null, digest: null, key: null, acceptableUntil: 'never' },
  conditions: conditions([], []),
}

const NO_DOCUMENT_VERDICT: readonly AnswerKey[] = ['NO_SIGNATURE_FOUND', 'PICTURE_OF_A_SEAL']

const reportOf = (
  indication: Report['indication'],
  answer: AnswerKey,
  signatures: readonly SignatureReport[],
): Report => ({
  schema: 'yinxin-verification-report-1',
  indication,
  answer: reason(answer),
  reasons: [],
  document: { kind: 'pdf', size: 120_034, sha256: SHA256, revisions: 2, encrypted: false },
  content: null,
  validationTime: '2026-11-24T07:30:00.000Z',
  policy: { name: 'default', version: '1', algorithms: 'international', sha256: SHA256 },
  validator: { name: 'yinxin', version: '0.1.0' },
  signatures,
})

// Letters of the file's name, so that tests that run side by side have their own.
const idOf = (fileName: string | null): string => `ver_${(fileName ?? '').replace(/[^a-z0-9]/gi, '')}`

const viewOf = (fileName: string | null, report: Report): VerificationView => ({
  id: idOf(fileName),
  fileName,
  verifiedAt: '2026-11-24T07:30:00.000Z',
  report,
})

/** One signature that passed, or three of every outcome. */
export const verificationOf = (kind: 'passed' | 'mixed', fileName: string | null): VerificationView =>
  viewOf(
    fileName,
    kind === 'passed'
      ? reportOf('TOTAL-PASSED', 'SIGNATURES_ALL_VALID', [PASSED])
      : reportOf('TOTAL-FAILED', 'SIGNATURES_NOT_ALL_VALID', [PASSED, FAILED, UNDECIDED]),
  )

/** A report of a file in which there was nothing to judge. */
export const answerOf = (key: AnswerKey): VerificationView =>
  viewOf(
    'a.pdf',
    reportOf(NO_DOCUMENT_VERDICT.includes(key) ? 'NO_SIGNATURE_FOUND' : 'NOT_VERIFIABLE', key, []),
  )
