import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { fromBER } from 'asn1js'
import { CertificateRevocationList } from 'pkijs'
import { loadCases, readCorpusFile, skipNote } from '../../src/test/corpora.ts'
import { decodeInteger, toHex } from '../asn1/values.ts'
import { bitString, explicit, integer, nullValue, octetString, oid, sequence, time } from '../asn1/writer.ts'
import { parseDer } from '../asn1/reader.ts'
import { publicKeyObject } from '../algorithms/keys.ts'
import { signatureAlgorithmOf, verifySignature } from '../algorithms/signatures.ts'
import { buildCrl } from '../testing/build-crl.ts'
import { mutationsOf, PARSER_CODES, verdictOf } from '../testing/fuzz.ts'
import { pemBlocks } from '../testing/pem.ts'
import { parseCertificate } from './certificate.ts'
import {
  crlAuthorityKeyIdentifierOf,
  crlNumberOf,
  deltaCrlIndicatorOf,
  issuingDistributionPointOf,
  parseCrl,
} from './crl.ts'
import { countCrlEntries, crlEntries, findCrlEntry } from './crl-entries.ts'
import { type CrlEntryFields, MAX_CRL_NUMBER } from './crl-writer.ts'
import { encodeExtension } from './encode-extensions.ts'
import { encodeName } from './name.ts'
import { EXT } from './oids.ts'

const name = encodeName([{ type: 'CN', value: 'TEST ONLY CRL issuer' }])
const algorithmDer = sequence(oid('1.2.840.10045.4.3.2'))
const template = {
  issuerNameDer: name,
  authorityKeyIdentifier: new Uint8Array(20).fill(7),
  algorithmDer,
  distributionPoint: { uris: ['http://ca.test.invalid/crl/a/0.crl'], onlyContainsUserCerts: true },
}
const fields = {
  number: 17n,
  thisUpdate: new Date('2026-05-04T03:02:01Z'),
  nextUpdate: new Date('2026-05-11T03:02:01Z'),
}
const entry = (serialHex: string, more: Partial<CrlEntryFields> = {}): CrlEntryFields => ({
  serialHex,
  revokedAt: new Date('2026-05-01T00:00:00Z'),
  reason: 'unspecified',
  invalidityDate: null,
  ...more,
})

const build = async (entries: readonly CrlEntryFields[], number = fields.number): Promise<Uint8Array> => {
  return buildCrl(template, { ...fields, number }, entries, () => Uint8Array.of(1, 2, 3))
}

const some = [
  entry('01aa', { reason: 'keyCompromise', invalidityDate: new Date('2026-04-01T12:00:00Z') }),
  entry('01ab'),
  entry('01ff', { reason: 'certificateHold', revokedAt: new Date('2050-01-01T00:00:00Z') }),
  entry('8000', { reason: 'privilegeWithdrawn' }),
]

test('what is written is read back', async (t) => {
  const crl = parseCrl(await build(some))
  t.is(crl.version, 2)
  t.deepEqual(crl.thisUpdate, fields.thisUpdate)
  t.deepEqual(crl.nextUpdate, fields.nextUpdate)
  t.is(crlNumberOf(crl), 17n)
  t.is(deltaCrlIndicatorOf(crl), undefined)
  t.deepEqual(crlAuthorityKeyIdentifierOf(crl)?.keyIdentifier, template.authorityKeyIdentifier)
  t.is(countCrlEntries(crl), some.length)
  const read = [...crlEntries(crl)]
  t.deepEqual(
    read.map(({ serialHex, revocationDate, reason, invalidityDate }) => ({
      serialHex,
      revokedAt: revocationDate,
      reason: reason ?? 'unspecified',
      invalidityDate: invalidityDate ?? null,
    })),
    some,
  )
})

test('check 24: issuingDistributionPoint is critical and holds the address as it was given', async (t) => {
  const crl = parseCrl(await build(some))
  t.true(crl.extensions.get(EXT.issuingDistributionPoint)?.critical)
  const point = issuingDistributionPointOf(crl)
  t.deepEqual(point?.fullName, [
    { kind: 'uniformResourceIdentifier', text: 'http://ca.test.invalid/crl/a/0.crl' },
  ])
  t.true(point?.onlyContainsUserCerts)
  t.false(point?.indirectCrl)
})

test('check 25: unspecified has no reasonCode, no entry extension is critical, 7 does not exist', async (t) => {
  const crl = parseCrl(await build(some))
  const [, unspecified] = [...crlEntries(crl)]
  t.is(unspecified?.extensions.size, 0)
  for (const { extensions } of crlEntries(crl)) for (const one of extensions.values()) t.false(one.critical)
  const seven = listWith(sequence(integer(1), time(fields.thisUpdate), sequence(reasonCode(7))))
  t.throws(() => [...crlEntries(parseCrl(seven))], { code: 'INPUT_MALFORMED' })
  const removed = [entry('01aa', { reason: 'removeFromCRL' })]
  await t.throwsAsync(build(removed), { code: 'INPUT_MALFORMED' })
})

test('check 26: an empty list leaves revokedCertificates out, and an empty one is refused', async (t) => {
  const crl = parseCrl(await build([]))
  t.is(crl.entries.length, 0)
  t.is(countCrlEntries(crl), 0)
  t.throws(() => parseCrl(listWith()), { code: 'INPUT_MALFORMED', message: /empty revokedCertificates/ })
})

test('check 22: a number of 2^159 is refused, the largest allowed one has 20 octets', async (t) => {
  const largest = parseCrl(await build([], MAX_CRL_NUMBER))
  t.is(crlNumberOf(largest), MAX_CRL_NUMBER)
  const node = parseDer(largest.extensions.get(EXT.crlNumber)?.value ?? new Uint8Array(0))
  t.is(node.content.length, 20)
  t.is(decodeInteger(node), MAX_CRL_NUMBER)
  await t.throwsAsync(build([], MAX_CRL_NUMBER + 1n), { code: 'INPUT_MALFORMED' })
})

test('attack: a serial listed twice, or out of order, is not written', async (t) => {
  await t.throwsAsync(build([entry('01aa'), entry('01aa')]), { code: 'INPUT_MALFORMED' })
  await t.throwsAsync(build([entry('01ab'), entry('01aa')]), { code: 'INPUT_MALFORMED' })
  await t.throwsAsync(build([entry('0zaa')]), { code: 'INPUT_MALFORMED' })
  await t.throwsAsync(build([entry('00aa')]), { code: 'INPUT_MALFORMED' })
  await t.throwsAsync(build([entry('1aa')]), { code: 'INPUT_MALFORMED' })
})

test('a serial is found, and only that one', async (t) => {
  const crl = parseCrl(await build(some))
  t.is(findCrlEntry(crl, Uint8Array.of(0x01, 0xff)).entry?.reason, 'certificateHold')
  t.is(findCrlEntry(crl, Uint8Array.of(0x00, 0x80, 0x00)).entry?.reason, 'privilegeWithdrawn')
  t.is(findCrlEntry(crl, Uint8Array.of(0x80, 0x00)).entry, undefined)
  t.is(findCrlEntry(crl, Uint8Array.of(0xff)).entry, undefined)
})

const reasonCode = (value: number): Uint8Array =>
  encodeExtension(EXT.reasonCode, false, Uint8Array.of(0x0a, 1, value))

function listWith(...entries: Uint8Array[]): Uint8Array {
  const extensions = explicit(0, sequence(encodeExtension(EXT.crlNumber, false, integer(1))))
  const head = [integer(1), algorithmDer, name, time(fields.thisUpdate), time(fields.nextUpdate)]
  return sequence(
    sequence(...head, sequence(...entries), extensions),
    algorithmDer,
    bitString(Uint8Array.of(1)),
  )
}

test('attack: a critical entry extension that nobody processes is reported, wherever it stands', (t) => {
  const strange = sequence(encodeExtension('2.999.5', true, nullValue()))
  const crl = parseCrl(
    listWith(
      sequence(integer(5), time(fields.thisUpdate)),
      sequence(integer(6), time(fields.thisUpdate), strange),
    ),
  )
  const found = findCrlEntry(crl, Uint8Array.of(5))
  t.is(found.entry?.serialHex, '05')
  t.is(found.unknownCritical, '2.999.5')
})

test('attack: an entry of another issuer in an indirect CRL is not taken for ours', (t) => {
  const other = encodeName([{ type: 'CN', value: 'TEST ONLY other issuer' }])
  const certificateIssuer = encodeExtension(EXT.certificateIssuer, true, sequence(explicit(4, other)))
  const crl = parseCrl(
    listWith(
      sequence(integer(4), time(fields.thisUpdate)),
      sequence(integer(5), time(fields.thisUpdate), sequence(certificateIssuer)),
      sequence(integer(6), time(fields.thisUpdate)),
    ),
  )
  const otherName = [...crlEntries(crl)][1]?.certificateIssuer?.[0]
  t.is(findCrlEntry(crl, Uint8Array.of(4)).entry?.serialHex, '04')
  t.is(findCrlEntry(crl, Uint8Array.of(5)).entry, undefined)
  t.is(findCrlEntry(crl, Uint8Array.of(6)).entry, undefined)
  if (otherName?.kind !== 'directoryName') return t.fail('certificateIssuer was not read')
  t.is(findCrlEntry(crl, Uint8Array.of(6), otherName.name).entry?.serialHex, '06')
  t.is(findCrlEntry(crl, Uint8Array.of(4), otherName.name).entry, undefined)
})

test('attack: half an entry at the end makes the whole list useless', (t) => {
  const crl = parseCrl(listWith(sequence(integer(5), time(fields.thisUpdate)), sequence(integer(6))))
  t.throws(() => findCrlEntry(crl, Uint8Array.of(5)), { code: 'INPUT_MALFORMED' })
})

test('second opinion: pkijs reads the same entries', async (t) => {
  const der = await build(some)
  const { result } = fromBER(der.slice().buffer)
  const crl = new CertificateRevocationList({ schema: result })
  const serials = crl.revokedCertificates?.map((one) => toHex(one.userCertificate.valueBlock.valueHexView))
  t.deepEqual(serials, ['01aa', '01ab', '01ff', '008000'])
  t.is(crl.crlExtensions?.extensions.length, 3)
})

const fuzzSeeds = async (): Promise<Uint8Array[]> => [await build(some), await build([])]

test('fuzz: changed bytes give a typed error and nothing else', async (t) => {
  const seeds = await fuzzSeeds()
  const parse = (bytes: Uint8Array): void => {
    const crl = parseCrl(bytes)
    for (const _ of crlEntries(crl));
    findCrlEntry(crl, Uint8Array.of(1, 0xff))
    countCrlEntries(crl)
    issuingDistributionPointOf(crl)
    crlNumberOf(crl)
    crlAuthorityKeyIdentifierOf(crl)
  }
  t.notThrows(() => {
    fc.assert(
      fc.property(mutationsOf(seeds), (bytes) => PARSER_CODES.includes(verdictOf(() => parse(bytes)))),
      { numRuns: 3000 },
    )
  })
})

test('corpus: revocation lists of the field have the entries that OpenSSL counts', (t) => {
  const cases = loadCases('cms-tsp')?.filter(({ kind }) => kind === 'crl')
  if (!cases) return absent(t, 10)
  for (const one of cases) {
    const bytes = readCorpusFile('cms-tsp', String(one.files?.['input']))
    if (one.id.includes('infinite-loop')) {
      t.throws(() => parseCrl(derOf(bytes)), { code: 'INPUT_MALFORMED' })
      continue
    }
    const crl = parseCrl(derOf(bytes))
    const expected = one.expected as { entries: number; thisUpdate: string }
    t.is(countCrlEntries(crl), expected.entries, one.id)
    t.is([...crlEntries(crl)].length, expected.entries, one.id)
    t.is(crl.thisUpdate.getTime(), Date.parse(expected.thisUpdate), one.id)
  }
})

test('corpus: BoringSSL lists parse or are refused as labelled', (t) => {
  const cases = loadCases('boringssl-pki')?.filter(({ kind }) => kind === 'crl')
  if (!cases) return absent(t, 33)
  for (const one of cases) {
    const der = derOf(readCorpusFile('boringssl-pki', String(one.files?.['bundle'])), 'CRL')
    const verdict = verdictOf(() => {
      const crl = parseCrl(der)
      for (const _ of crlEntries(crl));
      issuingDistributionPointOf(crl)
    })
    t.true(PARSER_CODES.includes(verdict), one.id)
    if (one.expected !== 'UNKNOWN') t.is(verdict, 'parsed', one.id)
    if (one.id.includes('garbage')) t.is(verdict, 'INPUT_MALFORMED', one.id)
  }
})

test('corpus: a list that BoringSSL calls revoked verifies and names the certificate', (t) => {
  const one = loadCases('boringssl-pki')?.find(({ id }) => id === 'crl/revoked')
  if (!one) return absent(t, 1)
  const bundle = readCorpusFile('boringssl-pki', String(one.files?.['bundle']))
  const crl = parseCrl(derOf(bundle, 'CRL'))
  const certificates = pemBlocks(bundle, 'CA CERTIFICATE')
  const issuer = parseCertificate(certificates[0] ?? new Uint8Array(0))
  const leaf = parseCertificate(pemBlocks(bundle, 'CERTIFICATE')[0] ?? new Uint8Array(0))
  const algorithm = signatureAlgorithmOf(crl.signatureAlgorithm)
  t.true(verifySignature(algorithm, publicKeyObject(issuer.spkiDer), crl.tbs, crl.signature))
  t.not(findCrlEntry(crl, leaf.serial).entry, undefined)
})

test('corpus: fuzz files end in a typed answer', (t) => {
  const cases = loadCases('fuzz')?.filter(({ files }) => /^crl/.test(String(files?.['input'])))
  if (!cases) return absent(t, 204)
  t.log(`${cases.length} files`)
  for (const one of cases) {
    const bytes = readCorpusFile('fuzz', String(one.files?.['input']))
    const verdict = verdictOf(() => {
      const crl = parseCrl(bytes)
      for (const _ of crlEntries(crl));
      findCrlEntry(crl, Uint8Array.of(1))
    })
    t.true(PARSER_CODES.includes(verdict), one.id)
  }
})

const absent = (t: ExecutionContext, count: number): void => {
  skipNote(t, count, 'corpora are absent')
  t.pass()
}

const derOf = (bytes: Uint8Array, label = '[A-Z0-9 ]*CRL'): Uint8Array => pemBlocks(bytes, label)[0] ?? bytes

test('limit: a list over 128 MiB is refused before it is read', (t) => {
  const huge = new Uint8Array(128 * 1024 * 1024 + 1)
  t.throws(() => parseCrl(huge), { code: 'INPUT_TOO_LARGE' })
})

test('the entry of a version 1 list has no extensions', (t) => {
  const v1 = sequence(
    sequence(
      algorithmDer,
      name,
      time(fields.thisUpdate),
      time(fields.nextUpdate),
      sequence(sequence(integer(5), time(fields.thisUpdate), sequence(reasonCode(1)))),
    ),
    algorithmDer,
    bitString(octetString()),
  )
  t.throws(() => [...crlEntries(parseCrl(v1))], { code: 'INPUT_MALFORMED' })
})
