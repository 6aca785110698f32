/** Two parties sign the contract with event certificates; it is verified, altered, and verified again. */
import type { VerificationView } from '../../services/verify-document.ts'
import type { EvidenceView } from '../../services/identity-evidence.ts'
import type { SignatureView } from '../../services/sign-document.ts'
import { sha256Hex } from '../../lib/sha256.ts'
import type { Demo } from './demo-context.ts'
import { buildSealPng } from './seal-image.ts'

interface Party {
  readonly zh: string
  readonly en: string
  readonly rect: readonly number[]
  readonly colour: readonly [number, number, number]
}

const PARTIES: readonly Party[] = [
  {
    zh: '北京示例仪器有限公司',
    en: 'Beijing Example Instruments Co., Ltd.',
    rect: [70, 500, 330, 640],
    colour: [200, 24, 24],
  },
  {
    zh: '苏州示例传感科技有限公司',
    en: 'Suzhou Example Sensing Co., Ltd.',
    rect: [70, 240, 330, 380],
    colour: [180, 30, 60],
  },
]

export const subjectOf = (name: string): { type: string; value: string }[] => [
  { type: 'C', value: 'CN' },
  { type: 'O', value: name },
  { type: 'CN', value: name },
]

/** What an identity check leaves: method, source, result, time, operator and hashes of the material. */
export const addEvidence = (demo: Demo, name: string): Promise<EvidenceView> =>
  demo.client.json<EvidenceView>('POST', '/v1/identity-evidence', {
    json: {
      subject: subjectOf(name),
      method: 'business-licence',
      source: 'demonstration registry 演示登记库',
      result: 'passed',
      checkedAt: new Date(Date.now() - 1000).toISOString(),
      operator: 'demo-operator',
      materialSha256: [sha256Hex(new TextEncoder().encode(`licence of ${name}`))],
    },
  })

async function signAs(
  demo: Demo,
  party: Party,
  document: Uint8Array,
): Promise<{ bytes: Uint8Array; summary: SignatureView }> {
  const evidence = await addEvidence(demo, party.zh)
  const summary = await demo.client.json<SignatureView>('POST', '/v1/signatures', {
    json: {
      signer: { event: { subject: subjectOf(party.zh), identityEvidenceId: evidence.id } },
      level: 'B-T',
      reason: '同意本合同 I agree to this contract',
      appearance: {
        page: 4,
        rect: party.rect,
        lines: [party.zh, party.en, new Date().toISOString().slice(0, 10)],
      },
    },
    files: {
      document: { bytes: document, name: 'contract.pdf', type: 'application/pdf' },
      image: { bytes: buildSealPng({ colour: party.colour }), name: 'seal.png', type: 'image/png' },
    },
    idempotencyKey: `demo-${party.en.replace(/\W/g, '')}`,
  })
  return { summary, bytes: await demo.client.bytes('GET', summary.document) }
}

export const verify = (demo: Demo, bytes: Uint8Array, content?: Uint8Array): Promise<VerificationView> =>
  demo.client.json<VerificationView>('POST', '/v1/verifications', {
    files: {
      document: { bytes, name: 'contract.pdf' },
      ...(content ? { content: { bytes: content, name: 'content' } } : {}),
    },
  })

/** One digit of the price, inside what both parties signed: found by changing a byte of a page's content. */
function alter(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice()
  const at = new TextDecoder('latin1').decode(bytes).indexOf('stream') + 40
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

type SignedContract = { readonly bytes: Uint8Array; readonly summary: SignatureView }

/** @returns the contract signed by both */
export async function signSteps(demo: Demo): Promise<SignedContract> {
  const signed = await signInTurn(demo)
  await verifySigned(demo, signed.bytes)
  await verifyAltered(demo, signed.bytes)
  return signed
}

async function signInTurn(demo: Demo): Promise<SignedContract> {
  let signed: SignedContract | undefined
  for (const party of PARTIES) {
    demo.step(
      `${party.zh} 核验身份，签发事件证书，签署合同`,
      `identity checked, event certificate issued, contract signed`,
    )
    signed = await signAs(demo, party, signed?.bytes ?? demo.contract)
    demo.say(
      `event certificate ${signed.summary.certificate.serialHex}, its key destroyed after this one signature`,
    )
    demo.expect(
      signed.summary.signedSha256 === sha256Hex(signed.bytes),
      `PAdES ${signed.summary.level}, ${signed.bytes.length} bytes, visible seal on page 4`,
    )
  }
  if (!signed) throw new Error('no party')
  await demo.write('contract-signed.pdf', signed.bytes)
  return signed
}

async function verifySigned(demo: Demo, bytes: Uint8Array): Promise<void> {
  demo.step('验证', 'Verify')
  const { report } = await verify(demo, bytes)
  await demo.write('report-signed.json', JSON.stringify(report, null, 2))
  for (const { signer, bestSignatureTime } of report.signatures)
    demo.say(`${signer?.commonName ?? '?'}, time proved: ${bestSignatureTime}`)
  demo.expect(
    report.signatures.length === 2 && report.indication === 'TOTAL-PASSED',
    'both signatures TOTAL-PASSED',
  )
  demo.expect(
    report.signatures.every(({ conditions }) =>
      conditions.filter(({ number }) => number > 2).every(({ result }) => result === 'pass'),
    ),
    '电子签名法第十三条 conditions ③ ④ (changes detectable): pass',
  )
}

async function verifyAltered(demo: Demo, bytes: Uint8Array): Promise<void> {
  demo.step('篡改一份副本再验证', 'Alter one byte of a copy, verify again')
  const altered = alter(bytes)
  await demo.write('contract-altered.pdf', altered)
  const { report } = await verify(demo, altered)
  demo.say(`${report.answer.zh} ${report.answer.en}`)
  const [first] = report.signatures
  const [why] = first?.reasons ?? []
  if (why) demo.say(`${why.zh} ${why.en}`)
  demo.expect(
    report.indication === 'TOTAL-FAILED',
    `the verdict turns: ${report.indication} / ${first?.subIndication ?? ''}`,
  )
}
