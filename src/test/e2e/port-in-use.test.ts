/** A start that fails: the process ends, says what to change, and keeps nothing from the next start. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { serveChild, yinxin } from './child.ts'

test('a port in use ends the start with the setting named, and the first key comes with the next start', async (t) => {
  t.timeout(180_000)
  const dataDir = await mkdtemp(join(tmpdir(), 'yinxin-port-in-use-'))
  const other = createServer()
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const { status, stdout, stderr } = await yinxin(dataDir, ['serve', '--port', String(port)])
  t.is(status, 2)
  t.is(stdout, '')
  t.regex(stderr, new RegExp(`^yinxin: YINXIN_PORT: .*port ${port} .*\\(CONFIG_INVALID\\)\n$`))
  other.close()
  const child = await serveChild(dataDir)
  t.regex(child.apiKey ?? '', /^yx_/)
  t.is(await child.stop(), 0)
  await rm(dataDir, { recursive: true, force: true })
})
