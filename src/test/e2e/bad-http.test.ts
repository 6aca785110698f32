/** What bad HTTP gets: the same problem documents, and a service that goes on. */
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import test from 'ava'
import type { Problem } from '../../sdk/client.ts'
import { startService, type TestService } from './start.ts'

let service: TestService
test.before(async () => {
  service = await startService('bad-http')
})
test.after.always(() => service.close())

const post = (path: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  service.fetch(service.address + path, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${service.alpha.text}`,
      'Content-Type': 'application/json',
      ...headers,
    },
    body: typeof body === 'string' ? body : Buffer.from(body),
  })

test('JSON: unknown fields, wrong types, no JSON, wrong media type, too large', async (t) => {
  const unknown = await post('/v1/keys', '{"algorithm":"P-256","colour":"red"}')
  t.is(unknown.status, 400)
  const { errors, detail } = (await unknown.json()) as Problem
  t.regex(detail, /colour/)
  t.is(errors?.[0]?.pointer, '#')
  t.is((await post('/v1/keys', '{"algorithm":7}')).status, 400)
  t.is((await post('/v1/keys', '{"algorithm":')).status, 400)
  t.is((await post('/v1/keys', '[]')).status, 400)
  t.is((await post('/v1/keys', 'null')).status, 400)
  t.is((await post('/v1/keys', '{"__proto__":{"algorithm":"P-256"}}')).status, 400)
  t.is((await post('/v1/keys', '{}', { 'Content-Type': 'text/plain' })).status, 415)
  t.is((await post('/v1/keys', `{"algorithm":"${'x'.repeat(1_100_000)}"}`)).status, 413)
  t.is((await post('/v1/keys', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).status, 400)
})

test('multipart: no boundary, unknown part, part twice, cut off, JSON in the wrong place', async (t) => {
  const part = (name: string, body: string, file = 'a.txt'): string =>
    `--b\r\nContent-Disposition: form-data; name="${name}"; filename="${file}"\r\n\r\n${body}\r\n`
  const field = (name: string, body: string): string =>
    `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${body}\r\n`
  const send = (body: string, type = 'multipart/form-data; boundary=b') =>
    post('/v1/signatures', body, { 'Content-Type': type })
  const bodies = {
    'no boundary': await send(part('document', 'x'), 'multipart/form-data'),
    'unknown part': await send(`${part('surprise', 'x')}--b--\r\n`),
    'unknown field': await send(`${field('surprise', 'x')}--b--\r\n`),
    'part twice': await send(`${part('document', 'x')}${part('document', 'y')}--b--\r\n`),
    'cut off in an unknown part': await send(part('surprise', 'x')),
    'cut off inside a part': await send(part('document', 'x')),
    'cut off': await send(part('document', 'x').slice(0, -5)),
    'no document': await send(`${field('request', '{}')}--b--\r\n`),
    'no JSON': await send(`${field('request', '{')}${part('document', 'x')}--b--\r\n`),
    'many parts': await send(`${field('request', '{}').repeat(50)}--b--\r\n`),
    empty: await send(''),
  }
  for (const [name, response] of Object.entries(bodies)) t.is(response.status, 400, name)
})

test('attack: a compressed body is refused and not judged as if it were the document', async (t) => {
  const zipped = gzipSync('%PDF-1.7 TEST ONLY')
  for (const path of ['/v1/verifications', '/v1/signatures']) {
    const send = (encoding: string) =>
      post(path, zipped, { 'Content-Type': 'application/pdf', 'Content-Encoding': encoding })
    for (const encoding of ['gzip', 'br', 'identity, gzip']) {
      const response = await send(encoding)
      t.is(response.status, 415, encoding)
      const { code, detail } = (await response.json()) as Problem
      t.is(code, 'MEDIA_TYPE_UNSUPPORTED')
      t.regex(detail, /Content-Encoding/)
    }
    t.not((await send('identity')).status, 415)
  }
})

test('an upload that is given up leaves the service working and nothing behind', async (t) => {
  const count = async () =>
    (await service.alpha.api.json<{ items: unknown[] }>('GET', '/v1/signatures')).items.length
  const before = await count()
  for (const type of ['application/pdf', 'multipart/form-data; boundary=b']) {
    const { port } = new URL(service.address)
    const upload = httpRequest({
      port,
      path: '/v1/signatures',
      method: 'POST',
      headers: {
        Authorization: `Bearer ${service.alpha.text}`,
        'Content-Type': type,
        'Content-Length': 1_000_000,
      },
    })
    upload.on('error', () => undefined)
    upload.write('--b\r\nContent-Disposition: form-data; name="document"; filename="a"\r\n\r\nxxxx')
    await sleep(100)
    upload.destroy()
    if (!upload.closed) await once(upload, 'close').catch(() => undefined)
  }
  t.is((await service.fetch(`${service.address}/healthz`)).status, 200)
  t.is(await count(), before)
})

/** Sends octets as they are and reads what comes back. */
async function raw(text: string): Promise<string> {
  const socket = connect(Number(new URL(service.address).port), '127.0.0.1')
  socket.on('error', () => undefined)
  let answer = ''
  socket.on('data', (part: Buffer) => (answer += part.toString()))
  // Not half-closed: the server would take that for a client that went away.
  socket.write(text)
  await once(socket, 'close')
  return answer
}

test('headers that are huge or no HTTP get a problem document too', async (t) => {
  const huge = await raw(`GET /healthz HTTP/1.1\r\nHost: x\r\nX-Big: ${'a'.repeat(100_000)}\r\n\r\n`)
  t.regex(huge, /^HTTP\/1.1 431 /)
  t.regex(huge, /application\/problem\+json/)
  const broken = await raw('THIS IS NOT HTTP\r\n\r\n')
  t.regex(broken, /^HTTP\/1.1 400 /)
  t.regex(broken, /application\/problem\+json/)
  t.regex(broken, /"code":"REQUEST_INVALID"/)
})

test('a method that a path does not take says which it takes', async (t) => {
  const response = await service.fetch(`${service.address}/v1/keys`, { method: 'PATCH' })
  t.is(response.status, 405)
  t.deepEqual(response.headers.get('allow')?.split(', ').sort(), ['GET', 'HEAD', 'POST'])
})

test('paths that try to climb out find nothing', async (t) => {
  for (const path of [
    '/log/tile/../../etc/passwd',
    '/log/tile/0/..%2f..%2f..%2fetc%2fpasswd',
    '/log/tile/entries/%2e%2e/%2e%2e/yinxin.sqlite',
    '/log/tile/0/000.p/0',
    '/log/tile/99/000',
    '/assets/..%2f..%2fserve.ts',
    '/assets/%2e%2e%2fview.ts',
    '/assets/..',
    '/assets/site.css%00.png',
    '/cps/..%2f..%2fREADME',
    '/problems/__proto__',
    '/crl/..%2f..%2fca.crl',
    '/issuers/..%2fca.cer',
    '/%',
    '/v1/certificates/%ff/00',
  ]) {
    const answer = await raw(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${service.alpha.text}\r\n\r\n`,
    )
    t.regex(answer, /^HTTP\/1.1 (400|404) /, path)
    t.regex(answer, /application\/problem\+json/, path)
  }
})
