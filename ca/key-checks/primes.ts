/** Primes below a bound, ascending. */
export function primesBelow(bound: number): number[] {
  const primes: number[] = []
  for (let candidate = 2; candidate < bound; candidate++)
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate)
  return primes
}
