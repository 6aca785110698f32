/** What an auditor can do with a data folder that holds neither passphrase nor keys, and what nobody makes by mistake. */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { openSequencer } from '../../audit/sequencer.ts'
import { readConfig } from '../../config.ts'
import { composition, openHouse } from '../../main.ts'
import { operatorCaller } from '../../services/tenancy.ts'
import { sampleTablePdf } from '../../test/sample-pdf.ts'
import { prepareDataDir } from '../../test/e2e/start.ts'
import { subjectOf } from '../../test/e2e/objects.ts'
import { commands } from '../commands.ts'
import { runCli } from '../run.ts'

const env = { YINXIN_LOG: 'silent', YINXIN_FETCH: '0' }
const root = join(import.meta.dirname, '../../..')
const NAME = 'Auditor TEST ONLY'

async function cli(
  dataDir: string,
  ...words: string[]
): Promise<{ status: number; out: string; err: string }> {
  let [out, err] = ['', '']
  const streams = {
    out: { write: (text: string) => void (out += text) },
    err: { write: (text: string) => void (err += text) },
  }
  const all = [...words, '--data', dataDir]
  return { status: await runCli(commands, { ...composition, env, root }, all, streams), out, err }
}

/** A data folder with one signed document, all of it in the log; `folder` is an auditor's copy. */
async function auditorsCopy(
  t: ExecutionContext,
): Promise<{ folder: string; signed: string; waiting: number }> {
  const dataDir = await prepareDataDir('auditor')
  const folder = await mkdtemp(join(tmpdir(), 'yinxin-auditor-'))
  t.teardown(() => Promise.all([dataDir, folder].map((one) => rm(one, { recursive: true, force: true }))))
  const house = await openHouse(readConfig(env, { dataDir }), { serving: false })
  const caller = operatorCaller('test')
  const { id } = await house.services.identityEvidence.add(caller, {
    subject: subjectOf(NAME),
    method: 'counter',
    source: 'TEST ONLY',
    result: 'passed',
    checkedAt: new Date(Date.now() - 60_000),
    operator: 'tester',
    materialSha256: ['00'.repeat(32)],
  })
  await house.close()
  const [file, signed] = [join(folder, 'a.pdf'), join(folder, 'signed.pdf')]
  await writeFile(file, sampleTablePdf())
  const dn = `C=CN,O=${NAME},CN=${NAME}`
  const made = await cli(dataDir, 'sign', file, '--subject', dn, '--evidence', id, '--out', signed)
  t.is(made.status, 0, made.err)
  const again = await openHouse(readConfig(env, { dataDir }), { serving: false })
  const sequencer = await openSequencer(again.sequencer)
  await sequencer.tick()
  await again.store.ca.record([{ type: 'log.read', at: new Date(), actor: 'system', tenant: null, data: {} }])
  await again.close()
  for (const name of ['yinxin.sqlite', 'ca.json', 'published'])
    await cp(join(dataDir, name), join(folder, 'copy', name), { recursive: true })
  return { folder: join(folder, 'copy'), signed, waiting: 1 }
}

test('audit verify, stats and verify need neither passphrase nor keys, and make nothing', async (t) => {
  const { folder, signed, waiting } = await auditorsCopy(t)
  const before = (await readdir(folder)).toSorted()
  const audit = await cli(folder, 'audit', 'verify', '--json')
  t.is(audit.status, 0, audit.err)
  const report = JSON.parse(audit.out) as { ok: boolean; size: number; unsequenced: number }
  t.true(report.ok && report.size > 10)
  t.is(report.unsequenced, waiting)
  t.regex((await cli(folder, 'audit', 'verify')).out, /\n {2}1 more record waits for a place in the log/)
  const verdict = await cli(folder, 'verify', signed)
  t.is(verdict.status, 0, verdict.out + verdict.err)
  t.regex(verdict.out, /^Opened without keys: not recorded/)
  t.regex(verdict.out, /TOTAL-PASSED/)
  const stats = await cli(folder, 'stats', '--json')
  t.is(stats.status, 0, stats.err)
  t.like(JSON.parse(stats.out), { byClass: { event: { issued: 1 } }, recorded: true })
  t.deepEqual((await readdir(folder)).toSorted(), before)
  // The figures that were given are a record, and nothing else is.
  t.is(
    (JSON.parse((await cli(folder, 'audit', 'verify', '--json')).out) as { unsequenced: number }).unsequenced,
    waiting + 1,
  )
})

test('audit verify uses a key that was got by another way, and says when there is none', async (t) => {
  const { folder } = await auditorsCopy(t)
  const file = join(folder, 'published', 'verifier-key')
  const key = (await readFile(file, 'utf8')).trim()
  await rm(file)
  const without = await cli(folder, 'audit', 'verify')
  t.is(without.status, 2)
  t.regex(without.err, /--key.*\(REQUEST_INVALID\)/)
  t.is((await cli(folder, 'audit', 'verify', '--key', key)).status, 0)
  await rm(join(folder, 'ca.json'))
  t.is((await cli(folder, 'audit', 'verify', '--key', key)).status, 0, 'the log is all it needs')
  const other = `${key.slice(0, -6)}${key.endsWith('AAAAA=') ? 'BBBBB=' : 'AAAAA='}`
  t.not((await cli(folder, 'audit', 'verify', '--key', other)).status, 0)
})

test('a mistyped data folder is named and not made', async (t) => {
  const parent = await mkdtemp(join(tmpdir(), 'yinxin-none-'))
  t.teardown(() => rm(parent, { recursive: true, force: true }))
  const elsewhere = await mkdtemp(join(tmpdir(), 'yinxin-elsewhere-'))
  t.teardown(() => rm(elsewhere, { recursive: true, force: true }))
  const crl = join(elsewhere, 'a.crl')
  await writeFile(crl, '-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n')
  const words: Readonly<Record<string, readonly string[]>> = {
    rotate: [],
    'passphrase change': [join(parent, 'new')],
    issue: ['--profile', 'organisation', '--subject', 'CN=x', '--generate', 'P-256'],
    revoke: ['00', '--ground', 'holder-request'],
    sign: ['a.pdf', '--subject', 'CN=x'],
    verify: ['a.pdf'],
    'audit verify': [],
    stats: [],
    keys: [],
    'tenant create': ['a', '--name', 'a'],
    'apikey create': ['--roles', 'signer'],
    backup: [join(parent, 'backup')],
    'crl import': [crl],
  }
  const makers = ['serve', 'demo', 'ceremony', 'restore']
  for (const { name } of commands) {
    if (makers.includes(name)) continue
    const rest = words[name]
    if (!rest) {
      t.fail(`${name} is not tried here`)
      continue
    }
    const { status, err } = await cli(join(parent, 'mistyped'), ...name.split(' '), ...rest)
    t.is(status, 2, name)
    t.regex(err, /there is no CA in the data folder .*mistyped.*\(CONFIG_INVALID\)/, name)
  }
  t.deepEqual(await readdir(parent), [])
})
