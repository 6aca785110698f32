import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { serveChild } from '../../test/e2e/child.ts'

test('a first start on port 0 writes the port that it found into the certificates', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'yinxin-port-'))
  t.teardown(() => rm(dataDir, { recursive: true, force: true }))
  const child = await serveChild(dataDir)
  t.regex(child.address, /:[1-9]\d*$/)
  const { baseUrl } = JSON.parse(await readFile(join(dataDir, 'ca.json'), 'utf8')) as { baseUrl: string }
  t.is(baseUrl, child.address)
  const document = (await (await fetch(`${child.address}/openapi.json`)).json()) as {
    servers: { url: string }[]
  }
  t.is(document.servers[0]?.url, child.address)
  t.is(await child.stop(), 0)
})
