/** Third-party PDFs through the whole service: signed, time-stamped and verified by our own verifier, or refused by code. */
import test from 'ava'
import { isCoded } from '../../../ca/errors.ts'
import { operatorCaller } from '../../services/tenancy.ts'
import { corporaDir, loadCases, readCorpusFile, skipNote } from '../corpora.ts'
import { startService } from './start.ts'

const SUBJECT = [
  { type: 'C', value: 'CN' },
  { type: 'CN', value: 'TEST ONLY signer' },
]

/** Labels of the corpus, and what becomes of their files. The named exception is explained in src/formats/pades. */
const EXPECTED = {
  'must sign signed': 106,
  'should sign signed': 45,
  'should sign PDF_XFA_DYNAMIC': 1,
  'must refuse PDF_ENCRYPTED': 4,
  'must refuse signed': 1,
  'may refuse PDF_MALFORMED': 5,
  'may refuse signed': 3,
}

test('what is signed verifies TOTAL-PASSED, what cannot be signed is refused by code', async (t) => {
  t.timeout(240_000)
  const cases = corporaDir() === undefined ? undefined : loadCases('pdfs')
  if (!cases) return skipNote(t, 165, 'no corpora')
  const service = await startService('corpus')
  t.teardown(() => service.close())
  const { services } = service.house
  const caller = operatorCaller('test')
  const checked = {
    method: 'test',
    source: 'test',
    result: 'passed',
    operator: 'test',
    materialSha256: [],
  } as const
  const evidence = await services.identityEvidence.add(caller, {
    ...checked,
    subject: SUBJECT,
    checkedAt: services.now(),
  })
  const counts: Record<string, number> = {}
  for (const item of cases) {
    const [file = ''] = Object.values(item.files as Record<string, string>)
    const password = (item as { password?: string }).password
    const label = /^(must|should|may) (sign|refuse)/.exec(String(item.expected))?.[0] ?? 'no label'
    let outcome = 'signed'
    try {
      // A signature that does not verify is SELF_CHECK_FAILED, and would be counted as that.
      await services.signDocument(caller, {
        document: readCorpusFile('pdfs', file),
        mediaType: 'application/pdf',
        format: 'pades',
        signer: { event: { subject: SUBJECT, identityEvidenceId: evidence.id } },
        ...(password === undefined ? {} : { password }),
      })
    } catch (error) {
      if (!isCoded(error)) throw error
      outcome = error.code
    }
    const key = `${label} ${outcome}`
    counts[key] = (counts[key] ?? 0) + 1
  }
  t.deepEqual(counts, EXPECTED)
})
