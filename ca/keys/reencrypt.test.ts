import { unlinkSync, writeFileSync } from 'node:fs'
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { requireTool, run } from '../../src/test/judges.ts'
import { getKeyAlgorithm } from '../algorithms/key-algorithms.ts'
import { isCoded } from '../errors.ts'
import { openEncryptedFileKeys } from './encrypted-file.ts'
import { reencryptKeys } from './reencrypt.ts'

const now = (): Date => new Date('2026-05-04T03:02:01Z')
const P256 = getKeyAlgorithm('P-256')
const message = new TextEncoder().encode('TEST ONLY')
const cost = { n: 1024, r: 8, p: 1 }
const [OLD, NEW] = ['old passphrase TEST ONLY', 'new passphrase TEST ONLY']
const passphrases = { oldPassphrase: OLD, newPassphrase: NEW, cost }

async function temporaryFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'reencrypt-test-'))
  t.teardown(() => rm(folder, { recursive: true }))
  return folder
}

async function folderOfKeys(t: ExecutionContext, count: number): Promise<{ folder: string; ids: string[] }> {
  const folder = await temporaryFolder(t)
  const keys = await openEncryptedFileKeys({ folder, passphrase: OLD, now, cost })
  for (let made = 0; made < count; made++) await keys.generate(P256, made % 2 ? null : 't1')
  return { folder, ids: keys.list().map(({ keyId }) => keyId) }
}

async function opens(folder: string, keyId: string, passphrase: string): Promise<boolean> {
  const keys = await openEncryptedFileKeys({ folder, passphrase, now, cost })
  try {
    return Boolean(await keys.sign(keyId, P256.signature, message))
  } catch (error) {
    if (isCoded(error, 'KEY_UNAVAILABLE')) return false
    throw error
  }
}

const contents = async (folder: string): Promise<Record<string, string>> =>
  Object.fromEntries(
    await Promise.all(
      (await readdir(folder)).map(async (name) => [name, await readFile(join(folder, name), 'utf8')]),
    ),
  )

test('every key opens under the new passphrase only, and its public facts stay', async (t) => {
  const { folder, ids } = await folderOfKeys(t, 5)
  const before = (await openEncryptedFileKeys({ folder, passphrase: OLD, now, cost })).list()
  const steps: string[] = []
  const result = await reencryptKeys({
    folder,
    ...passphrases,
    onProgress: (done, total) => steps.push(`${done}/${total}`),
  })
  t.deepEqual(result, { keys: 5, before: 0 })
  t.deepEqual(steps, ['4/5', '5/5'])
  for (const keyId of ids) {
    t.true(await opens(folder, keyId, NEW))
    t.false(await opens(folder, keyId, OLD))
  }
  t.deepEqual((await openEncryptedFileKeys({ folder, passphrase: NEW, now, cost })).list(), before)
  t.deepEqual((await readdir(folder)).toSorted(), ids.map((keyId) => `${keyId}.pem`).toSorted())
})

test('a crash before any replacement: each key opens with one of the two, and a second call finishes', async (t) => {
  const { folder, ids } = await folderOfKeys(t, 4)
  for (let survived = 0; survived < ids.length; survived++) {
    const copy = await temporaryFolder(t)
    await cp(folder, copy, { recursive: true })
    let replaced = 0
    const crashing = reencryptKeys({
      folder: copy,
      ...passphrases,
      onReplace: () => {
        if (replaced++ === survived) throw new Error('crash')
      },
    })
    await t.throwsAsync(crashing, { message: 'crash' })
    t.true(
      (await readdir(copy)).some((name) => name.startsWith('.')),
      'a crash tidies nothing up',
    )
    const states = await Promise.all(
      ids.map(async (keyId) => [await opens(copy, keyId, OLD), await opens(copy, keyId, NEW)]),
    )
    t.true(states.every(([old, fresh]) => old !== fresh))
    t.is(states.filter(([, fresh]) => fresh).length, survived)
    t.deepEqual(await reencryptKeys({ folder: copy, ...passphrases }), { keys: 4, before: survived })
    for (const keyId of ids) t.true(await opens(copy, keyId, NEW))
    t.deepEqual(
      (await readdir(copy)).filter((name) => name.startsWith('.')),
      [],
    )
  }
})

test('a wrong old passphrase or one damaged file: no key is changed, nothing is left beside them', async (t) => {
  const { folder, ids } = await folderOfKeys(t, 6)
  const before = await contents(folder)
  const wrong = reencryptKeys({ folder, ...passphrases, oldPassphrase: 'wrong TEST ONLY' })
  t.true(isCoded(await t.throwsAsync(wrong), 'KEY_UNAVAILABLE'))
  t.deepEqual(await contents(folder), before)
  const file = join(folder, `${ids[5] ?? ''}.pem`)
  await writeFile(file, (await readFile(file, 'utf8')).slice(0, 300))
  const damaged = await contents(folder)
  t.true(isCoded(await t.throwsAsync(reencryptKeys({ folder, ...passphrases })), 'KEY_UNAVAILABLE'))
  t.deepEqual(await contents(folder), damaged)
})

test('what an abandoned change to another passphrase left is not used', async (t) => {
  const { folder, ids } = await folderOfKeys(t, 2)
  await t.throwsAsync(
    reencryptKeys({
      folder,
      ...passphrases,
      newPassphrase: 'abandoned TEST ONLY',
      onReplace: () => {
        throw new Error('crash')
      },
    }),
  )
  t.deepEqual(await reencryptKeys({ folder, ...passphrases }), { keys: 2, before: 0 })
  for (const keyId of ids) t.true(await opens(folder, keyId, NEW))
})

test('a destroyed key stays destroyed', async (t) => {
  const { folder, ids } = await folderOfKeys(t, 3)
  const [first = '', second = '', third = ''] = ids
  const keys = await openEncryptedFileKeys({ folder, passphrase: OLD, now, cost })
  await keys.destroy(first)
  // And one that another process destroys while its new file waits.
  await reencryptKeys({
    folder,
    ...passphrases,
    onReplace: (keyId) => {
      if (keyId !== third) return
      writeFileSync(join(folder, `${third}.destroyed`), '')
      unlinkSync(join(folder, `${third}.pem`))
    },
  })
  t.deepEqual(
    (await readdir(folder)).toSorted(),
    [`${first}.destroyed`, `${second}.pem`, `${third}.destroyed`].toSorted(),
  )
  t.true(await opens(folder, second, NEW))
})

test('a folder without keys and an empty passphrase are refused', async (t) => {
  const empty = await temporaryFolder(t)
  t.true(isCoded(await t.throwsAsync(reencryptKeys({ folder: empty, ...passphrases })), 'KEY_NOT_FOUND'))
  const { folder } = await folderOfKeys(t, 1)
  const nothing = reencryptKeys({ folder, ...passphrases, newPassphrase: '' })
  t.true(isCoded(await t.throwsAsync(nothing), 'KEY_UNAVAILABLE'))
})

test('openssl opens the result of the default cost with the new passphrase', async (t) => {
  if (!requireTool(t, 'openssl')) return
  const { folder, ids } = await folderOfKeys(t, 1)
  await reencryptKeys({ folder, oldPassphrase: OLD, newPassphrase: NEW })
  const read = (passphrase: string) =>
    run('openssl', [
      'pkey',
      '-in',
      join(folder, `${ids[0] ?? ''}.pem`),
      '-passin',
      `pass:${passphrase}`,
      '-noout',
    ])
  const { status, stderr } = await read(NEW)
  t.is(status, 0, stderr)
  t.not((await read(OLD)).status, 0)
})
