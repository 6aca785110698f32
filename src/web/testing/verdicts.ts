/** Verdicts of every outcome, as the page takes them. */
import type { SignatureVerdict, VerdictView } from '../verdict-view.ts'

export const PASSED: SignatureVerdict = {
  label: 'Signature1',
  outcome: 'passed',
  indication: 'TOTAL-PASSED',
  reasons: [],
  warnings: [],
  signer: {
    name: '张伟 TEST ONLY',
    subject: 'CN=张伟 TEST ONLY, O=北京某某科技有限公司, C=CN',
    issuer: 'CN=TEST ONLY Issuing CA, O=TEST ONLY, C=CN',
    serialHex: '01a4c3f09d8e7b6a5f4e3d2c1b0a9988',
  },
  time: {
    claimed: '2026-11-24T07:01:02Z',
    proved: '2026-11-24T07:01:05Z',
    proof: { zh: '签名时间戳，签发者：TEST ONLY TSA', en: 'signature time stamp by TEST ONLY TSA' },
  },
  coverage: { wholeFile: false, revision: 1, revisions: 2, bytesCovered: 81_920, bytesTotal: 120_034 },
  changes: [
    { zh: '增加了另一个签名', en: 'another signature was added', allowed: true, place: 'AcroForm/Fields' },
  ],
  level: 'PAdES-BASELINE-T',
  chain: [
    {
      subject: 'CN=张伟 TEST ONLY, C=CN',
      issuer: 'CN=TEST ONLY Issuing CA, C=CN',
      serialHex: '01a4c3f09d8e7b6a5f4e3d2c1b0a9988',
      notBefore: '2026-11-24T07:00:00Z',
      notAfter: '2026-11-24T08:00:00Z',
      isAnchor: false,
      revocation: { zh: '短期证书，不提供吊销状态', en: 'short-term, no status is offered' },
    },
    {
      subject: 'CN=TEST ONLY Root, C=CN',
      issuer: 'CN=TEST ONLY Root, C=CN',
      serialHex: '01ff',
      notBefore: '2026-01-01T00:00:00Z',
      notAfter: '2046-01-01T00:00:00Z',
      isAnchor: true,
    },
  ],
  algorithms: ['ECDSA P-256', 'SHA-256'],
  conditions: [
    {
      number: 1,
      outcome: 'passed',
      facts: [{ zh: '密钥为本次签名而产生', en: 'the key was made for this signature' }],
    },
    {
      number: 2,
      outcome: 'undecided',
      facts: [{ zh: '报告中没有签署意愿的证据', en: 'no evidence of intent is at hand' }],
    },
    {
      number: 3,
      outcome: 'passed',
      facts: [{ zh: '签名值与证书公钥相符', en: 'the signature fits the key' }],
    },
    {
      number: 4,
      outcome: 'passed',
      facts: [{ zh: '所签字节的摘要相符', en: 'the digest of the signed bytes fits' }],
    },
  ],
}

export const FAILED: SignatureVerdict = {
  ...PASSED,
  label: 'Signature2',
  outcome: 'failed',
  indication: 'TOTAL-FAILED / FORMAT_FAILURE',
  reasons: [
    {
      key: 'CONTENT_CHANGED',
      zh: '签名之后，第 1 页的内容被改动。',
      en: 'The content of page 1 was changed after signing.',
    },
  ],
  signer: {
    ...(PASSED.signer as NonNullable<SignatureVerdict['signer']>),
    name: '<script>alert(1)</script>\u202egpj.exe',
  },
  time: { claimed: '2026-11-24T07:01:02Z' },
  changes: [
    { zh: '页面内容被改动', en: 'page content was changed', allowed: false, place: 'Page(1)/Contents' },
  ],
}

export const UNDECIDED: SignatureVerdict = {
  ...PASSED,
  label: 'Signature3',
  outcome: 'undecided',
  indication: 'INDETERMINATE / NO_CERTIFICATE_CHAIN_FOUND',
  reasons: [
    {
      key: 'PATH_NOT_FOUND',
      zh: '找不到通往可信根证书的证书链。',
      en: 'No chain to a trusted root was found.',
    },
  ],
  signer: undefined,
  time: {},
  coverage: undefined,
  changes: [],
  chain: [],
  algorithms: [],
  conditions: [],
}

export const verdictOf = (
  outcome: VerdictView['outcome'],
  ...signatures: SignatureVerdict[]
): VerdictView => ({
  id: 'ver_01TEST',
  fileName: '合同 <b>2026</b>.pdf',
  verifiedAt: '2026-11-24T07:30:00Z',
  sha256: 'b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c',
  policy: 'default 1 (sha256 3f2a…)',
  outcome,
  reasons: [],
  signatures,
})
