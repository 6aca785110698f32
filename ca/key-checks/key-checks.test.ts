import { createECDH, generateKeyPairSync, randomBytes } from 'node:crypto'

import test from 'ava'
import fc from 'fast-check'

import { CURVES, type PublicKeyInfo, parseSpki } from '../algorithms/keys.ts'
import { bitString, concat, integer, nullValue, oid, sequence } from '../asn1/writer.ts'
import { CodedError } from '../errors.ts'
import { integerSquareRoot, isFermatFactorable } from './fermat.ts'
import { checkPublicKey } from './index.ts'
import { hasRocaFingerprint } from './roca.ts'

const spki = (pair: { publicKey: { export(o: object): unknown } }): Uint8Array =>
  new Uint8Array(pair.publicKey.export({ type: 'spki', format: 'der' }) as Buffer)

const rsaSpki = (modulus: bigint, exponent = 65537n): Uint8Array =>
  sequence(
    sequence(oid('1.2.840.113549.1.1.1'), nullValue()),
    bitString(sequence(integer(modulus), integer(exponent))),
  )

const ecSpki = (point: Uint8Array, curve = '1.2.840.10045.3.1.7'): Uint8Array =>
  sequence(sequence(oid('1.2.840.10045.2.1'), oid(curve)), bitString(point))

const edSpki = (octets: Uint8Array): Uint8Array => sequence(sequence(oid('1.3.101.112')), bitString(octets))

const ruleOf = (der: Uint8Array): string => {
  try {
    return checkPublicKey(parseSpki(der)).name
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    return `${error.code}: ${error.message}`
  }
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const good = parseSpki(spki(rsa)) as PublicKeyInfo & { rsa: { modulus: bigint } }
const modulus = good.rsa.modulus

const random = (bits: number): bigint =>
  BigInt(`0x${randomBytes(bits / 8).toString('hex')}`) | (1n << BigInt(bits - 1)) | 1n

test('keys of every row are accepted', (t) => {
  t.is(ruleOf(spki(rsa)), 'RSA-2048')
  t.is(ruleOf(spki(generateKeyPairSync('rsa', { modulusLength: 3072 }))), 'RSA-3072')
  t.is(ruleOf(spki(generateKeyPairSync('ec', { namedCurve: 'P-256' }))), 'P-256')
  t.is(ruleOf(spki(generateKeyPairSync('ec', { namedCurve: 'P-384' }))), 'P-384')
  for (let i = 0; i < 20; i++) t.is(ruleOf(spki(generateKeyPairSync('ed25519'))), 'Ed25519')
})

test('check 12: RSA sizes outside 2048 to 8192 or no whole octets', (t) => {
  t.regex(ruleOf(spki(generateKeyPairSync('rsa', { modulusLength: 1024 }))), /^KEY_WEAK: .*1024 bits/)
  t.regex(ruleOf(rsaSpki(random(16_384))), /^KEY_WEAK: .*at most 8192/)
  t.regex(ruleOf(rsaSpki(modulus >> 1n)), /^KEY_WEAK/)
  t.regex(ruleOf(rsaSpki((modulus >> 3n) | (1n << 2052n))), /^KEY_WEAK: .*whole number of octets/)
  t.regex(ruleOf(rsaSpki(-modulus)), /^KEY_WEAK/)
  t.regex(ruleOf(rsaSpki(0n)), /^KEY_WEAK/)
})

test('check 12: RSA exponents other than 65537', (t) => {
  for (const exponent of [0n, 1n, 2n, 3n, 17n, 65536n, 65539n, -65537n, 1n << 300n])
    t.regex(ruleOf(rsaSpki(modulus, exponent)), /^KEY_WEAK: .*exponent/)
})

test('check 12: RSA modulus with a small prime factor', (t) => {
  for (const prime of [2n, 3n, 127n, 751n]) {
    const raised = modulus - (modulus % prime)
    t.regex(ruleOf(rsaSpki(raised)), /^KEY_WEAK: .*factor below 752/, String(prime))
  }
})

test('check 12: ROCA fingerprint', (t) => {
  // A number of the form k·M + 65537^a mod M, as the faulty generator makes them; M is the product of the first 39 primes.
  const primes = [...Array(168).keys()].filter(
    (n) => n > 1 && !Array.from({ length: n }, (_, d) => d).some((d) => d > 1 && n % d === 0),
  )
  t.is(primes.length, 39)
  const m = primes.reduce((product, prime) => product * BigInt(prime), 1n)
  let residue = 1n
  for (let i = 0; i < 12_345; i++) residue = (residue * 65537n) % m
  const faulty = (random(2048) / m) * m + residue
  t.true(hasRocaFingerprint(faulty))
  t.regex(ruleOf(rsaSpki(faulty)), /^KEY_WEAK: .*(factored|factor below)/)
  t.false(hasRocaFingerprint(modulus))
  t.false(hasRocaFingerprint(faulty + 2n))
})

test('check 12: primes that Fermat factorisation finds', (t) => {
  const p = random(1024) | (3n << 1022n)
  t.true(isFermatFactorable(p * (p + 2n)))
  t.true(isFermatFactorable(p * p))
  t.true(isFermatFactorable(p * (p + (1n << 510n) * 2n)))
  t.false(isFermatFactorable(modulus))
  t.false(isFermatFactorable(p * (p + (1n << 600n))), 'a distance beyond 110 rounds is for other checks')
})

test('check 12: an off-by-one in the rounds is found', (t) => {
  // n = a² − b² with a exactly k steps above the root of n needs k rounds.
  const b = 1n << 517n
  const a = random(1024) | (3n << 1022n)
  const n = (a - b) * (a + b)
  const steps = Number(a - integerSquareRoot(n))
  if (steps <= 5_000) {
    t.true(isFermatFactorable(n, steps))
    t.false(isFermatFactorable(n, steps - 1))
  } else t.fail(`${steps} steps: the numbers of this test are off`)
})

test('integer square roots are exact', (t) => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 1n << 600n }), (value) => {
      const root = integerSquareRoot(value)
      return root * root <= value && (root + 1n) * (root + 1n) > value
    }),
  )
  t.is(integerSquareRoot(0n), 0n)
})

const point = (() => {
  const ecdh = createECDH('prime256v1')
  return new Uint8Array(ecdh.generateKeys())
})()

test('check 13: EC point at infinity', (t) => {
  t.regex(ruleOf(ecSpki(Uint8Array.of(0))), /infinity/)
})

test('check 13: EC point off its curve', (t) => {
  const bent = point.slice()
  bent[64] = (bent[64] ?? 0) ^ 1
  t.regex(ruleOf(ecSpki(bent)), /not on its curve/)
  t.regex(ruleOf(ecSpki(concat(Uint8Array.of(4), new Uint8Array(64)))), /not on its curve/)
})

test('check 13: EC coordinate not below p', (t) => {
  const p = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n
  const x = BigInt(`0x${Buffer.from(point.subarray(1, 33)).toString('hex')}`)
  // x ≡ x + p, which fits 256 bits only for small x; p itself stands for them.
  const high = Buffer.from((x + p < 1n << 256n ? x + p : p).toString(16).padStart(64, '0'), 'hex')
  t.regex(ruleOf(ecSpki(concat(Uint8Array.of(4), high, point.subarray(33)))), /below the prime/)
})

test('check 13: EC point compressed, short, long or on a curve that is not accepted', (t) => {
  t.regex(ruleOf(ecSpki(concat(Uint8Array.of(2), point.subarray(1, 33)))), /uncompressed/)
  t.regex(ruleOf(ecSpki(point.subarray(0, 64))), /wrong length/)
  t.regex(ruleOf(ecSpki(concat(point, Uint8Array.of(0)))), /wrong length/)
  t.regex(ruleOf(ecSpki(new Uint8Array(0))), /uncompressed/)
  for (const curve of CURVES.filter((row) => !['P-256', 'P-384'].includes(row.name)))
    t.regex(ruleOf(ecSpki(point, curve.oid)), /KEY_WEAK: .*is not accepted/, curve.name)
})

test('check 13: Ed25519 keys of small order, off the curve, not canonical', (t) => {
  const p = 2n ** 255n - 19n
  const le = (value: bigint): Uint8Array =>
    new Uint8Array(Buffer.from(value.toString(16).padStart(64, '0'), 'hex').toReversed())
  // y = 0, 1 and −1 have order 4, 1 and 2.
  for (const y of [0n, 1n, p - 1n]) t.regex(ruleOf(edSpki(le(y))), /small order/)
  for (const y of [p, p + 1n]) t.regex(ruleOf(edSpki(le(y))), /below the prime/)
  t.regex(ruleOf(edSpki(le(2n))), /not on its curve/)
  t.regex(ruleOf(edSpki(new Uint8Array(31))), /32 octets/)
})

test('other kinds of keys are refused', (t) => {
  t.regex(ruleOf(spki(generateKeyPairSync('ed448'))), /kind ed448/)
  t.regex(ruleOf(spki(generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 }))), /kind dsa/)
  t.regex(ruleOf(spki(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }))), /PSS/)
})

test('any octets in an EC or Ed25519 key give a coded answer', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 140 }), fc.boolean(), (octets, ed) => {
      const answer = ruleOf(ed ? edSpki(octets) : ecSpki(octets))
      return typeof answer === 'string'
    }),
  )
  t.pass()
})
