import test from 'ava'

import { isCoded } from '../../../ca/errors.ts'
import { openPdf } from '../../formats/pdf/document.ts'
import { listSignatures } from '../../formats/pdf/signatures.ts'
import { loadCases, readCorpusFile, skipNote, type CorpusCase } from '../../test/corpora.ts'
import { analyseAllChanges } from './analyse-changes.ts'

/** Verdicts by field name, and the keys of what is forbidden. */
type Verdicts = { readonly verdicts: Record<string, string>; readonly forbidden: string[] }

function analyse(bytes: Uint8Array): Verdicts {
  const doc = openPdf(bytes)
  const signatures = listSignatures(doc).filter(({ kind }) => kind !== 'usage-rights')
  const analyses = analyseAllChanges(doc, signatures)
  const forbidden = analyses.flatMap(({ changes }) => changes.filter((change) => !change.allowed))
  return {
    verdicts: Object.fromEntries(
      signatures.map((item, index) => [item.fieldName ?? '', analyses[index]?.verdict ?? '']),
    ),
    forbidden: [...new Set(forbidden.map((change) => change.detail))],
  }
}

test('pyhanko: every document is judged as its label says', (t) => {
  const cases = loadCases('pyhanko')?.filter((item) => item.kind === 'signed')
  if (cases === undefined) return skipNote(t, 19, 'the corpora are absent')
  for (const item of cases) {
    const label = item.expected as { modificationLevel: string; indication: string }
    const mustFlag = /must be flagged|NOT acceptable/.test(label.indication)
    const { verdicts, forbidden } = analyse(readCorpusFile('pyhanko', item.files?.['pdf'] as string))
    t.is(Object.values(verdicts).includes('forbidden'), mustFlag, `${item.id}: ${forbidden.join(' ')}`)
  }
  t.is(cases.length, 19)
})

/** DSS labels say whether the signature value is intact, not whether the document was changed: these were. */
const CHANGED: Readonly<Record<string, { readonly keys: readonly string[]; readonly reason: string }>> = {
  'PAdES-LT.pdf': {
    keys: ['entry-changed'],
    reason: 'later saves give the name of a form in the default resources of the form to another object',
  },
  'DSS-2821.pdf': {
    keys: ['entry-changed', 'field-entry-not-allowed', 'annotation-added', 'object-unreferenced'],
    reason:
      'the structure tree, the tab order and the structure parents of the page were changed after the timestamp',
  },
  'DSS-3577.pdf': {
    keys: ['field-entry-changed', 'object-redefined'],
    reason: 'a text field was filled in after the signature',
  },
  'test-with-vri.pdf': {
    keys: ['field-entry-changed'],
    reason: 'a text field was changed after the signature',
  },
  'signature-referenced-from-multiple-fields.pdf': {
    keys: ['byte-range-gap-not-contents'],
    reason: 'two fields share one signature',
  },
  'pades-spoofing-replaced-reason.pdf': {
    keys: ['byte-range-gap-not-contents', 'object-redefined'],
    reason: 'attack: the signature dictionary was overwritten',
  },
  'pdf-spoofing-attack.pdf': {
    keys: ['byte-range-gap-not-contents', 'field-removed', 'annotation-removed'],
    reason: 'attack: the field was exchanged',
  },
  'siwa.pdf': {
    keys: ['byte-range-gap-not-contents'],
    reason: 'attack: the gap holds more than the signature',
  },
}

test('dss: intact PAdES documents are unchanged, but for those named', (t) => {
  const cases = loadCases('dss')?.filter((item) => item.id.startsWith('dss-pades/'))
  if (cases === undefined) return skipNote(t, 53, 'the corpora are absent')
  const outcomes = cases.map((item) => {
    const path = findPdf(item)
    const known = CHANGED[path.split('/').at(-1) ?? '']
    try {
      const { forbidden } = analyse(readCorpusFile('dss', path))
      t.deepEqual(
        forbidden.toSorted(),
        [...(known?.keys ?? [])].toSorted(),
        `${item.id} ${known?.reason ?? ''}`,
      )
      return known === undefined ? 'unchanged' : 'named'
    } catch (error) {
      // A file whose cross-reference was destroyed has no signature that could be judged.
      t.true(isCoded(error, 'PDF_MALFORMED') && item.id.includes('pdf-signed-corrupted'), item.id)
      return 'unreadable'
    }
  })
  const count = (outcome: string): number => outcomes.filter((each) => each === outcome).length
  t.log(
    `${count('unchanged')} unchanged, ${count('named')} changed and named, ${count('unreadable')} unreadable`,
  )
  t.is(count('unreadable'), 1)
})

function findPdf(item: CorpusCase): string {
  for (const file of Object.values(item.files ?? {}))
    if (typeof file === 'string' && file.endsWith('.pdf')) return file
  throw new Error(`${item.id} has no PDF`)
}
