// Every case of the third-party corpora is right, or named in exceptions.json with its reason. Fuzzing corpora too.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import test from 'ava'

import { corporaDir, skipNote } from '../corpora.ts'
import { type Exceptions, openCorpus } from './cases.ts'
import { CORPORA, runCorpus, summarise } from './suites.ts'

const exceptions = JSON.parse(
  readFileSync(join(import.meta.dirname, 'exceptions.json'), 'utf8'),
) as Exceptions

/** Fewer right cases than this means that a run has lost its cases, not that it is right. */
const atLeast: Readonly<Record<string, number>> = {
  pkits: 126,
  'boringssl-pki': 200,
  limbo: 42,
  openssl: 80,
  wycheproof: 4300,
  'cms-tsp': 14,
  dss: 70,
  pyhanko: 52,
  fuzz: 1491,
}

for (const name of CORPORA)
  test(`corpus ${name}: no case is wrong`, (t) => {
    const dir = corporaDir()
    const corpus = dir === undefined ? undefined : openCorpus(dir, name)
    if (!corpus) {
      skipNote(t, atLeast[name] ?? 0, 'the corpora are absent')
      t.pass()
      return
    }
    const outcomes = runCorpus(corpus, exceptions)
    const { right, named, skipped } = summarise(name, outcomes)
    t.log(`${right} right, ${named} named, ${skipped} skipped`)
    t.deepEqual(
      outcomes.filter(({ kind }) => kind === 'wrong'),
      [],
    )
    t.true(right >= (atLeast[name] ?? 0))
  })

test('every exception names a case that is still there and still differs', (t) => {
  const dir = corporaDir()
  if (dir === undefined) {
    skipNote(t, 1, 'the corpora are absent')
    t.pass()
    return
  }
  for (const [name, named] of Object.entries(exceptions)) {
    const corpus = openCorpus(dir, name)
    if (!corpus) continue
    const differing = runCorpus(corpus, { [name]: {} }).filter(({ kind }) => kind === 'wrong')
    for (const key of Object.keys(named)) {
      const matches = (id: string): boolean =>
        key.endsWith('*') ? id.startsWith(key.slice(0, -1)) : id === key
      t.true(
        differing.some(({ id }) => matches(id)),
        `${name} ${key}`,
      )
    }
  }
})
