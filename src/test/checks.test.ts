/** Every check of the house's list has a test that names it: `check NN: …` at the beginning of its title. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'

const root = join(import.meta.dirname, '../..')

/** Checks of issuance, keys, crashes, CRL, OCSP, post-issue and log. */
const CHECKS = Array.from({ length: 45 }, (_, at) => at + 1)

/** Checks that do not apply here, and why. */
const NOT_APPLICABLE: Readonly<Record<number, string>> = {}

async function numbersNamed(): Promise<Map<number, number>> {
  const named = new Map<number, number>()
  for (const folder of ['ca', 'src', 'policies']) {
    for (const file of await readdir(join(root, folder), { recursive: true })) {
      if (!file.endsWith('.test.ts')) continue
      const text = await readFile(join(root, folder, file), 'utf8')
      for (const [, list = ''] of text.matchAll(/test(?:\.serial)?\(\s*['`]check ((?:\d+)(?:, \d+)*):/g))
        for (const number of list.split(', ')) named.set(Number(number), (named.get(Number(number)) ?? 0) + 1)
    }
  }
  return named
}

test('each check from 1 to 45 has a test that begins with its number', async (t) => {
  const named = await numbersNamed()
  const missing = CHECKS.filter((number) => !named.has(number) && NOT_APPLICABLE[number] === undefined)
  t.deepEqual(missing, [])
  const needless = CHECKS.filter((number) => named.has(number) && NOT_APPLICABLE[number] !== undefined)
  t.deepEqual(needless, [], 'said not to apply, and tested')
})
