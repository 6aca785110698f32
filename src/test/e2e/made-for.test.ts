/** The digest check: an event certificate is good for the documents that it was made for, and for no other. */
import { createHash, sign } from 'node:crypto'
import test from 'ava'
import { CONTENT, getSignatureAlgorithm, parseCertificate } from '../../../ca/formats.ts'
import {
  buildSignedAttributes,
  encodeSignedData,
  encodeSigningCertificate,
} from '../../../ca/x509/cms-writer.ts'
import { fromBase64 } from '../../lib/bytes.ts'
import { ecKey, makeCsr } from './csr.ts'
import { addEvidence, subjectOf } from './objects.ts'
import { startService } from './start.ts'

const NAME = 'Event TEST ONLY'
const sha256 = (data: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(data).digest())
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

test('attack: a one-time key that signed another digest: the signature is right, and not made for this document', async (t) => {
  const service = await startService('made-for')
  t.teardown(() => service.close())
  const { ca } = service.house
  const privateKey = ecKey()
  const subject = subjectOf(NAME)
  const certify = async (digests: readonly Uint8Array[] | undefined) =>
    ca.issue(
      await ca.prepare({
        actor: 'operator:test',
        tenant: 'alpha',
        profile: 'event',
        subject,
        key: { csrDer: fromBase64(makeCsr(subject, { privateKey }).replace(/-----[^-]+-----|\s/g, '')) },
        identityEvidenceId: await addEvidence(service.alpha, NAME),
        ...(digests
          ? {
              eventDigests: digests.map((one) => ({
                alg: 'SHA-256',
                digestHex: Buffer.from(one).toString('hex'),
              })),
            }
          : {}),
      }),
    )
  /** Signs as the core would, with a key that got out. */
  const signWith = ({ certDer, chainDer }: Awaited<ReturnType<typeof certify>>, content: Uint8Array) => {
    const certificate = parseCertificate(certDer)
    const signedAttributesDer = buildSignedAttributes({
      contentType: CONTENT.data,
      messageDigest: sha256(content),
      signingCertificate: encodeSigningCertificate(certificate, true),
      signingTime: new Date(Math.floor(Date.now() / 1000) * 1000),
    })
    return encodeSignedData({
      contentType: CONTENT.data,
      signedAttributesDer,
      digestHash: 'SHA-256',
      signatureAlgorithm: getSignatureAlgorithm('ecdsa-sha256'),
      signature: new Uint8Array(sign('sha256', signedAttributesDer, privateKey)),
      certificate,
      certificatesDer: [certDer, ...chainDer.slice(0, -1)],
    })
  }
  const judge = async (cms: Uint8Array, content: Uint8Array) => {
    const { report } = await service.alpha.api.json<{
      report: {
        indication: string
        signatures: {
          reasons: { key: string }[]
          conditions: { result: string }[]
        }[]
      }
    }>('POST', '/v1/verifications', {
      files: { document: { bytes: cms, name: 'a.p7s' }, content: { bytes: content } },
    })
    const [first] = report.signatures
    return {
      indication: report.indication,
      isOther: first?.reasons.some(({ key }) => key === 'EVENT_DIGEST_OTHER'),
      exclusive: first?.conditions[0]?.result,
    }
  }
  const [asked, forged] = [bytesOf('what the signer agreed to'), bytesOf('what somebody else wanted')]
  const certificate = await certify([sha256(asked), sha256(bytesOf('an annex'))])
  t.like(await judge(signWith(certificate, asked), asked), { indication: 'TOTAL-PASSED', isOther: false })
  t.like(await judge(signWith(certificate, forged), forged), {
    indication: 'TOTAL-FAILED',
    isOther: true,
    exclusive: 'fail',
  })
  // Without digests on record nothing is known: the owner keeps the key and signs what they like.
  const free = await certify(undefined)
  t.like(await judge(signWith(free, forged), forged), { indication: 'TOTAL-PASSED', isOther: false })
})
