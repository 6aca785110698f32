/** Every command, run as a child: help, JSON, exit status, and what it leaves behind. */
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import sqlite3 from 'sqlite3'
import { commands } from '../../cli/commands.ts'
import { readConfig } from '../../config.ts'
import { openHouse } from '../../main.ts'
import { operatorCaller } from '../../services/tenancy.ts'
import { requireTool, run } from '../judges.ts'
import { sampleTablePdf } from '../sample-pdf.ts'
import { serveChild, yinxin } from './child.ts'
import { makeCsr } from './csr.ts'
import { type CertificateJson, type SignatureJson, subjectOf } from './objects.ts'
import { prepareDataDir } from './start.ts'

const NAME = 'CLI TEST ONLY'
const DN = `C=CN,O=${NAME},CN=${NAME}`

let dataDir: string
let folder: string
let evidenceId: string

test.before(async () => {
  dataDir = await prepareDataDir('cli')
  folder = await mkdtemp(join(tmpdir(), 'yinxin-cli-files-'))
  await writeFile(join(folder, 'a.pdf'), sampleTablePdf())
  const house = await openHouse(readConfig({ YINXIN_LOG: 'silent' }, { dataDir }), { serving: false })
  const entry = await house.services.identityEvidence.add(operatorCaller('test'), {
    subject: subjectOf(NAME),
    method: 'counter',
    source: 'TEST ONLY',
    result: 'passed',
    checkedAt: new Date(Date.now() - 60_000),
    operator: 'tester',
    materialSha256: ['00'.repeat(32)],
  })
  evidenceId = entry.id
  await house.close()
})
test.after.always(async () => {
  await rm(dataDir, { recursive: true, force: true })
  await rm(folder, { recursive: true, force: true })
})

const file = (name: string): string => join(folder, name)

/** Runs a command with `--json` and reads its one object. */
async function json<T>(...words: string[]): Promise<T> {
  const { status, stdout, stderr } = await yinxin(dataDir, [...words, '--json'])
  if (status === 2) throw new Error(`${words.join(' ')}: ${stderr}`)
  return JSON.parse(stdout) as T
}

test('help of the program, and of every command', async (t) => {
  const overview = await yinxin(dataDir, ['--help'])
  t.is(overview.status, 0)
  for (const { name } of commands) t.regex(overview.stdout, new RegExp(`^ {2}${name} `, 'm'))
  const shown = await Promise.all(
    ['sign', 'audit verify'].map((name) => yinxin(dataDir, [...name.split(' '), '--help'])),
  )
  for (const { status, stdout } of shown) {
    t.is(status, 0)
    t.regex(stdout, /--json/)
  }
})

test('what cannot be done ends with 2 and one line, or one object', async (t) => {
  const cases = [
    ['nothing'],
    ['sign'],
    ['sign', 'none.pdf', '--colour'],
    ['verify', file('none.pdf')],
    ['stats', '--from', 'yesterday'],
    ['revoke', '00ff', '--ground', 'holder-request'],
  ]
  for (const words of cases) {
    const { status, stderr } = await yinxin(dataDir, words)
    t.is(status, 2, words.join(' '))
    t.true(stderr.length > 0)
    t.notRegex(stderr, / {4}at /, words.join(' '))
  }
  const { status, stdout, stderr } = await yinxin(dataDir, ['sign', '--json'])
  t.is(status, 2)
  t.is(stdout, '')
  t.is((JSON.parse(stderr) as { error: { code: string } }).error.code, 'REQUEST_INVALID')
})

test.serial('an encrypted file is verified with its password from a file', async (t) => {
  if (!requireTool(t, 'qpdf')) return
  await run('qpdf', ['--encrypt', 'open', 'owner', '256', '--', 'a.pdf', 'locked.pdf'], { cwd: folder })
  await writeFile(file('right'), 'open\n')
  await writeFile(file('wrong'), 'hunter-2\n')
  const answerTo = async (...more: string[]): Promise<string> =>
    (await json<{ answer: { key: string } }>('verify', file('locked.pdf'), ...more)).answer.key
  t.is(await answerTo(), 'DOCUMENT_ENCRYPTED')
  t.is(await answerTo('--password-file', file('wrong')), 'DOCUMENT_PASSWORD_WRONG')
  t.is(await answerTo('--password-file', file('right')), 'NO_SIGNATURE_FOUND')
  const both = await yinxin(dataDir, [
    ...['verify', file('locked.pdf'), '--password', 'open', '--password-file', file('right')],
  ])
  t.is(both.status, 2)
  t.regex(both.stderr, /--password-file/)
})

test.serial('issue, sign, verify here and elsewhere, revoke, keys, stats', async (t) => {
  await writeFile(file('request.csr'), makeCsr(subjectOf(NAME)))
  const more = ['--profile', 'organisation', '--subject', DN, '--evidence', evidenceId]
  const byCsr = await json<CertificateJson>('issue', ...more, '--csr', file('request.csr'))
  const held = await json<CertificateJson>('issue', ...more, '--generate', 'P-256', '--out', file('held.pem'))
  t.is(byCsr.state, 'valid')
  t.is((await readFile(file('held.pem'), 'utf8')).match(/BEGIN CERTIFICATE/g)?.length, 3)

  const certificate = `${held.issuerId}/${held.serialHex}`
  const signed = await json<SignatureJson & { file: string }>(
    ...['sign', file('a.pdf'), '--certificate', certificate, '--rect', '10,10,150,60'],
    ...['--text', '甲方\\nTEST ONLY', '--out', file('signed.pdf')],
  )
  t.is(signed.file, file('signed.pdf'))
  const twice = await json<SignatureJson>(
    ...['sign', file('signed.pdf'), '--subject', DN, '--evidence', evidenceId, '--out', file('twice.pdf')],
  )
  t.not(twice.certificate.serialHex, held.serialHex)
  t.is((await yinxin(dataDir, ['verify', file('twice.pdf')])).status, 0)
  t.is((await yinxin(dataDir, ['verify', file('a.pdf')])).status, 1)

  await writeFile(file('root.pem'), held.chainPem.at(-1) ?? '')
  const nowhere = join(folder, 'no-data')
  const alone = await yinxin(nowhere, [
    'verify',
    file('twice.pdf'),
    '--trust',
    file('root.pem'),
    '--offline',
    '--json',
  ])
  // Without revocation data nothing is proved, and nothing is hidden.
  t.is(alone.status, 1)
  t.is((JSON.parse(alone.stdout) as { indication: string }).indication, 'INDETERMINATE')
  t.deepEqual(await readdir(nowhere).catch(() => []), [])

  const revoked = await json<CertificateJson>('revoke', held.serialHex, '--ground', 'holder-request')
  t.is(revoked.state, 'revoked')
  t.is((await yinxin(dataDir, ['sign', file('a.pdf'), '--certificate', certificate])).status, 2)
  const keys = (await yinxin(dataDir, ['keys', '--json'])).stdout
  t.true(keys.includes(held.keyId ?? '-'))
  const made = await json<{ keyId: string }>('keys', 'generate')
  t.like(await json('keys', 'destroy', made.keyId), { destroyed: true })
  t.true((await json<{ totals: { issued: number } }>('stats')).totals.issued >= 0)
})

test.serial('tenant create and apikey create let a business in', async (t) => {
  t.like(await json('tenant', 'create', 'delta', '--name', 'Delta TEST ONLY'), { id: 'delta' })
  const made = await json<{ key: string }>(
    'apikey',
    'create',
    '--tenant',
    'delta',
    '--roles',
    'signer,operator',
  )
  t.regex(made.key, /^yx_/)
  t.is((await yinxin(dataDir, ['apikey', 'create', '--roles', 'king'])).status, 2)
  const child = await serveChild(dataDir)
  const call = (key: string) =>
    fetch(`${child.address}/v1/keys`, { headers: { Authorization: `Bearer ${key}` } })
  t.is((await call(made.key)).status, 200)
  t.is((await call('yx_wrong')).status, 401)
  t.is(await child.stop(), 0)
})

const execute = (database: string, sql: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const db = new sqlite3.Database(database, (opened) => {
      if (opened) return reject(opened)
      db.run(sql, (error) => db.close(() => (error ? reject(error) : resolve())))
    })
  })

test.serial(
  'backup while serving; restore; an older backup is refused; a changed record is found',
  async (t) => {
    t.timeout(180_000)
    const child = await serveChild(dataDir)
    const early = await json<{ records: number }>('backup', file('early'))
    t.true(early.records > 0)
    await json('keys', 'generate')
    const late = await json<{ records: number; treeSize: number }>('backup', file('late'))
    t.true(late.records > early.records)
    t.is(
      (await yinxin(dataDir, ['backup', file('late')])).status,
      2,
      'a backup is never written over another',
    )
    t.like(await json('audit', 'verify'), { ok: true })
    t.is(await child.stop(), 0)
    t.like(await json('audit', 'verify'), { ok: true })

    const restored = file('restored')
    t.is((await yinxin(restored, ['restore', file('late')])).status, 0)
    await copyFile(join(dataDir, 'secrets', 'passphrase'), file('passphrase'))
    const withPassphrase = { YINXIN_PASSPHRASE_FILE: file('passphrase') }
    const again = await serveChild(restored, withPassphrase)
    t.is((await fetch(`${again.address}/readyz`)).status, 200)
    t.is(await again.stop(), 0)
    t.is((await yinxin(restored, ['audit', 'verify'], withPassphrase)).status, 0)
    t.is((await yinxin(restored, ['restore', file('late')])).status, 2, 'never over what is there')

    const newest = join(dataDir, 'published', 'checkpoint')
    const refused = await yinxin(file('older'), ['restore', file('early'), '--checkpoint', newest, '--json'])
    t.is(refused.status, 2)
    t.regex(refused.stderr, /STORE_OLDER_THAN_CHECKPOINT/)

    await execute(
      join(restored, 'yinxin.sqlite'),
      `UPDATE audit_records SET leaf = CAST(replace(CAST(leaf AS TEXT), 'operator:', 'operator:x') AS BLOB) WHERE seq = 3`,
    )
    const tampered = await yinxin(restored, ['audit', 'verify', '--json'], withPassphrase)
    t.is(tampered.status, 1, tampered.stderr)
    const { ok, firstDifference } = JSON.parse(tampered.stdout) as {
      ok: boolean
      firstDifference: { index: number; kind: string }
    }
    t.false(ok)
    t.is(firstDifference.index, 2)
  },
)

test('ceremony with an offline root: requests out, certificates back', async (t) => {
  const evaluation = join(import.meta.dirname, '../../../policies/ceremony/evaluation.json')
  const ceremony = JSON.parse(await readFile(evaluation, 'utf8')) as { root: object }
  ceremony.root = { ...ceremony.root, offline: true }
  await writeFile(file('ceremony.json'), JSON.stringify({ ...ceremony, $schema: undefined }))
  const [here, root] = [file('online'), file('offline')]
  const asked = await yinxin(here, ['ceremony', file('ceremony.json'), '--json'])
  t.is(asked.status, 0, asked.stderr)
  const { pendingFile, requests } = JSON.parse(asked.stdout) as { pendingFile: string; requests: object[] }
  t.is(requests.length, 1)
  const certified = await yinxin(root, ['ceremony', file('ceremony.json'), '--certify', pendingFile])
  t.is(certified.status, 0, certified.stderr)
  await writeFile(file('certificates.pem'), certified.stdout)
  const finished = await yinxin(here, [
    'ceremony',
    file('ceremony.json'),
    '--finish',
    file('certificates.pem'),
  ])
  t.is(finished.status, 0, finished.stderr)
  t.is((await yinxin(here, ['ceremony', file('ceremony.json')])).status, 2, 'one folder, one CA')
  const child = await serveChild(here)
  t.is((await fetch(`${child.address}/issuers/issuing-1.cer`)).status, 200)
  t.is(await child.stop(), 0)
  t.is((await yinxin(here, ['audit', 'verify'])).status, 0)
})

test('the demonstration does what it says', async (t) => {
  t.timeout(180_000)
  const { status, stdout, stderr } = await yinxin(file('demo-data'), ['demo'], {}, folder)
  t.is(status, 0, stdout.slice(-2000) + stderr)
})
