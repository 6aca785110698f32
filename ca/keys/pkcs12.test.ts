import { createPublicKey, X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import test from 'ava'
import fc from 'fast-check'

import { loadCases, readCorpusFile, skipNote } from '../../src/test/corpora.ts'
import { requireTool, run } from '../../src/test/judges.ts'
import { CodedError } from '../errors.ts'
import { MAX_PKCS12_BYTES, readPkcs12 } from './pkcs12.ts'

const attempt = (bytes: Uint8Array, passphrase: string): string => {
  try {
    readPkcs12(bytes, passphrase)
    return 'done'
  } catch (error) {
    if (error instanceof CodedError) return error.code
    throw error
  }
}

/** A self-signed certificate and its key in a PKCS#12 file made by openssl with these options. */
async function makeFile(
  keyOptions: readonly string[],
  options: readonly string[],
  passphrase = 'TEST ONLY 口令',
): Promise<{ p12: Uint8Array; pem: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'p12-test-'))
  const sh = async (...args: string[]): Promise<void> => {
    const { status, stderr } = await run('openssl', args, { cwd: folder })
    if (status !== 0) throw new Error(stderr)
  }
  try {
    await sh(
      'req',
      '-x509',
      '-nodes',
      ...keyOptions,
      '-keyout',
      'key.pem',
      '-out',
      'cert.pem',
      '-days',
      '1',
      '-subj',
      '/CN=TEST ONLY',
    )
    await sh(
      'pkcs12',
      '-export',
      '-inkey',
      'key.pem',
      '-in',
      'cert.pem',
      '-out',
      'file.p12',
      '-passout',
      `pass:${passphrase}`,
      ...options,
    )
    return {
      p12: new Uint8Array(await readFile(join(folder, 'file.p12'))),
      pem: await readFile(join(folder, 'cert.pem'), 'utf8'),
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
const RSA = ['-newkey', 'rsa:2048']

const VARIANTS: readonly [name: string, key: readonly string[], options: readonly string[]][] = [
  ['RSA, RC2-40 and 3DES (old)', RSA, ['-legacy']],
  ['EC, RC2-40 and 3DES (old)', EC, ['-legacy']],
  ['RSA, 3DES for both', RSA, ['-legacy', '-certpbe', 'PBE-SHA1-3DES', '-keypbe', 'PBE-SHA1-3DES']],
  ['EC, AES-256 with PBKDF2 (new)', EC, []],
  [
    'RSA, AES-128, SHA-512 MAC',
    RSA,
    ['-keypbe', 'AES-128-CBC', '-certpbe', 'AES-128-CBC', '-macalg', 'sha512'],
  ],
  ['EC, certificate in the clear', EC, ['-certpbe', 'NONE']],
]

for (const [name, key, options] of VARIANTS)
  test(`PKCS#12: ${name}`, async (t) => {
    if (!requireTool(t, 'openssl')) return
    const { p12, pem } = await makeFile(key, options, 'TEST ONLY')
    const { privateKey, certificatesDer } = readPkcs12(p12, 'TEST ONLY')
    const certificate = new X509Certificate(pem)
    t.deepEqual(
      certificatesDer.map((der) => Buffer.from(der)),
      [certificate.raw],
    )
    t.true(createPublicKey(privateKey).equals(certificate.publicKey))
    t.is(attempt(p12, 'wrong'), 'KEY_UNAVAILABLE')
    t.is(attempt(p12, ''), 'KEY_UNAVAILABLE')
  })

test('PKCS#12: a passphrase in Chinese', async (t) => {
  if (!requireTool(t, 'openssl')) return
  const { p12 } = await makeFile(EC, [])
  t.is(attempt(p12, 'TEST ONLY 口令'), 'done')
})

test('PKCS#12: an iteration count that would keep us busy is refused before work starts', async (t) => {
  if (!requireTool(t, 'openssl')) return
  for (const options of [
    ['-iter', '1200000', '-nomac'],
    ['-iter', '250000'],
    ['-legacy', '-iter', '250000'],
  ]) {
    const { p12 } = await makeFile(EC, options, 'x')
    // Without a MAC the file is refused for that, and sooner.
    t.is(attempt(p12, 'x'), options.includes('-nomac') ? 'INPUT_MALFORMED' : 'INPUT_TOO_LARGE')
  }
})

test('PKCS#12: RC2-128, which hardly occurs, is refused by name', async (t) => {
  if (!requireTool(t, 'openssl')) return
  const { p12 } = await makeFile(
    EC,
    ['-legacy', '-certpbe', 'PBE-SHA1-RC2-128', '-keypbe', 'PBE-SHA1-RC2-128'],
    'x',
  )
  t.is(attempt(p12, 'x'), 'ALGORITHM_UNSUPPORTED')
})

test('PKCS#12: damaged files and any bytes give a coded answer', async (t) => {
  t.is(attempt(new Uint8Array(MAX_PKCS12_BYTES + 1), 'x'), 'INPUT_TOO_LARGE')
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => attempt(bytes, 'x') !== 'done'))
  if (!requireTool(t, 'openssl')) return
  const { p12 } = await makeFile(EC, ['-legacy', '-iter', '1', '-maciter'], 'x')
  fc.assert(
    fc.property(fc.nat(p12.length - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
      const answer = attempt(p12.with(at, (p12[at] ?? 0) ^ bits), 'x')
      return typeof answer === 'string'
    }),
    { numRuns: 300 },
  )
})

test('corpus: PKCS#12 fuzz inputs give a coded answer', (t) => {
  const cases = loadCases('fuzz')?.filter((one) =>
    ['pkcs12', 'pkcs8', 'privkey', 'asn1'].includes(one.kind ?? ''),
  )
  if (!cases) {
    skipNote(t, 285, 'corpora are absent')
    return t.pass()
  }
  for (const { files } of cases)
    t.is(typeof attempt(readCorpusFile('fuzz', String(files?.['input'])), 'foo'), 'string')
})
