/** A verification report for people, Chinese and English side by side. */
import type { Report, SignatureReport } from '../verify/report.ts'
import type { Reason } from '../verify/texts.ts'

const sentence = ({ en, zh, detail }: Reason): string =>
  `${en} ${zh}${detail === undefined ? '' : ` (${detail})`}`

const mark = { pass: '✓', fail: '✗', unknown: '?' } as const

function signatureLines(signature: SignatureReport, index: number): string[] {
  const time = signature.timeProof
    ? `signed at ${signature.bestSignatureTime} (proved by a time stamp)`
    : `claims to be signed at ${signature.claimedTime ?? 'no time'}`
  return [
    `  ${index + 1}. ${signature.indication}${signature.subIndication ? ` / ${signature.subIndication}` : ''}: ${signature.signer?.subject ?? 'signer unknown'}`,
    `     ${signature.format} ${signature.level}, ${time}`,
    ...signature.reasons.map((reason) => `     - ${sentence(reason)}`),
    ...signature.changes
      .filter(({ allowed }) => !allowed)
      .map((change) => `     - changed after signing 签名后被改: ${sentence(change)}`),
    ...signature.warnings.map((warning) => `     * note 说明: ${sentence(warning)}`),
    `     Electronic Signature Law art. 13 电子签名法第十三条: ${signature.conditions.map(({ number, result }) => `${['①', '②', '③', '④'][number - 1] ?? ''}${mark[result]}`).join(' ')}`,
  ]
}

/** The verdict, then each signature with its reasons. */
export const verdictLines = (report: Report): string[] => [
  `${report.indication}: ${sentence(report.answer)}`,
  ...report.reasons.map((reason) => `  - ${sentence(reason)}`),
  ...report.signatures.flatMap(signatureLines),
]
