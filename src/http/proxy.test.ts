import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { createApp } from './app.ts'

/** Asks once with this X-Forwarded-For. @returns the address that the rate limit was asked about */
async function clientSeen(t: ExecutionContext, trustedProxies: number, forwarded: string): Promise<string> {
  const seen: string[] = []
  const app = createApp({
    routes: [],
    baseUrl: 'http://localhost',
    trustedProxies,
    limits: { documentBytes: 1, jsonBytes: 1, appendRoom: 0 },
    log: { info: () => undefined, error: () => undefined },
    authorise: () => Promise.reject(new Error('not asked')),
    idempotency: { run: (_claim, act) => act() },
    rateLimit: (client) => void seen.push(client),
    observe: () => undefined,
  })
  const handle = app.callback()
  const server = createServer((request, response) => void handle(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, {
    headers: { 'X-Forwarded-For': forwarded },
  })
  return seen[0] ?? ''
}

test('attack rate-limit evasion: X-Forwarded-For of a client is not believed, that of a trusted proxy is', async (t) => {
  t.regex(await clientSeen(t, 0, '203.0.113.9'), /127\.0\.0\.1$/)
  t.is(await clientSeen(t, 1, '198.51.100.1, 203.0.113.9'), '203.0.113.9')
})
