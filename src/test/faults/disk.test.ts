/** What the machine does to a service: a full disk, a read-only database, a database that is gone and back, a backup. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { openSequencer } from '../../audit/sequencer.ts'
import { readConfig } from '../../config.ts'
import { openHouse } from '../../main.ts'
import { checkHouse } from '../check-house/check-house.ts'
import { serveChild, yinxin } from '../e2e/child.ts'
import { prepareDataDir } from '../e2e/start.ts'

const isMissing = async (file: string): Promise<boolean> =>
  (await stat(file).catch(() => undefined)) === undefined

const count = async (dataDir: string) =>
  checkHouse({
    database: join(dataDir, 'yinxin.sqlite'),
    checkpoint: join(dataDir, 'published/checkpoint'),
    verifierKey: (await readFile(join(dataDir, 'published/verifier-key'), 'utf8')).trim(),
  })

test('a database that is gone is never taken for a new one; put back, everything is there', async (t) => {
  const dataDir = await prepareDataDir('gone')
  t.teardown(() => rm(dataDir, { recursive: true, force: true }))
  const child = await serveChild(dataDir)
  t.is(await child.stop(), 0)
  const before = await count(dataDir)
  const database = join(dataDir, 'yinxin.sqlite')
  await rename(database, `${database}.away`)
  const refused = await yinxin(dataDir, ['serve', '--port', '0'])
  t.not(refused.status, 0)
  t.regex(refused.stderr, /LOG_CONFLICT|Another sequencer/)
  for (const suffix of ['', '-wal', '-shm']) await rm(`${database}${suffix}`, { force: true })
  await rename(`${database}.away`, database)
  const again = await serveChild(dataDir)
  t.is(await again.stop(), 0)
  const after = await count(dataDir)
  t.deepEqual(after.findings, [])
  t.true(after.records > before.records)
  t.is(after.certificates, before.certificates)
})

test('check 48: a database older than the published checkpoint is not served', async (t) => {
  const dataDir = await prepareDataDir('older')
  t.teardown(() => rm(dataDir, { recursive: true, force: true }))
  const database = join(dataDir, 'yinxin.sqlite')
  t.is(await (await serveChild(dataDir)).stop(), 0)
  await copyFile(database, `${database}.backup`)
  t.is(await (await serveChild(dataDir)).stop(), 0)
  const newer = await count(dataDir)
  await rename(`${database}.backup`, database)
  t.true(await isMissing(`${database}-wal`), 'nothing of the newer one is left beside it')
  const refused = await yinxin(dataDir, ['serve', '--port', '0'])
  t.not(refused.status, 0)
  t.regex(refused.stderr, /\d+ are published/)
  // A command may look at it, and writes nothing either.
  const house = await openHouse(readConfig({ YINXIN_LOG: 'silent' }, { dataDir }), { serving: false })
  await t.throwsAsync(openSequencer(house.sequencer), { code: 'LOG_STORE_OLDER' })
  const record = { type: 'service.started', at: new Date(), actor: 'system', tenant: null, data: {} } as const
  await t.throwsAsync(house.store.ca.record([record]), { code: 'LOG_STORE_OLDER' })
  t.like(await house.services.readiness(), { ready: false })
  await house.close()
  t.deepEqual(newer.findings, [])
})

test('check 18: files that may grow no further: the service refuses, and loses nothing of what it answered', async (t) => {
  const dataDir = await prepareDataDir('full')
  t.teardown(() => rm(dataDir, { recursive: true, force: true }))
  const main = join(import.meta.dirname, '../../main.ts')
  // RLIMIT_FSIZE: the kernel refuses to let any file of the process grow beyond a few hundred blocks more.
  const child = spawn(
    'sh',
    ['-c', `trap '' XFSZ; ulimit -f 700; exec "${process.execPath}" "${main}" serve --json --port 0`],
    {
      env: {
        ...process.env,
        YINXIN_DATA: dataDir,
        YINXIN_LOG: 'silent',
        YINXIN_FETCH: '0',
        YINXIN_RATE: '100000',
        NODE_OPTIONS: '',
      },
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  )
  t.teardown(() => child.kill('SIGKILL'))
  const ended = once(child, 'close')
  const [line] = (await Promise.race([once(child.stdout, 'data'), ended.then(() => [''])])) as [
    Buffer | string,
  ]
  const { address, apiKey } = JSON.parse(String(line) || '{}') as { address?: string; apiKey?: string }
  if (address === undefined) return (t.log('skipped: it does not start within this limit'), t.pass())
  const statuses: number[] = []
  const kept: string[] = []
  for (let n = 0; n < 400; n++) {
    const id = `full-${n}`
    const response = await fetch(`${address}/v1/tenants`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${apiKey ?? ''}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ id, name: 'x'.repeat(80) }),
    })
    statuses.push(response.status)
    await response.arrayBuffer()
    if (response.ok) kept.push(id)
    else if (response.status >= 500) break
  }
  t.is(statuses.at(-1), 503, `answered ${statuses.length} times`)
  child.kill('SIGKILL')
  await ended
  const again = await serveChild(dataDir)
  const found = await fetch(`${again.address}/v1/tenants?limit=1`, {
    headers: { Authorization: `Bearer ${apiKey ?? ''}` },
  })
  t.is(found.status, 200)
  t.is(await again.stop(), 0)
  t.deepEqual((await count(dataDir)).findings, [])
  const house = await openHouse(readConfig({ YINXIN_LOG: 'silent' }, { dataDir }), { serving: false })
  for (const id of kept) t.truthy(await house.store.tenants.find(id), id)
  await house.close()
})
