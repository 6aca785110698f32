import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'

import test, { type ExecutionContext } from 'ava'

import { isCoded } from '../../../ca/errors.ts'
import { requireTool, run } from '../../test/judges.ts'
import { appendRevision } from './append-revision.ts'
import { decryptAes, encryptAes, rc4 } from './ciphers.ts'
import { findString, getObject, getStreamData, openPdf, resolve, type PdfDocument } from './document.ts'
import { buildDict, buildRef, buildStream, buildTextString, getText, isDict, isStream } from './objects.ts'
import { bytesOf, join, SAMPLE_OBJECTS, sampleTablePdf, textOf } from '../../test/sample-pdf.ts'
import { readPermissions } from './security-handler.ts'

async function encrypt(t: ExecutionContext, args: readonly string[]): Promise<Uint8Array | undefined> {
  if (!requireTool(t, 'qpdf')) return undefined
  const folder = await mkdtemp(joinPath(tmpdir(), 'pdf-'))
  await writeFile(`${folder}/in.pdf`, sampleTablePdf())
  const { status, stderr } = await run('qpdf', ['--allow-weak-crypto', ...args, 'in.pdf', 'out.pdf'], {
    cwd: folder,
  })
  t.is(status, 0, stderr)
  return new Uint8Array(await readFile(`${folder}/out.pdf`))
}

function contentOf(doc: PdfDocument): { title: string | undefined; content: string } {
  const info = resolve(doc, doc.trailer.entries.get('Info'))
  const title = isDict(info) ? findString(doc, info, 'Title') : undefined
  let content = ''
  for (let num = 1; num < doc.size; num++) {
    const object = getObject(doc, buildRef(num))
    if (isStream(object) && !object.dict.entries.has('Type')) content += textOf(getStreamData(doc, object))
  }
  return { title: title && getText(title), content }
}

const KINDS: [string, string[]][] = [
  ['40-bit RC4', ['40']],
  ['128-bit RC4', ['128', '--use-aes=n']],
  ['128-bit RC4, crypt filters', ['128', '--use-aes=n', '--force-V4']],
  ['128-bit AES', ['128', '--use-aes=y']],
  ['256-bit AES, revision 5', ['256', '--force-R5']],
  ['256-bit AES, revision 6', ['256']],
  ['256-bit AES, metadata in clear', ['256', '--cleartext-metadata']],
]

for (const [name, options] of KINDS) {
  test(`${name}: both passwords open it, another does not, and what is appended is encrypted`, async (t) => {
    const bytes = await encrypt(t, ['--encrypt', 'user-pw', 'owner-pw', ...options, '--'])
    if (!bytes) return
    for (const password of ['user-pw', 'owner-pw']) {
      const doc = openPdf(bytes, { password })
      t.is(doc.security?.openedAs, password === 'user-pw' ? 'user' : 'owner')
      t.deepEqual(contentOf(doc), {
        title: 'TEST ONLY',
        content: 'BT /F 12 Tf 20 150 Td (TEST ONLY) Tj ET',
      })
    }
    t.true(
      isCoded(
        t.throws(() => openPdf(bytes)),
        'PDF_ENCRYPTED',
      ),
    )
    t.true(
      isCoded(
        t.throws(() => openPdf(bytes, { password: 'wrong' })),
        'PDF_ENCRYPTED',
      ),
    )
    const doc = openPdf(bytes, { password: 'user-pw' })
    const [text, stream] = [buildRef(doc.size), buildRef(doc.size + 1)]
    const { tail } = appendRevision(doc, [
      { ref: text, object: buildDict({ Secret: buildTextString('hush') }) },
      { ref: stream, object: buildStream(buildDict({}), bytesOf('hush too')) },
    ])
    t.false(textOf(tail).includes('hush'))
    const updated = openPdf(join(bytes, tail), { password: 'user-pw' })
    const dict = getObject(updated, text)
    t.is(isDict(dict) && getText(findString(updated, dict, 'Secret')!), 'hush')
    const read = getObject(updated, stream)
    t.is(isStream(read) && textOf(getStreamData(updated, read)), 'hush too')
  })
}

test('an empty user password needs none, and the permissions are told', async (t) => {
  const bytes = await encrypt(t, ['--encrypt', '', 'owner', '256', '--modify=form', '--extract=n', '--'])
  if (!bytes) return
  const { security } = openPdf(bytes)
  t.is(security?.openedAs, 'user')
  const { fillForms, copy, modify } = readPermissions(security?.permissions ?? 0)
  t.deepEqual({ fillForms, copy, modify }, { fillForms: true, copy: false, modify: false })
})

test('passwords that are not ASCII: PDFDocEncoding, and SASLprep for revision 6', async (t) => {
  const old = await encrypt(t, [
    '--password-mode=unicode',
    '--encrypt',
    'pässwört',
    'o',
    '128',
    '--use-aes=y',
    '--',
  ])
  if (!old) return
  t.notThrows(() => openPdf(old, { password: 'pässwört' }))
  const modern = await encrypt(t, ['--password-mode=unicode', '--encrypt', '印信', 'o', '256', '--'])
  t.notThrows(() => openPdf(modern!, { password: '印信' }))
  // Full-width letters and a soft hyphen are what SASLprep maps away.
  const plain = await encrypt(t, ['--encrypt', 'Yinxin 1', 'o', '256', '--'])
  t.notThrows(() => openPdf(plain!, { password: 'Ｙin\u00adxin\u30001' }))
})

test('encryption for certificates and unknown handlers are refused with a reason', (t) => {
  for (const encryption of [
    '/Filter/Adobe.PubSec/V 4',
    '/Filter/Standard/V 3/R 3',
    '/Filter/Standard/V 5/R 7',
    `/Filter/Standard/V 4/R 4/P -1/O<${'00'.repeat(32)}>/U<${'00'.repeat(32)}>/CF<</A<</CFM/AESV9>>>>/StmF/A`,
  ]) {
    const bytes = sampleTablePdf({ ...SAMPLE_OBJECTS, 7: `<<${encryption}>>` }, '/Encrypt 7 0 R')
    t.true(
      isCoded(
        t.throws(() => openPdf(bytes)),
        'PDF_ENCRYPTION_UNSUPPORTED',
      ),
      encryption,
    )
  }
  for (const encryption of ['/Filter/Standard/V 2/R 3', '/Filter/Standard/V 2/R 3/P -1/O(a)/U(b)']) {
    const bytes = sampleTablePdf({ ...SAMPLE_OBJECTS, 7: `<<${encryption}>>` }, '/Encrypt 7 0 R')
    t.true(
      isCoded(
        t.throws(() => openPdf(bytes)),
        'PDF_MALFORMED',
      ),
      encryption,
    )
  }
})

test('RC4 gives the keystream of RFC 6229', (t) => {
  const key = Uint8Array.of(1, 2, 3, 4, 5)
  t.is(Buffer.from(rc4(key, new Uint8Array(16))).toString('hex'), 'b2396305f03dc027ccc3524a0a1118a8')
})

test('AES: what is encrypted is decrypted; the IV depends on the object and on the text', (t) => {
  const key = new Uint8Array(32).fill(7)
  const one = encryptAes(key, Uint8Array.of(1), bytesOf('text'))
  t.is(textOf(decryptAes(key, one)), 'text')
  t.notDeepEqual(encryptAes(key, Uint8Array.of(2), bytesOf('text')).subarray(0, 16), one.subarray(0, 16))
  t.notDeepEqual(encryptAes(key, Uint8Array.of(1), bytesOf('test')).subarray(0, 16), one.subarray(0, 16))
  t.is(decryptAes(key, new Uint8Array(7)).length, 0)
})
