// Every PDF of the corpora through prepare, openssl and finish, then judged by pdfsig and qpdf.
import test, { type ExecutionContext } from 'ava'

import { isCoded } from '../../../ca/errors.ts'
import { loadCases, readCorpusFile, skipNote, type CorpusCase } from '../../test/corpora.ts'
import { requireTool } from '../../test/judges.ts'
import { openPdf } from '../pdf/document.ts'
import { countPages } from '../pdf/page-tree.ts'
import { listSignatures } from '../pdf/signatures.ts'
import {
  createTestSigner,
  pdfsigVerdicts,
  qpdfStatus,
  signPdf,
  type TestSigner,
} from '../../test/pades-signer.ts'

/** Cases that end otherwise than their label says, with the reason. */
const EXCEPTIONS: Record<string, string> = {
  'files/pdfjs__saslprep-r6.pdf':
    'labelled "must refuse" because qpdf does not apply SASLprep; with the password given, ISO 32000-2, 7.6.4.3.3 opens it',
  'files/pdfjs__xfa_issue14315.pdf': 'labelled "should sign or refuse": a dynamic XFA form, PDF_XFA_DYNAMIC',
  'pdf/embedded-encrypted-nocf.pdf':
    'labelled with the passwords of its siblings, which qpdf does not accept either; without a password it is signed',
}

/** The exit status of `qpdf --check` on the original, as the corpus records it. */
const QPDF: Record<string, number> = { ok: 0, warn: 3, error: 2 }

/** Encryption for certificates: read by nobody here, refused by name. */
const PUBLIC_KEY = /pubkey/

type Outcome = { readonly code?: string; readonly faults: readonly string[]; readonly isMended?: boolean }

async function signAndJudge(
  signer: TestSigner,
  original: Uint8Array,
  password: string | undefined,
  known: { readonly qpdf?: number; readonly pdfsig?: boolean } = {},
): Promise<Outcome> {
  const options = password === undefined ? {} : { password }
  const signed = await signPdf(signer, original, options).catch((error: unknown) => {
    if (isCoded(error)) return error.code
    throw error
  })
  if (typeof signed === 'string') return { code: signed, faults: [] }
  const { bytes, prepared } = signed
  const doc = openPdf(bytes, options)
  const own = listSignatures(doc).find(({ fieldName }) => fieldName === prepared.fieldName)
  const base = prepared.state.base
  const faults: string[] = []
  const expect = (isRight: boolean | undefined, fault: string): void => {
    if (!isRight) faults.push(fault)
  }
  expect(own?.problems.length === 0, `problems: ${own?.problems.join()}`)
  expect(own?.coversWholeFile, 'does not cover the file')
  expect(prepared.isMended || base === original, 'another base')
  expect(Buffer.compare(bytes.subarray(0, base.length), base) === 0, 'the prefix changed')
  expect(countPages(doc) === countPages(openPdf(base, options)), 'another number of pages')
  const before = known.qpdf ?? (await qpdfStatus(signer, original, password))
  expect((await qpdfStatus(signer, bytes, password)) <= before, 'qpdf')
  if (known.pdfsig !== false) {
    const verdict = (await pdfsigVerdicts(signer, bytes, password)).at(-1) ?? ''
    expect(verdict.includes('Signature is Valid') && verdict.includes('Total document signed'), 'pdfsig')
  }
  return { faults, isMended: prepared.isMended }
}

/** The judges are processes of their own: some cases wait for theirs while others are signed. */
async function forEachAtOnce<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values()
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item)
  }
  await Promise.all([worker(), worker(), worker()])
}

function hasTools(t: ExecutionContext): boolean {
  return ['openssl', 'qpdf', 'pdfsig'].every((tool) => requireTool(t, tool))
}

test('corpus pdfs: what must be signed is signed, what must be refused is refused', async (t) => {
  const cases = loadCases('pdfs')
  if (!cases) return skipNote(t, 165, 'the corpora are absent')
  if (!hasTools(t)) return
  const signer = await createTestSigner()
  const counts: Record<string, number> = {}
  await forEachAtOnce(cases, async (item) => {
    const label = String(item.expected).slice(0, 11).trim()
    const password = item['password'] === undefined ? undefined : String(item['password'])
    const known = { qpdf: QPDF[String(item['qpdf'])] ?? 0, pdfsig: !item.id.includes('saslprep') }
    const outcome = await signAndJudge(signer, readCorpusFile('pdfs', pathOf(item)), password, known)
    const result = outcome.code === undefined ? (outcome.isMended ? 'mended' : 'signed') : 'refused'
    counts[`${label}: ${result}`] = (counts[`${label}: ${result}`] ?? 0) + 1
    t.deepEqual(outcome.faults, [], item.id)
    if (EXCEPTIONS[item.id] !== undefined) return
    if (label.startsWith('must sign')) t.is(result, 'signed', `${item.id}: ${outcome.code}`)
    if (label.startsWith('must refus')) t.is(outcome.code, 'PDF_ENCRYPTED', item.id)
    if (label.startsWith('should sign')) t.not(result, 'refused', `${item.id}: ${outcome.code}`)
  })
  t.deepEqual(counts, {
    'must sign;: signed': 106,
    'should sign: signed': 34,
    'should sign: mended': 11,
    'should sign: refused': 1,
    'may refuse;: signed': 2,
    'may refuse;: mended': 1,
    'may refuse;: refused': 5,
    'must refuse: refused': 4,
    'must refuse: signed': 1,
  })
})

test('corpus pyhanko: odd structures and files that are signed already', async (t) => {
  const cases = loadCases('pyhanko')
  if (!cases) return skipNote(t, 52, 'the corpora are absent')
  if (!hasTools(t)) return
  const signer = await createTestSigner()
  const counts: Record<string, number> = {}
  await forEachAtOnce(cases, async (item) => {
    const password = item['encrypted'] === true ? 'usersecret' : undefined
    const original = readCorpusFile('pyhanko', pathOf(item))
    const outcome = await signAndJudge(signer, original, password)
    const result = outcome.code ?? 'signed'
    counts[`${item.kind}: ${result}`] = (counts[`${item.kind}: ${result}`] ?? 0) + 1
    t.deepEqual(outcome.faults, [], item.id)
    t.is(result === 'PDF_ENCRYPTION_UNSUPPORTED', PUBLIC_KEY.test(item.id), item.id)
  })
  t.deepEqual(counts, {
    'structure: signed': 22,
    'structure: PDF_ENCRYPTED': 1,
    'structure: PDF_MALFORMED': 1,
    'structure: PDF_ENCRYPTION_UNSUPPORTED': 9,
    'signed: signed': 19,
  })
  const attachmentsOnly = readCorpusFile('pyhanko', 'pdf/embedded-encrypted-nocf.pdf')
  t.deepEqual((await signAndJudge(signer, attachmentsOnly, undefined)).faults, [])
})

/** File → problem keys, for those whose structure is not sound. */
const DSS_PROBLEMS: Record<string, string> = {
  'pades-spoofing-replaced-reason.pdf': 'contents-elsewhere orphan',
  'pdf-spoofing-attack.pdf': 'contents-elsewhere orphan',
  'signature-referenced-from-multiple-fields.pdf':
    'value-shared,contents-shared value-shared,contents-shared',
  'siwa.pdf': 'byte-range-gap',
  'DSS-2601.pdf': 'dictionary-not-indirect',
}

test('corpora dss and pyhanko: structural problems are found, and only where there are some', (t) => {
  const dss = loadCases('dss')?.filter((item) => item['format'] === 'PAdES')
  const pyhanko = loadCases('pyhanko')
  if (!dss || !pyhanko) return skipNote(t, 105, 'the corpora are absent')
  const problemsOf = (corpus: string, item: CorpusCase, role: string): string =>
    listSignatures(openPdf(readCorpusFile(corpus, pathOf(item, role))))
      .flatMap(({ problems }) => (problems.length > 0 ? [problems.join()] : []))
      .join(' ')
  const unreadable: string[] = []
  for (const item of dss) {
    const name = pathOf(item, 'signed').split('/').at(-1) as string
    try {
      t.is(problemsOf('dss', item, 'signed'), DSS_PROBLEMS[name] ?? '', name)
    } catch (error) {
      t.true(isCoded(error, 'PDF_MALFORMED'), name)
      unreadable.push(name)
    }
  }
  t.deepEqual([...new Set(unreadable)], ['pdf-signed-corrupted.pdf'])
  for (const item of pyhanko.filter(({ kind }) => kind === 'signed')) {
    const name = item.id.split('/').at(-1) as string
    const anomalies: Record<string, string> = {
      'one-byterange.pdf': 'byte-range-malformed',
      'tail-uncovered.pdf': 'byte-range-end',
      'weird-byterange.pdf': 'byte-range-gap,byte-range-end',
    }
    t.is(problemsOf('pyhanko', item, 'pdf'), anomalies[name] ?? '', name)
  }
  return undefined
})

function pathOf(item: CorpusCase, role = 'pdf'): string {
  const path = item.files?.[role]
  if (typeof path !== 'string') throw new Error(`${item.id} has no file ${role}`)
  return path
}
