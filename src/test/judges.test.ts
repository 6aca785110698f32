import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import test from 'ava'

import { loadCases, readCorpusFile, skipNote } from './corpora.ts'
import { findTool, javaVerdicts, requireJavaJudge, requireTool, run } from './judges.ts'

/** A PDF of one empty page, without signatures. */
function unsignedPdf(): string {
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>',
  ]
  let pdf = '%PDF-1.7\n'
  const offsets = objects.map((object, index) => {
    const offset = pdf.length
    pdf += `${index + 1} 0 obj\n${object}\nendobj\n`
    return offset
  })
  const rows = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')
  const size = objects.length + 1
  return `${pdf}xref\n0 ${size}\n0000000000 65535 f \n${rows}trailer\n<< /Size ${size} /Root 1 0 R >>\nstartxref\n${pdf.length}\n%%EOF\n`
}

test('run hands over input and gives back status and output', async (t) => {
  const program = 'process.stdin.pipe(process.stdout); process.stderr.write("e"); process.exitCode = 3'
  const result = await run(process.execPath, ['-e', program], { input: '印信' })
  t.deepEqual(result, { status: 3, stdout: '印信', stderr: 'e' })
})

test('run ends a judge that hangs', async (t) => {
  const result = await run(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { timeoutMs: 500 })
  t.is(result.status, -1)
})

test('a missing tool is a logged skip, and a failure where CI is set', (t) => {
  t.is(findTool('no-such-judge'), undefined)
  const said: string[] = []
  const note =
    (kind: string) =>
    (text = '') =>
      void said.push(`${kind} ${text}`.trim())
  const judged = { log: note('log'), pass: note('pass'), fail: note('fail') }
  const before = process.env['CI']
  try {
    process.env['CI'] = ''
    t.false(requireTool(judged, 'no-such-judge'))
    process.env['CI'] = 'true'
    t.false(requireTool(judged, 'no-such-judge'))
  } finally {
    if (before === undefined) delete process.env['CI']
    else process.env['CI'] = before
  }
  t.deepEqual(said, [
    'log skipped: no-such-judge is not installed',
    'pass',
    'fail no-such-judge is not installed, and CI is set',
  ])
})

test('PDFBox finds no signature in an unsigned PDF, and says so of a file that is none', async (t) => {
  if (!requireJavaJudge(t)) return
  const folder = await mkdtemp(join(tmpdir(), 'java-judge-'))
  try {
    await writeFile(join(folder, 'unsigned.pdf'), unsignedPdf())
    t.deepEqual(await javaVerdicts(join(folder, 'unsigned.pdf')), [])
    await writeFile(join(folder, 'text.pdf'), 'no PDF')
    await t.throwsAsync(javaVerdicts(join(folder, 'text.pdf')), { message: /^VerifyPdf ended with status 1/ })
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('PDFBox and BouncyCastle accept signatures of other software and refuse a change after signing', async (t) => {
  if (!requireJavaJudge(t)) return
  const path = loadCases('dss')?.find(({ id }) => id.includes('DSS-3567.pdf'))?.files?.['signed']
  if (typeof path !== 'string') {
    skipNote(t, 1, 'no corpora')
    t.pass()
    return
  }
  const folder = await mkdtemp(join(tmpdir(), 'java-judge-'))
  try {
    const bytes = readCorpusFile('dss', path)
    await writeFile(join(folder, 'intact.pdf'), bytes)
    const [intact] = await javaVerdicts(join(folder, 'intact.pdf'))
    t.like(intact, { valid: true, digestMatches: true, coversWholeFile: true, attributesInOrder: true })

    // A comment in the second line: no reader's view of the file changes, only its digest.
    bytes[bytes.indexOf(0x25, 1) + 1]! ^= 1
    await writeFile(join(folder, 'changed.pdf'), bytes)
    const [changed] = await javaVerdicts(join(folder, 'changed.pdf'))
    t.like(changed, { valid: false, digestMatches: false, coversWholeFile: true })
  } finally {
    await rm(folder, { recursive: true })
  }
})
