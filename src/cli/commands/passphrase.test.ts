import { copyFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { readConfig } from '../../config.ts'
import { composition, openHouse } from '../../main.ts'
import { prepareDataDir } from '../../test/e2e/start.ts'
import { commands } from '../commands.ts'
import { runCli } from '../run.ts'

const env = { YINXIN_LOG: 'silent', YINXIN_FETCH: '0' }
const cost = { n: 1024, r: 8, p: 1 }
const NEW = 'another passphrase TEST ONLY'

interface Bed {
  readonly dataDir: string
  readonly newFile: string
  run(
    words: readonly string[],
    passphraseFile?: string,
  ): Promise<{ status: number; out: string; err: string }>
}

async function bed(t: ExecutionContext): Promise<Bed> {
  const dataDir = await prepareDataDir('passphrase')
  const folder = await mkdtemp(join(tmpdir(), 'yinxin-passphrase-files-'))
  t.teardown(() => Promise.all([dataDir, folder].map((one) => rm(one, { recursive: true, force: true }))))
  const newFile = join(folder, 'new')
  await writeFile(newFile, `${NEW}\n`)
  return {
    dataDir,
    newFile,
    async run(words, passphraseFile) {
      let [out, err] = ['', '']
      const context = {
        ...composition,
        changePassphrase: ((config, change) =>
          composition.changePassphrase(config, { ...change, cost })) as typeof composition.changePassphrase,
        env: { ...env, ...(passphraseFile === undefined ? {} : { YINXIN_PASSPHRASE_FILE: passphraseFile }) },
        root: '',
      }
      const status = await runCli(commands, context, [...words, '--data', dataDir], {
        out: { write: (text: string) => void (out += text) },
        err: { write: (text: string) => void (err += text) },
      })
      return { status, out, err }
    },
  }
}

test('keys open with the new passphrase only; the log says so without a secret', async (t) => {
  const { dataDir, newFile, run } = await bed(t)
  const count = (await readdir(join(dataDir, 'keys'))).length
  const { status, out, err } = await run(['passphrase', 'change', newFile, '--json'])
  t.is(status, 0, err)
  t.deepEqual(JSON.parse(out), { keys: count, before: 0, passphraseFile: newFile })
  t.regex(err, /^keys: /m)
  t.regex((await run(['keys'])).err, /KEY_UNAVAILABLE/)
  t.is((await run(['keys'], newFile)).status, 0)
  await copyFile(newFile, join(dataDir, 'secrets', 'passphrase'))
  const house = await openHouse(readConfig(env, { dataDir }), { serving: false })
  const records = (await house.store.records.search({ tenant: 'all', limit: 500 })).items
    .map(({ record }) => record)
    .filter(({ type }) => type.startsWith('key.reenc'))
    .toSorted((a, b) => (a.at < b.at ? -1 : 1))
  t.deepEqual(
    records.map(({ type, data }) => [type, data]),
    [
      ['key.reencryption_begun', {}],
      ['key.reencrypted', { keys: count, before: 0 }],
    ],
  )
  t.true(records.every(({ actor }) => actor.startsWith('operator:')))
  await house.close()
  t.regex((await run(['passphrase', 'change', newFile])).err, /is the one that is used now.*CONFIG_INVALID/)
})

test('after a crash in the middle neither passphrase opens the CA; the same command finishes', async (t) => {
  const { dataDir, newFile, run } = await bed(t)
  const keys = join(dataDir, 'keys')
  const [first = '', ...others] = (await readdir(keys)).toSorted()
  const saved = join(newFile, '..', 'saved')
  await cp(keys, saved, { recursive: true })
  t.is((await run(['passphrase', 'change', newFile])).status, 0)
  // The state between two renames: one key has changed over, the others wait beside their files.
  for (const name of others) {
    await copyFile(join(keys, name), join(keys, `.${name}.reencrypted`))
    await copyFile(join(saved, name), join(keys, name))
  }
  t.is((await run(['keys'])).status, 2)
  t.is((await run(['keys'], newFile)).status, 2)
  const again = await run(['passphrase', 'change', newFile])
  t.is(again.status, 0, again.err)
  t.regex(
    again.out,
    new RegExp(`^${others.length + 1} keys are under the new passphrase now, 1 of them since`),
  )
  t.is((await run(['keys'], newFile)).status, 0)
  t.deepEqual((await readdir(keys)).toSorted(), [first, ...others])
})

test('refused: while the folder is served, a wrong old passphrase, a short new one, no file', async (t) => {
  const { dataDir, newFile, run } = await bed(t)
  const file = (await readdir(join(dataDir, 'keys')))[0] ?? ''
  const before = await readFile(join(dataDir, 'keys', file))
  const house = await openHouse(readConfig(env, { dataDir }), { serving: true })
  const served = await run(['passphrase', 'change', newFile])
  t.is(served.status, 2)
  t.regex(served.err, /serves this data folder.*CONFIG_INVALID/)
  await house.close()
  const [wrong, short] = [`${newFile}-wrong`, `${newFile}-short`]
  await writeFile(wrong, 'a wrong passphrase TEST ONLY')
  await writeFile(short, 'short')
  t.regex((await run(['passphrase', 'change', newFile], wrong)).err, /opens with neither.*KEY_UNAVAILABLE/)
  t.regex((await run(['passphrase', 'change', short])).err, /fewer than 16 characters/)
  t.regex((await run(['passphrase', 'change', `${newFile}-none`])).err, /ENOENT/)
  t.deepEqual(await readFile(join(dataDir, 'keys', file)), before)
})
