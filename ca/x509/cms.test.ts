import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { fromBER } from 'asn1js'
import { ContentInfo, SignedData } from 'pkijs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadCases, readCorpusFile, skipNote } from '../../src/test/corpora.ts'
import { requireTool, run } from '../../src/test/judges.ts'
import { digest } from '../algorithms/hashes.ts'
import { publicKeyObject } from '../algorithms/keys.ts'
import { getSignatureAlgorithm, verifySignature } from '../algorithms/signatures.ts'
import { compareBytes, integer, octetString, sequence, tlv, utf8String } from '../asn1/writer.ts'
import { mutationsOf, PARSER_CODES, verdictOf } from '../testing/fuzz.ts'
import { encodePem } from '../testing/pem.ts'
import { type TestCore, openTestCore } from '../testing/test-core.ts'
import { parseCertificate, readReference } from './certificate.ts'
import {
  ATTRIBUTE,
  CONTENT,
  attributeValuesOf,
  contentTypeOf,
  essCertIdsOf,
  essReferencesOf,
  isSignedAttributes,
  messageDigestOf,
  parseSignedData,
  signingTimeOf,
} from './cms.ts'
import {
  addUnsignedAttribute,
  buildSignedAttributes,
  encodeSignedData,
  encodeSigningCertificate,
} from './cms-writer.ts'

const content = new TextEncoder().encode('TEST ONLY content 合同')
const messageDigest = digest('SHA-256', content)
const signingTime = new Date('2026-05-04T03:02:01Z')
const algorithm = getSignatureAlgorithm('ecdsa-sha256')

interface Made {
  readonly der: Uint8Array
  readonly test: TestCore
  readonly certDer: Uint8Array
}

async function make(encapsulate: boolean): Promise<Made> {
  const core = await openTestCore()
  const row = await core.issueTo()
  const certificate = parseCertificate(row.certDer)
  const signedAttributesDer = buildSignedAttributes({
    contentType: CONTENT.data,
    messageDigest,
    signingCertificate: encodeSigningCertificate(certificate, true),
    signingTime,
  })
  const signature = await core.keys.sign(row.keyId ?? '', algorithm, signedAttributesDer)
  const der = encodeSignedData({
    contentType: CONTENT.data,
    ...(encapsulate ? { content } : {}),
    signedAttributesDer,
    digestHash: 'SHA-256',
    signatureAlgorithm: algorithm,
    signature,
    certificate,
    certificatesDer: [row.certDer, core.issuer.certDer],
  })
  return { der, test: core, certDer: row.certDer }
}

test('what is written is read back, and its signature verifies over the attributes', async (t) => {
  const { der, certDer } = await make(true)
  const data = parseSignedData(der)
  const certificate = parseCertificate(certDer)
  t.is(data.version, 1)
  t.is(data.contentType, CONTENT.data)
  t.deepEqual(data.content, content)
  t.is(data.certificates.length, 2)
  const [signer] = data.signerInfos
  if (!signer) return t.fail('no signer')
  t.deepEqual(signer.problems, [])
  t.deepEqual(messageDigestOf(signer), messageDigest)
  t.is(contentTypeOf(signer), CONTENT.data)
  t.deepEqual(signingTimeOf(signer), signingTime)
  t.is(signer.sid.kind === 'issuerAndSerialNumber' && signer.sid.serialHex, certificate.serialHex)
  const signed = signer.signedAttributesDer ?? new Uint8Array(0)
  t.true(verifySignature(algorithm, publicKeyObject(certificate.spkiDer), signed, signer.signature))
})

test('the ESS attribute names the certificate by hash, issuer and serial', async (t) => {
  const { der, certDer } = await make(false)
  const certificate = parseCertificate(certDer)
  const [signer] = parseSignedData(der).signerInfos
  if (!signer) return t.fail('no signer')
  const ess = essCertIdsOf(signer)
  t.is(ess?.version, 2)
  t.deepEqual(ess?.ids[0]?.certHash, digest('SHA-256', certDer))
  t.deepEqual(ess?.ids[0]?.issuerSerial?.serial, certificate.serial)
  t.deepEqual(ess?.ids[0]?.issuerSerial?.issuerRaw, certificate.issuer.raw)
})

test('what a signature with attributes signs is told from other octets', async (t) => {
  const { der } = await make(false)
  const [signer] = parseSignedData(der).signerInfos
  const signed = signer?.signedAttributesDer ?? new Uint8Array()
  t.true(isSignedAttributes(signed))
  const without = (oid: string): Uint8Array =>
    tlv(0x31, ...(signer?.signedAttributes ?? []).filter((one) => one.oid !== oid).map(({ raw }) => raw))
  const others = [without(ATTRIBUTE.contentType), without(ATTRIBUTE.messageDigest), signed.subarray(0, -1)]
  for (const octets of [...others, tlv(0x31), new Uint8Array(), content, der])
    t.false(isSignedAttributes(octets))
})

test('signed attributes are sorted by encoding, whatever order they have in the code', async (t) => {
  const { der } = await make(false)
  const [signer] = parseSignedData(der).signerInfos
  const raws = signer?.signedAttributes.map(({ raw }) => raw) ?? []
  t.is(raws.length, 4)
  for (const [i, raw] of raws.slice(1).entries()) t.true(compareBytes(raws[i] ?? raw, raw) < 0)
})

test('a PAdES signature carries no signing-time', async (t) => {
  const core = await openTestCore()
  const certificate = parseCertificate((await core.issueTo()).certDer)
  const der = buildSignedAttributes({
    contentType: CONTENT.data,
    messageDigest,
    signingCertificate: encodeSigningCertificate(certificate, false),
  })
  t.is(der[0], 0x31)
  const text = Buffer.from(der).toString('hex')
  t.false(text.includes('2a864886f70d010905'))
})

test('unsigned attributes are added without touching a signed octet, and stay sorted', async (t) => {
  const { der } = await make(false)
  const token = sequence(utf8String('TEST ONLY token'))
  const once = addUnsignedAttribute(der, ATTRIBUTE.signatureTimeStamp, token)
  const twice = addUnsignedAttribute(once, '1.2.840.113549.1.9.16.2.1', sequence(integer(1)))
  const [before] = parseSignedData(der).signerInfos
  const [after] = parseSignedData(twice).signerInfos
  t.deepEqual(after?.signedAttributesDer, before?.signedAttributesDer)
  t.deepEqual(after?.signature, before?.signature)
  t.deepEqual(attributeValuesOf(after?.unsignedAttributes ?? [], ATTRIBUTE.signatureTimeStamp), [token])
  t.is(after?.unsignedAttributes.length, 2)
  const [first, second] = after?.unsignedAttributes.map(({ raw }) => raw) ?? []
  t.true(first !== undefined && second !== undefined && compareBytes(first, second) < 0)
  const broken = Uint8Array.of(0x30, 5, 0)
  t.throws(() => addUnsignedAttribute(der, ATTRIBUTE.signatureTimeStamp, broken), { code: 'INPUT_MALFORMED' })
})

/** The signed attributes turned round, as pkijs would write them (PKI.js#402). */
async function unsorted(): Promise<Uint8Array> {
  const { der } = await make(false)
  const [signer] = parseSignedData(der).signerInfos
  if (!signer?.signedAttributesDer) throw new Error('no signed attributes')
  const turned = tlv(0x31, ...signer.signedAttributes.map(({ raw }) => raw).reverse())
  const at = Buffer.from(der).indexOf(Buffer.from(signer.signedAttributesDer.subarray(1)))
  const out = der.slice()
  out.set(turned.subarray(1), at)
  return out
}

test('attributes out of order are reported and not refused', async (t) => {
  const [signer] = parseSignedData(await unsorted()).signerInfos
  t.deepEqual(signer?.problems, ['signedAttributesNotSorted'])
})

test('attack: an attribute twice is reported, and its value is not taken', async (t) => {
  const { der } = await make(false)
  const [signer] = parseSignedData(der).signerInfos
  const digestAttribute = signer?.signedAttributes.find(({ oid }) => oid === ATTRIBUTE.messageDigest)
  // A second message-digest in place of the ESS attribute, of the same length.
  const ess = signer?.signedAttributes.find(({ oid }) => oid === ATTRIBUTE.signingCertificateV2)
  if (!digestAttribute || !ess) return t.fail('no attributes')
  const at = Buffer.from(der).indexOf(Buffer.from(ess.raw))
  const forged = der.slice()
  const replacement = fill(digestAttribute.raw, ess.raw.length)
  forged.set(replacement, at)
  const [read] = parseSignedData(forged).signerInfos
  t.true(read?.problems.includes('attributeTwice'))
  t.is(read && messageDigestOf(read), undefined)
})

/** A message-digest attribute of exactly this length, 130 octets or more. */
function fill(attribute: Uint8Array, length: number): Uint8Array {
  const type = attribute.subarray(2, 13)
  for (let size = length; size > 0; size--) {
    const out = sequence(type, tlv(0x31, octetString(new Uint8Array(size))))
    if (out.length === length) return out
  }
  throw new Error('no such length')
}

test('attack: attributes that are present and empty, or a missing type, are seen', async (t) => {
  const { der } = await make(false)
  const type = Buffer.from(der).indexOf(Buffer.from('2a864886f70d010903', 'hex'))
  const other = der.slice()
  other[type + 8] = 0x63
  const [signer] = parseSignedData(other).signerInfos
  t.true(signer?.problems.includes('contentTypeMissing'))
})

test('openssl cms accepts it, attached and detached, and refuses other content', async (t) => {
  if (!requireTool(t, 'openssl')) return
  const folder = await mkdtemp(join(tmpdir(), 'cms-'))
  try {
    const { der, test: core } = await make(false)
    const at = (name: string): string => join(folder, name)
    await writeFile(at('root.pem'), encodePem('CERTIFICATE', core.root.certDer))
    await writeFile(at('s.p7s'), der)
    await writeFile(at('content'), content)
    await writeFile(at('other'), 'other')
    const verify = (name: string): ReturnType<typeof run> =>
      run('openssl', [
        ...['cms', '-verify', '-inform', 'DER', '-in', at('s.p7s'), '-content', at(name), '-binary'],
        ...['-CAfile', at('root.pem'), '-purpose', 'any', '-attime', String(signingTime.getTime() / 1000)],
      ])
    const good = await verify('content')
    t.is(good.status, 0, good.stderr)
    t.not((await verify('other')).status, 0)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('second opinion: pkijs reads one signer and two certificates', async (t) => {
  const { der } = await make(true)
  const info = new ContentInfo({ schema: fromBER(der.slice().buffer).result })
  const data = new SignedData({ schema: info.content })
  t.is(data.signerInfos.length, 1)
  t.is(data.certificates?.length, 2)
  t.is(data.signerInfos[0]?.signedAttrs?.attributes.length, 4)
})

test('fuzz: changed bytes give a typed error and nothing else', async (t) => {
  const { der } = await make(true)
  const seeds = [der, addUnsignedAttribute(der, ATTRIBUTE.signatureTimeStamp, sequence(integer(1)))]
  const parse = (bytes: Uint8Array): void => {
    for (const signer of parseSignedData(bytes).signerInfos) {
      messageDigestOf(signer)
      contentTypeOf(signer)
      signingTimeOf(signer)
      essCertIdsOf(signer)
      essReferencesOf(signer)
    }
    isSignedAttributes(bytes)
    addUnsignedAttribute(bytes, ATTRIBUTE.signatureTimeStamp, sequence())
  }
  t.notThrows(() => {
    fc.assert(
      fc.property(mutationsOf(seeds), (bytes) => PARSER_CODES.includes(verdictOf(() => parse(bytes)))),
      { numRuns: 3000 },
    )
  })
})

const absent = (t: ExecutionContext, count: number): void => {
  skipNote(t, count, 'corpora are absent')
  t.pass()
}

test('corpus: fuzz files end in a typed answer', (t) => {
  const cases = loadCases('fuzz')?.filter(({ files }) => /^cms/.test(String(files?.['input'])))
  if (!cases) return absent(t, 250)
  t.log(`${cases.length} files`)
  for (const one of cases) {
    const bytes = readCorpusFile('fuzz', String(one.files?.['input']))
    t.true(PARSER_CODES.includes(verdictOf(() => parseSignedData(bytes))), one.id)
  }
})

test('a certificate is named in the same way whether all of it was read or only what names it', async (t) => {
  const { certDer } = await make(false)
  const { raw, serial, issuer, spkiDer } = parseCertificate(certDer)
  t.deepEqual(readReference(certDer), { raw, serial, issuer: { raw: issuer.raw }, spkiDer })
  t.throws(() => readReference(certDer.subarray(0, 200)), { code: 'INPUT_MALFORMED' })
})
