/** One data folder has one server, one port has one program: the second is told so and ends. */
import { rm } from 'node:fs/promises'
import test from 'ava'
import { serveChild, yinxin } from './child.ts'
import { prepareDataDir } from './start.ts'

test('a second server on a data folder, and on a port, ends with 2 and says why', async (t) => {
  const [dataDir, otherDir] = [await prepareDataDir('two-servers'), await prepareDataDir('two-servers')]
  const child = await serveChild(dataDir)
  t.teardown(async () => {
    await child.stop()
    for (const folder of [dataDir, otherDir]) await rm(folder, { recursive: true, force: true })
  })
  const { port } = new URL(child.address)
  const sameFolder = await yinxin(dataDir, ['serve', '--port', '0'])
  t.is(sameFolder.status, 2)
  t.regex(sameFolder.stderr, /YINXIN_DATA: another process serves this data folder/)
  const samePort = await yinxin(otherDir, ['serve', '--port', port])
  t.is(samePort.status, 2)
  t.regex(samePort.stderr, new RegExp(`YINXIN_PORT: another program listens on port ${port}`))
  t.is((await fetch(`${child.address}/healthz`)).status, 200)
})
