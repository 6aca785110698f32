import { weak } from './weak.ts'

/** BR §6.1.1.3 asks for 100 rounds; a margin keeps us right if somebody counts from one. */
const FERMAT_ROUNDS = 110

/** Largest integer whose square is not above `value` (Newton). */
export function integerSquareRoot(value: bigint): bigint {
  if (value < 2n) return value
  let guess = 1n << BigInt((value.toString(2).length + 1) >> 1)
  for (;;) {
    const next = (guess + value / guess) >> 1n
    if (next >= guess) return guess
    guess = next
  }
}

/** Squares modulo 64 and 45045 (3²·5·7·11·13): spares a root for all but one in some hundred numbers. */
const SQUARES_64 = new Set(Array.from({ length: 64 }, (_, root) => (root * root) % 64))
const SQUARES_45045 = (() => {
  const squares = new Uint8Array(45_045)
  for (let root = 0; root < 45_045; root++) squares[(root * root) % 45_045] = 1
  return squares
})()

function isSquare(value: bigint): boolean {
  if (!SQUARES_64.has(Number(value & 63n)) || SQUARES_45045[Number(value % 45_045n)] !== 1) return false
  return integerSquareRoot(value) ** 2n === value
}

/** True when the two primes lie so near each other that Fermat's method finds them at once. */
export function isFermatFactorable(modulus: bigint, rounds = FERMAT_ROUNDS): boolean {
  let a = integerSquareRoot(modulus)
  if (a * a === modulus) return true
  a += 1n
  let difference = a * a - modulus
  for (let round = 0; round < rounds; round++) {
    if (isSquare(difference)) return true
    difference += 2n * a + 1n
    a += 1n
  }
  return false
}

/**
 * Refuses a modulus that Fermat factorisation splits.
 *
 * @throws {KEY_WEAK}
 */
export function checkFermat(modulus: bigint): void {
  if (isFermatFactorable(modulus))
    weak('RSA primes lie too near each other (Fermat factorisation)', 'BR §6.1.1.3; CVE-2022-26320')
}
