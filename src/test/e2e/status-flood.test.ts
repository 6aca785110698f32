/** What strangers may send to OCSP and TSA: ten thousand odd requests, slow and broken ones; the service goes on. */
import { randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import test from 'ava'
import { parseCertificate, parseOcspResponse, parseTimeStampResponse } from '../../../ca/formats.ts'
import { encodeCertId, encodeOcspRequest, encodeOcspRequestOf } from '../../../ca/testing/ocsp-request.ts'
import { type CertificateJson, issueHeld } from './objects.ts'
import { startService, type TestService } from './start.ts'

let service: TestService
let certificate: CertificateJson
let issuerDer: Uint8Array
let rootDer: Uint8Array

test.before(async () => {
  service = await startService('status-flood', { requestsPerSecond: 1_000_000 })
  certificate = await issueHeld(service.alpha, 'Flood TEST ONLY')
  const der = (role: string): Uint8Array =>
    service.house.ca.issuers.find((issuer) => issuer.role === role)?.certDer ?? new Uint8Array(0)
  issuerDer = der('issuing')
  rootDer = der('root')
})
test.after.always(() => service.close())

const agent = new Agent({ keepAlive: true, maxSockets: 16 })

async function post(path: string, body: Uint8Array): Promise<{ status: number; bytes: Uint8Array }> {
  const asked = request(`${service.address}${path}`, { method: 'POST', agent })
  const answered = once(asked, 'response')
  asked.end(body)
  const [response] = (await answered) as [IncomingMessage]
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part as Buffer)
  return { status: response.statusCode ?? 0, bytes: new Uint8Array(Buffer.concat(parts)) }
}

/** Whether anything in an answer says good. */
const isGood = (bytes: Uint8Array): boolean =>
  parseOcspResponse(bytes).basic?.responses.some(({ status }) => status.kind === 'good') === true

const ask = (serialHex: string): Uint8Array =>
  encodeOcspRequest(parseCertificate(issuerDer), serialHex, 'SHA-1')

/** Requests about which nothing good can be said. */
const odd: (() => Uint8Array)[] = [
  () => ask(`01${randomBytes(15).toString('hex')}`),
  () => encodeOcspRequest(parseCertificate(rootDer), certificate.serialHex, 'SHA-256'),
  () => encodeOcspRequest(parseCertificate(issuerDer), '0102', 'SHA-1', randomBytes(randomInt(129, 600))),
  () => encodeOcspRequest(parseCertificate(issuerDer), '0102', 'SHA-1', randomBytes(randomInt(1, 128))),
  () => randomBytes(randomInt(0, 300)),
  () => ask(certificate.serialHex).subarray(0, randomInt(1, 60)),
  () =>
    encodeOcspRequestOf(
      Array.from({ length: randomInt(2, 40) }, () =>
        encodeCertId(parseCertificate(issuerDer), `01${randomBytes(15).toString('hex')}`, 'SHA-1'),
      ),
    ),
]

test.serial(
  'check 35: ten thousand odd OCSP requests: never good, memory bounded, the service still answers',
  async (t) => {
    const before = process.memoryUsage.rss()
    let sent = 0
    let wrong = 0
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        while (sent < 10_000) {
          const make = odd[sent++ % odd.length]
          const { status, bytes } = await post('/ocsp', make?.() ?? new Uint8Array(0))
          if (status !== 200 || isGood(bytes)) wrong++
        }
      }),
    )
    t.is(wrong, 0)
    // Generator and service share this process; what was kept for each request would be far more.
    t.true(process.memoryUsage.rss() - before < 300 * 2 ** 20)
    const { bytes } = await post('/ocsp', ask(certificate.serialHex))
    t.true(isGood(bytes))
  },
)

test.serial('bodies of a megabyte are refused, declared or not, and nothing of them is kept', async (t) => {
  const large = new Uint8Array(2 ** 20)
  for (const path of ['/ocsp', '/tsa'])
    for (let round = 0; round < 20; round++) t.is((await post(path, large)).status, 413)
  const asked = request(`${service.address}/ocsp`, { method: 'POST' })
  const answered = once(asked, 'response')
  for (let part = 0; part < 16; part++) asked.write(large.subarray(0, 65_536))
  asked.end()
  const [response] = (await answered) as [IncomingMessage]
  response.resume()
  t.is(response.statusCode, 413)
  const refused = parseTimeStampResponse((await post('/tsa', new Uint8Array(5_000))).bytes)
  t.is(refused.tokenDer, undefined)
})

test.serial('slow senders and half requests hold nobody up', async (t) => {
  const { hostname, port } = new URL(service.address)
  const body = ask(certificate.serialHex)
  const head = `POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`
  const slow = await Promise.all(
    Array.from({ length: 100 }, async (_, index) => {
      const socket = connect(Number(port), hostname)
      socket.on('error', () => undefined)
      await once(socket, 'connect')
      socket.write(index % 2 === 0 ? head.slice(0, 30) : head)
      if (index % 2 === 1) socket.write(body.subarray(0, 20))
      return socket
    }),
  )
  t.true(isGood((await post('/ocsp', body)).bytes))
  // One that was slow and not wrong gets its answer.
  const [, last] = slow
  const data = last && once(last, 'data')
  last?.write(body.subarray(20))
  const [chunk] = (await data) as [Buffer]
  t.regex(chunk.toString('latin1'), /^HTTP\/1\.1 200 /)
  for (const socket of slow) socket.destroy()
  t.true(isGood((await post('/ocsp', body)).bytes))
})

test.serial('what HTTP refuses is a problem document: method, compressed body', async (t) => {
  const get = await service.fetch(`${service.address}/ocsp`)
  t.is(get.status, 405)
  t.is(get.headers.get('allow'), 'POST')
  const compressed = await service.fetch(`${service.address}/tsa`, {
    method: 'POST',
    headers: { 'Content-Encoding': 'gzip' },
    body: Buffer.from([1]),
  })
  t.is(compressed.status, 415)
  t.truthy(compressed.headers.get('x-request-id'))
})
