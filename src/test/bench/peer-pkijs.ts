// pkijs doing the same work: a certificate built and signed, a CRL built and signed.
import { generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { measureRounds } from './measure.ts'
import { makeCsr } from './requests.ts'
import type { Sample } from './statistics.ts'

const OID = {
  commonName: '2.5.4.3',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  reason: '2.5.29.21',
}

type PrivateKey = Parameters<pkijs.Certificate['sign']>[0]

async function newSigner(): Promise<PrivateKey> {
  pkijs.setEngine(
    'bench',
    new pkijs.CryptoEngine({ name: 'bench', crypto: webcrypto as typeof globalThis.crypto }),
  )
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' })
  return webcrypto.subtle.importKey('pkcs8', pkcs8, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
}

const nameOf = (text: string): pkijs.AttributeTypeAndValue =>
  new pkijs.AttributeTypeAndValue({ type: OID.commonName, value: new asn1js.Utf8String({ value: text }) })

const extension = (extnID: string, critical: boolean, value: { toBER(): ArrayBuffer }): pkijs.Extension =>
  new pkijs.Extension({ extnID, critical, extnValue: value.toBER() })

const arrayBufferOf = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer

async function issueOne(signer: PrivateKey, csrDer: Uint8Array): Promise<ArrayBuffer> {
  const csr = pkijs.CertificationRequest.fromBER(arrayBufferOf(csrDer))
  if (!(await csr.verify())) throw new Error('proof of possession is wrong')
  const certificate = new pkijs.Certificate()
  certificate.version = 2
  certificate.serialNumber = new asn1js.Integer({ valueHex: arrayBufferOf(randomBytes(15)) })
  certificate.issuer.typesAndValues.push(nameOf('TEST ONLY peer CA'))
  certificate.subject = csr.subject
  certificate.notBefore.value = new Date()
  certificate.notAfter.value = new Date(Date.now() + 31_536_000_000)
  certificate.subjectPublicKeyInfo = csr.subjectPublicKeyInfo
  certificate.extensions = [
    extension(OID.basicConstraints, true, new pkijs.BasicConstraints({ cA: false }).toSchema()),
    extension(
      OID.keyUsage,
      true,
      new asn1js.BitString({ valueHex: Uint8Array.of(0x80).buffer, unusedBits: 7 }),
    ),
  ]
  await certificate.sign(signer, 'SHA-256')
  return certificate.toSchema(true).toBER()
}

/** Certificates a second: request parsed and verified, built, signed, encoded; nothing stored. */
export async function issue({ seconds }: { seconds: number }): Promise<Sample> {
  const signer = await newSigner()
  const requests = Array.from({ length: 200 }, makeCsr)
  return measureRounds('/s', { seconds, warmUp: 30 }, (round) =>
    issueOne(signer, requests[round % requests.length] ?? new Uint8Array()),
  )
}

/** Milliseconds for one CRL: built, signed, encoded; nothing stored. */
export async function crl({ entries, seconds }: { entries: number; seconds: number }): Promise<Sample> {
  const signer = await newSigner()
  const rows = Array.from({ length: entries }, () => ({ serial: randomBytes(16), at: new Date() }))
  return measureRounds('ms', { seconds, warmUp: 0 }, async () => {
    const list = new pkijs.CertificateRevocationList()
    list.version = 1
    list.issuer.typesAndValues.push(nameOf('TEST ONLY peer CA'))
    list.thisUpdate = new pkijs.Time({ value: new Date() })
    list.nextUpdate = new pkijs.Time({ value: new Date(Date.now() + 86_400_000) })
    const reason = extension(OID.reason, false, new asn1js.Enumerated({ value: 1 }))
    list.revokedCertificates = rows.map(
      ({ serial, at }) =>
        new pkijs.RevokedCertificate({
          userCertificate: new asn1js.Integer({ valueHex: arrayBufferOf(serial) }),
          revocationDate: new pkijs.Time({ value: at }),
          crlEntryExtensions: new pkijs.Extensions({ extensions: [reason] }),
        }),
    )
    await list.sign(signer, 'SHA-256')
    return list.toSchema(true).toBER()
  })
}
