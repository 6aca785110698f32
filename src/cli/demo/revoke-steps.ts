/** A long-lived certificate signs, is revoked, and OCSP, CRL and verdict follow. */
import { setTimeout as wait } from 'node:timers/promises'
import { crlEntries, parseCertificate, parseCrl, parseOcspResponse } from '../../../ca/formats.ts'
import type { CertificateView } from '../../services/certificates.ts'
import type { KeyView } from '../../services/keys.ts'
import type { SignatureView } from '../../services/sign-document.ts'
import { buildOcspRequest } from '../../verify/evidence.ts'
import { distributionPointsOf } from '../../verify/revocation/crl-scope.ts'
import { derFromPem } from '../pem-file.ts'
import type { Demo } from './demo-context.ts'
import { addEvidence, subjectOf, verify } from './sign-steps.ts'

const NAME = '杭州示例贸易有限公司'
/** The promise is a minute; the demonstration waits no longer than that. */
const CRL_WAIT_SECONDS = 60

async function ocspStatus(demo: Demo, certificate: CertificateView): Promise<string> {
  const [leaf] = derFromPem(certificate.certificatePem ?? '', 'CERTIFICATE')
  const [issuer] = derFromPem(certificate.chainPem?.[0] ?? '', 'CERTIFICATE')
  if (!leaf || !issuer) return 'no certificate'
  const request = buildOcspRequest(parseCertificate(leaf), parseCertificate(issuer)) ?? new Uint8Array()
  const path = encodeURIComponent(btoa(String.fromCharCode(...request)))
  const response = parseOcspResponse(await demo.client.bytes('GET', `/ocsp/${path}`, { accept: '*/*' }))
  return response.basic?.responses[0]?.status.kind ?? response.status
}

/** Whether the CRL that the certificate itself names, one shard of several, holds it. */
async function inCrl(demo: Demo, { certificatePem, serialHex }: CertificateView): Promise<boolean> {
  const [leaf] = derFromPem(certificatePem ?? '', 'CERTIFICATE')
  const [point] = leaf ? distributionPointsOf(parseCertificate(leaf)) : []
  const [name] = point?.fullName ?? []
  if (name?.kind !== 'uniformResourceIdentifier') return false
  const path = name.text.slice(demo.baseUrl.length)
  const crl = parseCrl(await demo.client.bytes('GET', path, { accept: '*/*' }))
  for (const entry of crlEntries(crl)) if (entry.serialHex === serialHex) return true
  return false
}

async function signFile(
  demo: Demo,
  certificate: CertificateView,
  text: string,
  level: 'B-B' | 'B-T',
): Promise<{ p7s: Uint8Array; content: Uint8Array }> {
  const content = new TextEncoder().encode(text)
  const { document } = await demo.client.json<SignatureView>('POST', '/v1/signatures', {
    json: {
      signer: { certificate: { issuerId: certificate.issuerId, serialHex: certificate.serialHex } },
      level,
      format: 'cades',
    },
    files: { document: { bytes: content, name: 'order.txt', type: 'text/plain' } },
  })
  return { p7s: await demo.client.bytes('GET', document), content }
}

/** A held key, identity evidence, and the certificate over both. */
async function issueLongLived(demo: Demo): Promise<CertificateView> {
  const { keyId } = await demo.client.json<KeyView>('POST', '/v1/keys', { json: { algorithm: 'P-256' } })
  const evidence = await addEvidence(demo, NAME)
  const json = { profile: 'organisation', subject: subjectOf(NAME), keyId, identityEvidenceId: evidence.id }
  const certificate = await demo.client.json<CertificateView>('POST', '/v1/certificates', { json })
  await demo.write('organisation.pem', [certificate.certificatePem, ...(certificate.chainPem ?? [])].join(''))
  demo.say(`serial ${certificate.serialHex}, valid to ${String(certificate.notAfter)}`)
  return certificate
}

/** Waits until the published CRL names the certificate. @returns seconds since the revocation */
async function waitForCrl(demo: Demo, certificate: CertificateView, since: number): Promise<number> {
  const seconds = (): number => (performance.now() - since) / 1000
  while (!(await inCrl(demo, certificate)) && seconds() < CRL_WAIT_SECONDS) {
    demo.printer.progress('   waiting for the CRL, seconds', Math.round(seconds()))
    await wait(500)
  }
  return seconds()
}

export async function revokeSteps(demo: Demo): Promise<void> {
  demo.step(`${NAME} 的长期证书`, 'A long-lived organisation certificate')
  const certificate = await issueLongLived(demo)
  const order = await signFile(demo, certificate, '订单 Order 2026-0117\n', 'B-B')
  await demo.write('order.txt', order.content)
  await demo.write('order.txt.p7s', order.p7s)
  const before = (await verify(demo, order.p7s, order.content)).report
  const status = await ocspStatus(demo, certificate)
  demo.expect(status === 'good', `OCSP says ${status}`)
  demo.expect(before.indication === 'TOTAL-PASSED', `a file that it signed (CAdES B-B): ${before.indication}`)

  demo.step('撤销', 'Revoke it')
  const path = `/v1/certificates/${certificate.issuerId}/${certificate.serialHex}/revocation`
  const revoked = await demo.client.json<CertificateView>('POST', path, {
    json: { reason: 'superseded', legalGround: 'holder-request' },
  })
  const since = performance.now()
  demo.say(`reason ${String(revoked.reason)}, 办法第二十九条 legal ground ${String(revoked.legalGround)}`)
  const now = await ocspStatus(demo, certificate)
  demo.expect(now === 'revoked', `OCSP says ${now} after ${Math.round(performance.now() - since)} ms`)
  const seconds = await waitForCrl(demo, certificate, since)
  demo.expect(await inCrl(demo, certificate), `CRL names it after ${seconds.toFixed(1)} s`)
  await showVerdict(demo, order)
}

async function showVerdict(
  demo: Demo,
  order: { readonly p7s: Uint8Array; readonly content: Uint8Array },
): Promise<void> {
  const { indication, signatures } = (await verify(demo, order.p7s, order.content)).report
  const [signature] = signatures
  for (const { zh, en } of signature?.reasons ?? []) demo.say(`${zh} ${en}`)
  const verdict = `${indication} / ${String(signature?.subIndication)}`
  demo.expect(
    indication !== 'TOTAL-PASSED',
    `the same file now: ${verdict} (no time stamp proves that it was signed before)`,
  )
}
