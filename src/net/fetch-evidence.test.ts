import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { isPublicAddress } from './address-guard.ts'
import { fetchEvidence } from './fetch-evidence.ts'

const loopback = {
  timeoutMs: 2000,
  maxBytes: 1000,
  allowAddress: (address: string) => address === '127.0.0.1',
}

async function serve(t: ExecutionContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('attack SSRF: addresses of this machine and of private networks are never called', async (t) => {
  for (const address of [
    '127.0.0.1',
    '10.1.2.3',
    '169.254.169.254',
    '192.168.0.1',
    '172.31.0.1',
    '::1',
    'fe80::1',
    'fd00::1',
    '::ffff:127.0.0.1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
  ])
    t.false(isPublicAddress(address), address)
  for (const address of ['1.1.1.1', '223.5.5.5', '2400:3200::1']) t.true(isPublicAddress(address), address)
  const url = await serve(t, (_, response) => response.end('secret'))
  await t.throwsAsync(fetchEvidence({ url }), { code: 'EVIDENCE_UNAVAILABLE' })
  await t.throwsAsync(fetchEvidence({ url: url.replace('127.0.0.1', 'localhost') }), {
    code: 'EVIDENCE_UNAVAILABLE',
  })
  await t.throwsAsync(fetchEvidence({ url: 'http://[::1]:80/' }), { code: 'EVIDENCE_UNAVAILABLE' })
  await t.throwsAsync(fetchEvidence({ url: 'http://2130706433/' }), { code: 'EVIDENCE_UNAVAILABLE' })
})

test('only plain http and https addresses without credentials', async (t) => {
  for (const url of [
    'file:///etc/passwd',
    'ldap://example.test/',
    'http://user:pw@example.test/',
    'nonsense',
  ])
    await t.throwsAsync(fetchEvidence({ url }), { code: 'EVIDENCE_UNAVAILABLE' })
})

test('fetches within limits, posts OCSP requests, follows no redirect', async (t) => {
  const url = await serve(t, (request, response) => {
    if (request.url === '/large') response.end(new Uint8Array(2000))
    else if (request.url === '/redirect') response.writeHead(302, { Location: '/' }).end()
    else if (request.url === '/slow') setTimeout(() => response.end(), 60_000).unref()
    else response.end(`${request.method} ${request.headers['content-type'] ?? ''}`)
  })
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
  t.is(text(await fetchEvidence({ url }, loopback)), 'GET ')
  t.is(
    text(await fetchEvidence({ url, ocspRequest: Uint8Array.of(0x30, 0) }, loopback)),
    'POST application/ocsp-request',
  )
  await t.throwsAsync(fetchEvidence({ url: `${url}/large` }, loopback), { message: /larger than 1000 bytes/ })
  await t.throwsAsync(fetchEvidence({ url: `${url}/redirect` }, loopback), { message: /status 302/ })
  await t.throwsAsync(fetchEvidence({ url: `${url}/slow` }, { ...loopback, timeoutMs: 100 }), {
    code: 'EVIDENCE_UNAVAILABLE',
  })
})
