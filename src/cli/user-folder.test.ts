import { mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { requireTool, run } from '../test/judges.ts'
import { enterUserFolder } from './user-folder.ts'

const root = join(import.meta.dirname, '../..')

test('npm run yinxin takes paths from where somebody stands', async (t) => {
  if (!requireTool(t, 'npm')) return
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'yinxin-elsewhere-')))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, 'a.pdf'), 'TEST ONLY')
  await writeFile(join(folder, 'trust.pem'), 'TEST ONLY')
  const npm = (...words: string[]) =>
    run('npm', ['--prefix', root, 'run', '-s', 'yinxin', '--', ...words], {
      cwd: folder,
      env: { ...(process.env as Record<string, string>), NODE_OPTIONS: '', INIT_CWD: folder },
    })
  // Both files are found, and what is in the second one is refused.
  const found = await npm('verify', 'a.pdf', '--trust', 'trust.pem', '--offline')
  t.regex(found.stderr, /trust\.pem.*\(TRUST_LIST_INVALID\)/)
  const missing = await npm('stats', '--data', 'mistyped')
  t.is(missing.status, 2)
  t.true(missing.stderr.includes(join(folder, 'mistyped')), missing.stderr)
  t.deepEqual((await readdir(folder)).toSorted(), ['a.pdf', 'trust.pem'])
})

const enter = (env: Record<string, string>, cwd = '/package') => {
  const went: string[] = []
  const found = enterUserFolder(env, '/package', { cwd: () => cwd, chdir: (folder) => went.push(folder) })
  return { went, data: found['YINXIN_DATA'] }
}

const npm = {
  INIT_CWD: '/elsewhere',
  npm_lifecycle_event: 'yinxin',
  npm_package_json: '/package/package.json',
}

test('the data folder stays that of the package, unless it is named', (t) => {
  t.deepEqual(enter(npm), { went: ['/elsewhere'], data: '/package/data' })
  t.deepEqual(enter({ ...npm, YINXIN_DATA: 'here' }), { went: ['/elsewhere'], data: 'here' })
})

test('without npm, below another script, in another package or elsewhere nothing changes', (t) => {
  const nothing = { went: [], data: undefined }
  t.deepEqual(enter({}), nothing)
  t.deepEqual(enter({ INIT_CWD: '/elsewhere' }), nothing)
  t.deepEqual(enter({ ...npm, npm_lifecycle_event: 'test' }), nothing)
  t.deepEqual(enter({ ...npm, npm_package_json: '/other/package.json' }), nothing)
  t.deepEqual(enter(npm, '/another'), nothing)
  t.deepEqual(enter({ ...npm, INIT_CWD: '/package' }), nothing)
})
