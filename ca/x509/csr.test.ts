import { type KeyObject, generateKeyPairSync, sign } from 'node:crypto'

import test from 'ava'
import fc from 'fast-check'

import { corporaDir, loadCases, readCorpusFile, skipNote } from '../../src/test/corpora.ts'
import { findTool, run } from '../../src/test/judges.ts'
import { KEY_ALGORITHMS } from '../algorithms/key-algorithms.ts'
import { type SignatureAlgorithm, getSignatureAlgorithm } from '../algorithms/signatures.ts'
import { octetString, sequence } from '../asn1/writer.ts'
import { CodedError } from '../errors.ts'
import { checkPublicKey } from '../key-checks/index.ts'
import { buildCsrInfo, checkProofOfPossession, encodeCsr, parseCsr } from './csr.ts'
import { encodeExtension } from './encode-extensions.ts'
import { encodeName, findAttribute } from './name.ts'

const subject = encodeName([
  { type: 'C', value: 'CN' },
  { type: 'CN', value: 'TEST ONLY 测试' },
])

const pairOf = (name: string): { publicKey: KeyObject; privateKey: KeyObject } =>
  name.startsWith('RSA')
    ? generateKeyPairSync('rsa', { modulusLength: Number(name.slice(4)) })
    : name === 'Ed25519'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: name })

function makeCsr(pair: ReturnType<typeof pairOf>, algorithm: SignatureAlgorithm): Uint8Array {
  const spki = new Uint8Array(pair.publicKey.export({ type: 'spki', format: 'der' }))
  const info = buildCsrInfo(subject, spki, [
    encodeExtension('2.5.29.14', false, octetString(new Uint8Array(20))),
  ])
  const hash = algorithm.hash?.replace('SHA-', 'sha') ?? null
  return encodeCsr(info, algorithm, new Uint8Array(sign(hash, info, pair.privateKey)))
}

const judge = (der: Uint8Array): string => {
  try {
    const csr = parseCsr(der)
    checkProofOfPossession(csr)
    checkPublicKey(csr.key)
    return 'accept'
  } catch (error) {
    if (error instanceof CodedError) return error.code
    throw error
  }
}

const ecPair = pairOf('P-256')
const ecCsr = makeCsr(ecPair, getSignatureAlgorithm('ecdsa-sha256'))

test('requests of every key algorithm are read and proven', async (t) => {
  for (const row of KEY_ALGORITHMS.filter((entry) => entry.name !== 'RSA-4096')) {
    const der = makeCsr(pairOf(row.name), row.signature)
    t.is(judge(der), 'accept', row.name)
    t.is(findAttribute(parseCsr(der).subject, 'CN'), 'TEST ONLY 测试')
    t.deepEqual([...parseCsr(der).requestedExtensions.keys()], ['2.5.29.14'])
    if (findTool('openssl') === undefined) continue
    const { status, stderr } = await run('openssl', ['req', '-inform', 'DER', '-verify', '-noout'], {
      input: der,
    })
    t.is(status, 0, `${row.name}: ${stderr}`)
  }
})

test('check 15: proof of possession with one bit changed anywhere never passes', (t) => {
  let refused = 0
  for (let bit = 0; bit < ecCsr.length * 8; bit += 3) {
    const bent = ecCsr.slice()
    bent[bit >> 3] = (bent[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    if (judge(bent) === 'accept') t.fail(`bit ${bit} changed and accepted`)
    else refused++
  }
  t.true(refused > 500)
})

test('check 15: a request signed with another key', (t) => {
  const spki = new Uint8Array(ecPair.publicKey.export({ type: 'spki', format: 'der' }))
  const info = buildCsrInfo(subject, spki)
  const signature = new Uint8Array(sign('sha256', info, pairOf('P-256').privateKey))
  t.is(judge(encodeCsr(info, getSignatureAlgorithm('ecdsa-sha256'), signature)), 'CSR_PROOF_OF_POSSESSION')
})

test('check 15: a request signed with SHA-1', (t) => {
  t.is(judge(makeCsr(ecPair, getSignatureAlgorithm('ecdsa-sha1'))), 'ALGORITHM_UNSUPPORTED')
  t.is(judge(makeCsr(pairOf('RSA-2048'), getSignatureAlgorithm('rsa-sha1'))), 'ALGORITHM_UNSUPPORTED')
})

test('an extension twice is refused', (t) => {
  const csr = parseCsr(ecCsr)
  const info = buildCsrInfo(subject, csr.key.spkiDer, [
    encodeExtension('2.5.29.14', false, octetString()),
    encodeExtension('2.5.29.14', false, octetString()),
  ])
  const signature = new Uint8Array(sign('sha256', info, ecPair.privateKey))
  t.is(judge(encodeCsr(info, getSignatureAlgorithm('ecdsa-sha256'), signature)), 'INPUT_MALFORMED')
})

test('a request over 16 KiB is refused before it is read', (t) => {
  t.is(judge(new Uint8Array(16_385)), 'INPUT_TOO_LARGE')
})

test('trailing bytes are refused', (t) => {
  t.is(judge(new Uint8Array([...ecCsr, 0])), 'INPUT_MALFORMED')
  t.is(judge(sequence(ecCsr)), 'INPUT_MALFORMED')
})

test('any bytes and any mutation give a coded answer', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => judge(bytes) !== 'accept'))
  fc.assert(
    fc.property(
      fc.nat(ecCsr.length - 1),
      fc.uint8Array({ minLength: 1, maxLength: 8 }),
      fc.nat(8),
      (at, insert, remove) =>
        typeof judge(
          new Uint8Array([...ecCsr.subarray(0, at), ...insert, ...ecCsr.subarray(at + remove)]),
        ) === 'string',
    ),
    { numRuns: 500 },
  )
  t.pass()
})

/** What happens to each request of the corpus, and why where it is not what its label says. */
const EXPECTED: Readonly<Record<string, string>> = {
  'bad_algorithm.der.csr': 'ALGORITHM_UNSUPPORTED',
  'fermat_csr.pem': 'KEY_WEAK',
  'invalid_signature.der.csr': 'CSR_PROOF_OF_POSSESSION',
  'short_key.der.csr': 'KEY_WEAK',
  'x509-req-detect-invalid-version.pem': 'INPUT_MALFORMED',
  // SM2 comes later (design decision 10): until then it is refused by name.
  'sm2-csr.pem': 'ALGORITHM_UNSUPPORTED',
}

const fromPem = (bytes: Uint8Array): Uint8Array => {
  const text = new TextDecoder('latin1').decode(bytes)
  const body = /-----BEGIN [A-Z ]*REQUEST-----([^-]+)-----END/.exec(text)?.[1]
  return body === undefined ? bytes : new Uint8Array(Buffer.from(body, 'base64'))
}

test('corpus: requests', (t) => {
  const cases = loadCases('csr')
  if (!cases) {
    skipNote(t, 17, 'corpora are absent')
    t.pass()
    return
  }
  for (const { id, files } of cases) {
    const answer = judge(fromPem(readCorpusFile('csr', String(files?.['csr']))))
    t.log(id, answer)
    if (EXPECTED[id] !== undefined) t.is(answer, EXPECTED[id], id)
  }
})

test('corpus: fuzz inputs give a coded answer', (t) => {
  const cases = corporaDir() === undefined ? undefined : loadCases('fuzz')
  if (!cases) {
    skipNote(t, 1491, 'corpora are absent')
    t.pass()
    return
  }
  for (const { id, files } of cases)
    t.not(judge(readCorpusFile('fuzz', String(files?.['input']))), 'accept', id)
})
