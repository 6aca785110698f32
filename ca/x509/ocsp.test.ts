import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { fromBER } from 'asn1js'
import { OCSPResponse } from 'pkijs'
import { loadCases, readCorpusFile, skipNote } from '../../src/test/corpora.ts'
import { concat, explicit, integer, nullValue, octetString, oid, sequence, tlv } from '../asn1/writer.ts'
import { mutationsOf, PARSER_CODES, verdictOf } from '../testing/fuzz.ts'
import { encodeOcspRequestOf } from '../testing/ocsp-request.ts'
import { pemBlocks } from '../testing/pem.ts'
import { encodeExtension } from './encode-extensions.ts'
import { EXT } from './oids.ts'
import { parseOcspRequest, parseOcspResponse } from './ocsp.ts'
import { decodeOcspGetPath } from './ocsp-get.ts'
import {
  buildResponseData,
  encodeOcspError,
  encodeOcspResponse,
  encodeSingleResponse,
} from './ocsp-writer.ts'

const SHA1 = '1.3.14.3.2.26'
const certId = (serial: bigint, hash = SHA1, size = 20): Uint8Array =>
  sequence(
    sequence(oid(hash), nullValue()),
    octetString(new Uint8Array(size).fill(1)),
    octetString(new Uint8Array(size).fill(2)),
    integer(serial),
  )

const withNonce = (nonce: Uint8Array): Uint8Array => encodeOcspRequestOf([certId(5n)], nonce)

test('check 34: a nonce of 1 to 128 octets is taken, 0 and 129 are malformed', (t) => {
  for (const length of [1, 16, 32, 128]) {
    const nonce = new Uint8Array(length).fill(9)
    t.deepEqual(parseOcspRequest(withNonce(nonce)).nonce, nonce, String(length))
  }
  for (const length of [0, 129])
    t.throws(() => parseOcspRequest(withNonce(new Uint8Array(length))), { code: 'INPUT_MALFORMED' })
  const bare = sequence(
    sequence(
      sequence(sequence(certId(5n))),
      explicit(2, sequence(encodeExtension(EXT.ocspNonce, false, Uint8Array.of(1, 2, 3)))),
    ),
  )
  t.throws(() => parseOcspRequest(bare), { code: 'INPUT_MALFORMED' })
})

test('check 35: 2 KB, 16 certificates and known structure are the limits of a request', (t) => {
  const many = (count: number): Uint8Array =>
    encodeOcspRequestOf(Array.from({ length: count }, (_, i) => certId(BigInt(i + 1))))
  t.is(parseOcspRequest(many(16)).certIds.length, 16)
  t.throws(() => parseOcspRequest(many(17)), { code: 'INPUT_MALFORMED' })
  t.throws(() => parseOcspRequest(many(0)), { code: 'INPUT_MALFORMED' })
  t.throws(() => parseOcspRequest(many(40)), { code: 'INPUT_TOO_LARGE' })
  t.throws(() => parseOcspRequest(concat(many(1), Uint8Array.of(0))), { code: 'INPUT_MALFORMED' })
})

test('check 35: an unknown hash names no certificate, a wrong length is malformed', (t) => {
  const [unknown] = parseOcspRequest(encodeOcspRequestOf([certId(5n, '2.999.1')])).certIds
  t.is(unknown?.hash, undefined)
  t.is(unknown?.hashOid, '2.999.1')
  const short = encodeOcspRequestOf([certId(5n, '2.16.840.1.101.3.4.2.1', 20)])
  t.throws(() => parseOcspRequest(short), { code: 'INPUT_MALFORMED' })
})

test('attack: a critical extension that nobody processes stops the request', (t) => {
  const strange = sequence(encodeExtension('2.999.5', true, nullValue()))
  const outside = sequence(sequence(sequence(sequence(certId(5n))), explicit(2, strange)))
  const inside = sequence(sequence(sequence(sequence(certId(5n), explicit(0, strange)))))
  t.throws(() => parseOcspRequest(outside), { code: 'INPUT_MALFORMED' })
  t.throws(() => parseOcspRequest(inside), { code: 'INPUT_MALFORMED' })
})

const at = new Date('2026-05-04T03:02:01Z')
const later = new Date('2026-05-05T03:02:01Z')

function response(nonce?: Uint8Array): Uint8Array {
  const singles = [
    encodeSingleResponse({
      certIdRaw: certId(5n),
      status: { kind: 'good' },
      thisUpdate: at,
      nextUpdate: later,
    }),
    encodeSingleResponse({ certIdRaw: certId(6n), status: { kind: 'unknown' }, thisUpdate: at }),
    ...(['keyCompromise', 'unspecified'] as const).map((reason, i) =>
      encodeSingleResponse({
        certIdRaw: certId(BigInt(7 + i)),
        status: { kind: 'revoked', revokedAt: at, reason },
        thisUpdate: at,
        nextUpdate: later,
      }),
    ),
  ]
  const data = buildResponseData(explicit(2, octetString(new Uint8Array(20).fill(3))), at, singles, nonce)
  return encodeOcspResponse(data, sequence(oid('1.2.840.10045.4.3.2')), Uint8Array.of(1, 2), [])
}

test('what is written is read back', (t) => {
  const nonce = new Uint8Array(16).fill(8)
  const { status, basic } = parseOcspResponse(response(nonce))
  t.is(status, 'successful')
  t.deepEqual(basic?.nonce, nonce)
  t.deepEqual(basic?.producedAt, at)
  t.deepEqual(basic?.responderId, { kind: 'byKey', keyHash: new Uint8Array(20).fill(3) })
  t.deepEqual(
    basic?.responses.map((one) => one.status),
    [
      { kind: 'good' },
      { kind: 'unknown' },
      { kind: 'revoked', revokedAt: at, reason: 'keyCompromise' },
      { kind: 'revoked', revokedAt: at },
    ],
  )
  t.deepEqual(
    basic?.responses.map((one) => one.nextUpdate),
    [later, undefined, later, later],
  )
  for (const one of basic?.responses ?? []) t.is(one.extensions.size, 0, 'check 38: no singleExtensions')
})

test('refusals are unsigned and say why', (t) => {
  for (const status of [
    'malformedRequest',
    'internalError',
    'tryLater',
    'sigRequired',
    'unauthorized',
  ] as const)
    t.is(parseOcspResponse(encodeOcspError(status)).status, status)
  t.throws(() => parseOcspResponse(sequence(tlv(0x0a, Uint8Array.of(4)))), { code: 'INPUT_MALFORMED' })
  t.throws(() => parseOcspResponse(sequence(tlv(0x0a, Uint8Array.of(0)))), { code: 'INPUT_MALFORMED' })
})

test('second opinion: pkijs reads the response', (t) => {
  const parsed = new OCSPResponse({ schema: fromBER(response().slice().buffer).result })
  t.is(parsed.responseStatus.valueBlock.valueDec, 0)
  t.is(parsed.responseBytes?.responseType, '1.3.6.1.5.5.7.48.1.1')
})

test('check 33: every form of base64 in a GET path gives the bytes of the POST', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
      const base64 = btoa(String.fromCharCode(...bytes))
      const bare = base64.replace(/=+$/, '')
      const forms = [
        base64,
        `/${base64}`,
        encodeURIComponent(base64),
        base64.replace(/\//g, '%2F').replace(/=/g, '%3D'),
        base64.replace(/\//g, '%2f'),
        bare,
        bare.replace(/\+/g, '-').replace(/\//g, '_'),
        base64.replace(/\+/g, '%20'),
      ]
      // A path may start with the slash of the address or with one of the alphabet: only escaped it is certain.
      const certain = base64.startsWith('/') ? forms.slice(1).filter((form) => !form.startsWith('/')) : forms
      return certain.every((form) => equal(decodeOcspGetPath(form), bytes))
    }),
  )
  t.pass()
})

const equal = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i])

test('attack: a GET path that is no base64, or too long, is refused before it is parsed', (t) => {
  for (const path of ['', '/', 'a', '%', '%E0%A4%A', 'ab?c', 'ab=c', '印', 'AA%00A'])
    t.throws(() => decodeOcspGetPath(path), { code: 'INPUT_MALFORMED' }, path)
  t.throws(() => decodeOcspGetPath('A'.repeat(9000)), { code: 'INPUT_TOO_LARGE' })
})

test('fuzz: changed requests and responses give a typed error and nothing else', (t) => {
  const nonce = new Uint8Array(16).fill(8)
  const requests = [withNonce(nonce), encodeOcspRequestOf([certId(1n), certId(2n)])]
  const responses = [response(nonce), response(), encodeOcspError('tryLater')]
  t.notThrows(() => {
    fc.assert(
      fc.property(mutationsOf(requests), (bytes) =>
        PARSER_CODES.includes(verdictOf(() => parseOcspRequest(bytes))),
      ),
      { numRuns: 2000 },
    )
    fc.assert(
      fc.property(mutationsOf(responses), (bytes) =>
        PARSER_CODES.includes(verdictOf(() => parseOcspResponse(bytes))),
      ),
      { numRuns: 2000 },
    )
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (path) =>
        PARSER_CODES.includes(verdictOf(() => decodeOcspGetPath(path))),
      ),
    )
  })
})

const absent = (t: ExecutionContext, count: number): void => {
  skipNote(t, count, 'corpora are absent')
  t.pass()
}

test('corpus: BoringSSL responses say what their label says', (t) => {
  const cases = loadCases('boringssl-pki')?.filter(({ kind }) => kind === 'ocsp')
  if (!cases) return absent(t, 18)
  for (const one of cases) {
    const bundle = readCorpusFile('boringssl-pki', String(one.files?.['bundle']))
    const [request] = pemBlocks(bundle, 'OCSP REQUEST')
    if (request) t.is(parseOcspRequest(request).certIds.length, 1, one.id)
    const [der] = pemBlocks(bundle, 'OCSP RESPONSE')
    const parse = (): ReturnType<typeof parseOcspResponse> => parseOcspResponse(der ?? new Uint8Array(0))
    if (one['verifyResult'] === 'PARSE_RESPONSE_ERROR') {
      t.not(verdictOf(parse), 'parsed', one.id)
      continue
    }
    const kinds = parse().basic?.responses.map(({ status }) => status.kind)
    const label = { GOOD: 'good', REVOKED: 'revoked', UNKNOWN: undefined }[String(one.expected)]
    if (label) t.true(kinds?.includes(label as 'good' | 'revoked'), one.id)
  }
})

test('corpus: OpenSSL and field responses are read', (t) => {
  const openssl = loadCases('openssl')?.filter(({ kind }) => kind === 'ocsp')
  if (!openssl) return absent(t, 30)
  for (const one of openssl) {
    const text = new TextDecoder().decode(readCorpusFile('openssl', String(one.files?.['response'])))
    const der = Uint8Array.from(atob(text.replace(/\s/g, '')), (c) => c.charCodeAt(0))
    t.is(parseOcspResponse(der).status, 'successful', one.id)
  }
  const peru = parseOcspResponse(readCorpusFile('cms-tsp', 'ocsp/peru_ocsp.bin'))
  t.is(peru.basic?.responses[0]?.status.kind, 'good')
})

test('corpus: fuzz files end in a typed answer', (t) => {
  const cases = loadCases('fuzz')?.filter(({ files }) => /^ocsp/.test(String(files?.['input'])))
  if (!cases) return absent(t, 19)
  t.log(`${cases.length} files`)
  for (const one of cases) {
    const bytes = readCorpusFile('fuzz', String(one.files?.['input']))
    t.true(PARSER_CODES.includes(verdictOf(() => parseOcspResponse(bytes))), one.id)
    t.true(PARSER_CODES.includes(verdictOf(() => parseOcspRequest(bytes))), one.id)
  }
})
