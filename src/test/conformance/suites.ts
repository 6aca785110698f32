// Which run answers which cases, and the comparison with what the corpus expects.
import { sayCrl, sayOcsp, sayParse, sayPath, saySignedData } from './boringssl.ts'
import {
  type Corpus,
  type CorpusCase,
  type Exceptions,
  type Outcome,
  type Said,
  type Summary,
} from './cases.ts'
import { expectedOfPyhanko, sayCmsTsp, sayDss, sayPyhanko, sayStructure } from './documents.ts'
import { sayFuzz } from './fuzz.ts'
import { sayLimbo } from './limbo.ts'
import { sayOcspResponse, sayVerify } from './openssl.ts'
import { sayPkits } from './pkits.ts'
import { sayVectors } from './wycheproof.ts'

/** What was said against what is expected, before exceptions. */
export type Answer = { readonly id: string; readonly expected: string; readonly said: Said | undefined }

type Say = (corpus: Corpus, entry: CorpusCase) => Said | undefined

const expectedOf = (entry: CorpusCase): string => {
  const { expected } = entry
  if (Array.isArray(expected)) return expected.join()
  return typeof expected === 'string' ? expected : 'no-crash'
}

/** Like `one`, with an expectation that the label only says in words. */
const against =
  (say: Say, expect: (entry: CorpusCase) => string) =>
  (corpus: Corpus, entry: CorpusCase): Answer[] => [
    { id: entry.id, expected: expect(entry), said: say(corpus, entry) },
  ]

/** A case that only asks for survival is right when an answer comes at all. */
const one =
  (say: Say) =>
  (corpus: Corpus, entry: CorpusCase): Answer[] => {
    const said = say(corpus, entry)
    const expected = expectedOf(entry)
    return [
      {
        id: entry.id,
        expected,
        said: expected === 'no-crash' && said ? { ...said, verdict: 'no-crash' } : said,
      },
    ]
  }

const vectors = (corpus: Corpus, entry: CorpusCase): Answer[] => {
  const list = sayVectors(corpus, entry)
  if (!list) return [{ id: entry.id, expected: 'valid', said: undefined }]
  return list.map(({ id, expected, ...said }) => ({
    id,
    expected: expected === 'acceptable' ? said.verdict : expected,
    said,
  }))
}

/** Corpus name → kind of case (`*`: any) → run. A kind that is not listed is skipped. */
const suites: Readonly<
  Record<string, Readonly<Record<string, (corpus: Corpus, entry: CorpusCase) => Answer[]>>>
> = {
  pkits: { '': one(sayPkits) },
  'boringssl-pki': {
    path: one(sayPath),
    parse: one(sayParse),
    crl: one(sayCrl),
    ocsp: one(sayOcsp),
    'signed-data': one(saySignedData),
  },
  limbo: { '': one(sayLimbo) },
  openssl: { verify: one(sayVerify), ocsp: one(sayOcspResponse) },
  wycheproof: { '': vectors },
  'cms-tsp': {
    crl: against(sayCmsTsp, () => 'right'),
    ocsp: against(sayCmsTsp, () => 'right'),
    timestamp: against(sayCmsTsp, () => 'right'),
  },
  // An independent check could not decide the ones marked so: the label of the source stands.
  dss: { validation: against(sayDss, (entry) => expectedOf(entry).replace('-dss-only', '')) },
  pyhanko: {
    signed: against(sayPyhanko, expectedOfPyhanko),
    structure: against(sayStructure, () => 'no-crash'),
  },
  fuzz: { '*': against(sayFuzz, () => 'no-crash') },
}

/** Names of the corpora that this program answers. */
export const CORPORA: readonly string[] = Object.keys(suites)

/** Every case of a corpus, judged. */
export function runCorpus(corpus: Corpus, exceptions: Exceptions): Outcome[] {
  const kinds = suites[corpus.name] ?? {}
  const named = exceptions[corpus.name] ?? {}
  return corpus.cases.flatMap((entry) => {
    const run = kinds[entry.kind ?? ''] ?? kinds['*']
    if (!run) return [skipped(entry.id)]
    return answersOf(run, corpus, entry).map((answer) => judge(answer, named))
  })
}

/** A defect in one case must not hide the others. */
function answersOf(
  run: (corpus: Corpus, entry: CorpusCase) => Answer[],
  corpus: Corpus,
  entry: CorpusCase,
): Answer[] {
  try {
    return run(corpus, entry)
  } catch (error) {
    return [{ id: entry.id, expected: expectedOf(entry), said: { verdict: 'crash', why: String(error) } }]
  }
}

const skipped = (id: string): Outcome => ({
  id,
  kind: 'skipped',
  expected: '',
  said: '',
  why: 'not asked of this product',
})

function judge({ id, expected, said }: Answer, named: Readonly<Record<string, string>>): Outcome {
  if (!said) return skipped(id)
  const base = { id, expected, said: said.verdict, why: said.why ?? '' }
  if (said.verdict === expected) return { ...base, kind: 'right' }
  const reason = named[id] ?? familyReason(id, named)
  return reason === undefined ? { ...base, kind: 'wrong' } : { ...base, kind: 'named', why: reason }
}

/** An exception may name a family with `*` at its end. */
function familyReason(id: string, named: Readonly<Record<string, string>>): string | undefined {
  return Object.entries(named).find(([key]) => key.endsWith('*') && id.startsWith(key.slice(0, -1)))?.[1]
}

/** Counts of one corpus. */
export function summarise(corpus: string, outcomes: readonly Outcome[]): Summary {
  const count = (kind: Outcome['kind']): number => outcomes.filter((outcome) => outcome.kind === kind).length
  return {
    corpus,
    right: count('right'),
    wrong: count('wrong'),
    named: count('named'),
    skipped: count('skipped'),
  }
}
