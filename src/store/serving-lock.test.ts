/** The lock ends with its process; the test ends one with SIGKILL. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { takeServingLock } from './serving-lock.ts'

const holder = `
  const { takeServingLock } = await import(${JSON.stringify(join(import.meta.dirname, 'serving-lock.ts'))})
  await takeServingLock(process.argv[1])
  console.log('held')
  setInterval(() => undefined, 1000)
`

test('a second process is refused, and let in as soon as the first was killed', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'yinxin-lock-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'serving.lock')
  const child = spawn(process.execPath, ['--input-type=module', '-e', holder, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  await t.throwsAsync(takeServingLock(file, 50), {
    code: 'CONFIG_INVALID',
    message: /another process serves/,
  })
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
  const lock = await takeServingLock(file, 50)
  await t.throwsAsync(takeServingLock(file, 50), { code: 'CONFIG_INVALID' })
  await lock.release()
  await (await takeServingLock(file, 50)).release()
})
