// Attacks on the signed attributes of a .p7s, on what they name, and on what stands around them.
import { sign as signValue } from 'node:crypto'
import test from 'ava'

import { EKU } from '../../ca/formats.ts'
import { TAG, contextConstructed } from '../../ca/asn1/tags.ts'
import { concat, explicit, integer, octetString, oid, sequence, setOf, tlv } from '../../ca/asn1/writer.ts'
import { digest } from '../../ca/algorithms/hashes.ts'
import type { Certificate } from '../../ca/x509/certificate.ts'
import { ATTRIBUTE, parseSignedData } from '../../ca/x509/cms.ts'
import { addUnsignedAttribute } from '../../ca/x509/cms-writer.ts'
import { toPem } from '../lib/pem.ts'
import { defaultPolicy } from '../test/conformance/policy.ts'
import {
  type Party,
  editSigner,
  isAttributes,
  issue,
  makeCms,
  makeCrl,
  withTimestamp,
  withoutAttributes,
} from '../test/pki.ts'
import type { Report } from './report.ts'
import { verify } from './verify.ts'

const policy = defaultPolicy()
const at = new Date('2026-06-01T12:00:00Z')
const before = new Date(at.getTime() - 86_400_000)
const after = new Date(at.getTime() + 86_400_000)
const content = new TextEncoder().encode('TEST ONLY contract: 1,000 yuan')

const ca = issue({ name: 'CA', ca: true })
const signer = issue({ name: 'signer', issuer: ca })
const other = issue({ name: 'other', issuer: ca })
const tsa = issue({
  name: 'TSA',
  issuer: ca,
  keyUsage: ['digitalSignature'],
  extKeyUsage: [EKU.timeStamping],
})
const trust = [{ certDer: ca.certificate.raw, name: 'TEST ONLY CA', source: 'own' }]
const evidence = { crls: [makeCrl(ca, before, after)] }

function reportOn(document: Uint8Array, about: Uint8Array | undefined = content): Report {
  const given = about ? { content: about } : {}
  const outcome = verify({ document, ...given, evidence, trust, policy, at, final: true })
  if (!('report' in outcome)) throw new Error('no report')
  return outcome.report
}

function judge(document: Uint8Array, about?: Uint8Array) {
  const [first] = reportOn(document, about).signatures
  if (!first) throw new Error('no signature')
  const { indication, subIndication, reasons, warnings, level, format, conditions } = first
  return {
    verdict: subIndication ? `${indication}/${subIndication}` : indication,
    reasons: reasons.map(({ key }) => key),
    warnings: warnings.map(({ key }) => key),
    level: `${format} ${level}`,
    conditions: conditions.map(({ result }) => result),
  }
}

const good = makeCms(signer, { content: [content], signingTime: before })

const withSigner = (edit: (fields: Uint8Array[]) => Uint8Array[], attached?: Uint8Array): Uint8Array =>
  editSigner(good, edit, attached)

const valueOver = (party: Party, octets: Uint8Array): Uint8Array =>
  octetString(new Uint8Array(signValue('sha256', octets, party.key)))

const [signed] = parseSignedData(good).signerInfos
const attributes = signed?.signedAttributes ?? []
const attributesDer = signed?.signedAttributesDer ?? new Uint8Array()

/** Signs again, as the holder of the key can, with another attribute in the place of signing-certificate-v2. */
function withReference(...replacements: readonly Uint8Array[]): Uint8Array {
  const kept = attributes.filter((one) => one.oid !== ATTRIBUTE.signingCertificateV2).map(({ raw }) => raw)
  const set = setOf(...kept, ...replacements)
  const implicit = set.slice()
  implicit[0] = contextConstructed(0)
  return withSigner((fields) =>
    fields.map((field, i) => {
      if (isAttributes(field)) return implicit
      return i === fields.length - 1 ? valueOver(signer, set) : field
    }),
  )
}

const attribute = (type: string, ...values: readonly Uint8Array[]): Uint8Array =>
  sequence(oid(type), tlv(TAG.set, ...values))
const hashOf = (certificate: Certificate): Uint8Array => octetString(digest('SHA-256', certificate.raw))
const issuerSerial = (name: Uint8Array, serial: Uint8Array): Uint8Array =>
  sequence(sequence(explicit(4, name)), tlv(TAG.integer, serial))
const referenceV2 = (...parts: readonly Uint8Array[]): Uint8Array =>
  attribute(ATTRIBUTE.signingCertificateV2, sequence(sequence(sequence(...parts))))
const referenceV1 = (certificate: Certificate): Uint8Array =>
  attribute(
    ATTRIBUTE.signingCertificate,
    sequence(sequence(sequence(octetString(digest('SHA-1', certificate.raw))))),
  )

const stripped = (attached?: Uint8Array): Uint8Array =>
  withSigner((fields) => fields.filter((field) => !isAttributes(field)), attached)

test('attack: signed-attributes stripping, the attributes are presented as the content', (t) => {
  t.is(judge(good).verdict, 'TOTAL-PASSED')
  for (const result of [judge(stripped(), attributesDer), judge(stripped(attributesDer), attributesDer)]) {
    t.is(result.verdict, 'TOTAL-FAILED/FORMAT_FAILURE')
    t.true(result.reasons.includes('CMS_ATTRIBUTES_STRIPPED'))
    t.is(result.conditions[3], 'fail')
  }
})

test('attack: signed-attributes stripping with the content of the signature is a wrong value', (t) => {
  t.is(judge(stripped()).verdict, 'TOTAL-FAILED/SIG_CRYPTO_FAILURE')
})

test('a signature without signed attributes (openssl cms -noattr) is never a pass', (t) => {
  const { verdict, reasons, level, conditions } = judge(withoutAttributes(good, signer, content))
  t.is(verdict, 'INDETERMINATE/SIG_CONSTRAINTS_FAILURE')
  t.true(reasons.includes('CMS_ATTRIBUTES_MISSING'))
  t.is(level, 'PKCS7 other')
  t.is(conditions[3], 'unknown')
})

test('a signature that does not name its certificate is no CAdES and says so', (t) => {
  const { verdict, warnings, level } = judge(withReference())
  t.is(verdict, 'TOTAL-PASSED')
  t.true(warnings.includes('CMS_CERTIFICATE_REFERENCE_MISSING'))
  t.is(level, 'PKCS7 other')
})

test('attack: a damaged signing-certificate attribute is not as good as none', (t) => {
  const { issuer, serial } = signer.certificate
  const hash = hashOf(signer.certificate)
  const whole = referenceV2(hash, issuerSerial(issuer.raw, serial))
  t.is(judge(withReference(whole)).verdict, 'TOTAL-PASSED')
  const zeroed = whole.slice()
  zeroed.fill(0, zeroed.length - 32)
  const damaged = [
    zeroed,
    referenceV2(),
    referenceV2(integer(1)),
    referenceV2(hash, sequence(sequence(), tlv(TAG.integer, serial))),
    attribute(ATTRIBUTE.signingCertificateV2, sequence(sequence())),
    attribute(ATTRIBUTE.signingCertificateV2, octetString(new Uint8Array(32))),
    attribute(ATTRIBUTE.signingCertificate, sequence(sequence(sequence(integer(1))))),
  ]
  for (const reference of damaged) {
    const { verdict, reasons } = judge(withReference(reference))
    t.is(verdict, 'TOTAL-FAILED/FORMAT_FAILURE')
    t.true(reasons.includes('CMS_CERTIFICATE_REFERENCE_MALFORMED'))
  }
})

test('attack: a signing-certificate attribute twice, or without or with two values, is not as good as none', (t) => {
  const value = sequence(sequence(sequence(hashOf(signer.certificate))))
  const old = referenceV1(signer.certificate)
  const doubled = [
    [attribute(ATTRIBUTE.signingCertificateV2, value, value)],
    [attribute(ATTRIBUTE.signingCertificateV2)],
    [old, referenceV1(other.certificate)],
    [attribute(ATTRIBUTE.signingCertificate)],
  ]
  for (const references of doubled)
    t.is(judge(withReference(...references)).verdict, 'TOTAL-FAILED/FORMAT_FAILURE')
})

test('attack: issuer or serial number in the signed reference are those of another certificate', (t) => {
  const { issuer, serial, subject } = signer.certificate
  const hash = hashOf(signer.certificate)
  const wrong = [
    referenceV2(hash, issuerSerial(issuer.raw, other.certificate.serial)),
    referenceV2(hash, issuerSerial(subject.raw, serial)),
    referenceV2(hashOf(other.certificate)),
  ]
  for (const reference of wrong) {
    const { verdict, reasons } = judge(withReference(reference))
    t.is(verdict, 'INDETERMINATE/SIG_CONSTRAINTS_FAILURE')
    t.true(reasons.includes('CMS_CERTIFICATE_REFERENCE_MISMATCH'))
  }
})

test('attack: two signed references name two certificates', (t) => {
  const right = referenceV2(hashOf(signer.certificate))
  t.is(judge(withReference(right, referenceV1(signer.certificate))).verdict, 'TOTAL-PASSED')
  const { verdict } = judge(withReference(right, referenceV1(other.certificate)))
  t.is(verdict, 'INDETERMINATE/SIG_CONSTRAINTS_FAILURE')
})

test('attack: a junk time stamp makes no level B-T', (t) => {
  t.is(judge(withTimestamp(good, tsa, before)).level, 'CAdES B-T')
  for (const junk of [good, octetString(new Uint8Array(9))]) {
    const { verdict, level, warnings } = judge(addUnsignedAttribute(good, ATTRIBUTE.signatureTimeStamp, junk))
    t.is(verdict, 'TOTAL-PASSED')
    t.is(level, 'CAdES B-B')
    t.true(warnings.includes('TIMESTAMP_NOT_VALID'))
  }
})

const answerTo = (document: Uint8Array): string => {
  const { indication, answer } = reportOn(document)
  return `${indication} ${answer.key}`
}

test('attack: bytes behind a .p7s travel with a confirmed signature', (t) => {
  for (const tail of ['\0', '\0\0\0\0', '\n', 'AAAA']) {
    const document = concat(good, new TextEncoder().encode(tail))
    t.is(answerTo(document), 'NOT_VERIFIABLE DOCUMENT_DAMAGED_SIGNED')
    const swapped = verify({ document: content, content: document, evidence, trust, policy, at, final: true })
    t.is('report' in swapped && swapped.report.answer.key, 'DOCUMENT_DAMAGED_SIGNED')
  }
})

test('a .p7s in PEM has one block and at most one line end behind it', (t) => {
  const text = toPem('CMS', good)
  const answer = (pem: string): string => answerTo(new TextEncoder().encode(pem))
  for (const fine of [text, text.trimEnd(), text.replaceAll('\n', '\r\n'), text.replaceAll('CMS', 'PKCS7')])
    t.is(answer(fine), 'TOTAL-PASSED SIGNATURES_ALL_VALID')
  for (const more of [`${text}\n`, `${text}\0`, `${text}junk`, `${text}${text}`])
    t.is(answer(more), 'NOT_VERIFIABLE DOCUMENT_DAMAGED_SIGNED')
})
