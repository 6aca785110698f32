import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { BENCHMARKS } from './all.ts'
import { runBenchmark } from './benchmark.ts'
import { openConnection, parseHead } from './http-connection.ts'
import { buildRequest, generateLoad, readRequests, writeRequests } from './load.ts'
import { makePdf } from './make-pdf.ts'
import { measureRounds } from './measure.ts'
import { formatNumber, renderJson, renderTable } from './render.ts'
import { median, percentile, summarise, timesBetter } from './statistics.ts'
import { makeTempFolder } from '../temp-store.ts'

test('median: middle, mean of the middle two, nothing', (t) => {
  t.is(median([3, 1, 2]), 2)
  t.is(median([4, 1, 2, 3]), 2.5)
  t.is(median([10, 9]), 9.5)
  t.is(median([7]), 7)
  t.is(median([]), null)
})

test('percentile: nearest rank', (t) => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  t.is(percentile(hundred, 50), 50)
  t.is(percentile(hundred, 99), 99)
  t.is(percentile(hundred, 100), 100)
  t.is(percentile([5, 6], 99), 6)
  t.is(percentile([5, 6], 0), 5)
  t.is(percentile([], 99), null)
})

test('better means more a second and fewer milliseconds', (t) => {
  t.is(timesBetter('/s', 300, 100), 3)
  t.is(timesBetter('ms', 10, 30), 3)
  t.is(timesBetter('ms', 10, null), null)
  t.is(timesBetter('/s', 0, 5), null)
})

const measured = {
  name: 'x',
  unit: 'ms' as const,
  peerName: 'somebody',
  ours: [{ value: 10, p50Ms: 10, p99Ms: 20, rssMb: 100 }, { value: 30 }, { value: 20, p50Ms: 30 }],
  peer: [{ value: 40 }],
  limit: [{ value: 2 }],
}

test('a summary holds medians over the runs, and null where nothing was measured', (t) => {
  t.deepEqual(summarise(measured), {
    name: 'x',
    unit: 'ms',
    ours: 20,
    peer: 40,
    peerName: 'somebody',
    ratio: 2,
    limit: 2,
    ofLimit: 0.1,
    p50Ms: 20,
    p99Ms: 20,
    rssMb: 100,
    runs: 3,
  })
  const alone = summarise({ ...measured, peer: [], limit: [] })
  t.like(alone, { peer: null, peerName: null, ratio: null, limit: null, ofLimit: null })
})

test('numbers show three digits', (t) => {
  t.is(formatNumber(12.345), '12.3')
  t.is(formatNumber(0.01234), '0.0123')
  t.is(formatNumber(123_456), '123456')
  t.is(formatNumber(null), '–')
})

test('the table has a row for each benchmark, in columns', (t) => {
  const [heading = '', row = '', ...more] = renderTable([summarise(measured)]).split('\n')
  t.is(more.length, 0)
  t.is(row.indexOf('somebody'), heading.indexOf('peer is'))
  t.deepEqual(row.trim().split(/\s{2,}/), [
    'x',
    '20',
    'ms',
    '40',
    '2',
    '2',
    '10 %',
    '20',
    '20',
    '100',
    '3',
    'somebody', // prettier-ignore
  ])
})

test('a line of JSON has every key, in order', (t) => {
  const line = renderJson({ ...summarise(measured), p99Ms: 1 / 3 })
  const keys = 'name unit ours peer peerName ratio limit ofLimit p50Ms p99Ms rssMb runs'
  const parsed = JSON.parse(line) as Record<string, unknown>
  t.is(Object.keys(parsed).join(' '), keys)
  t.is(parsed['p99Ms'], 0.33333)
  t.is(line.includes('\n'), false)
})

test('sides run in turn, and what was started is ended also after a failure', async (t) => {
  const calls: string[] = []
  const side = (name: string) => async () => {
    calls.push(name)
    if (calls.length > 5) throw new Error('broken')
    return Promise.resolve({ value: 1 })
  }
  const benchmark = {
    name: 'x',
    unit: '/s' as const,
    what: '',
    peerName: 'p',
    open: () =>
      Promise.resolve({
        ours: side('ours'),
        peer: side('peer'),
        limit: side('limit'),
        close: () => Promise.resolve(void calls.push('close')),
      }),
  }
  const setting = { folder: '', isQuick: true, profileFolder: undefined }
  await t.throwsAsync(
    runBenchmark(benchmark, setting, 3, () => undefined),
    { message: 'broken' },
  )
  t.deepEqual(calls, ['ours', 'peer', 'limit', 'ours', 'peer', 'limit', 'close'])
})

test('a round is counted once it is over, warm-up never', async (t) => {
  let calls = 0
  const sample = await measureRounds('/s', { seconds: 10, warmUp: 2, maxRounds: 3 }, () => void calls++, 100)
  t.is(calls, 5)
  t.true(sample.value > 0)
})

test('names are unique and every benchmark says what it measures', (t) => {
  t.is(new Set(BENCHMARKS.map(({ name }) => name)).size, BENCHMARKS.length)
  t.true(BENCHMARKS.every(({ what }) => what.length > 20))
})

test('heads of answers: length, end by close, nothing yet', (t) => {
  const head = (text: string) => parseHead(Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1'))
  t.is(head('HTTP/1.1 200 OK\nContent-Length: 5\n'), undefined)
  t.like(head('HTTP/1.1 201 Created\ncontent-length: 5\n\nabc'), { status: 201, length: 5, closes: false })
  t.like(head('HTTP/1.0 200 OK\nContent-Length: 5\n\n'), { length: 5, closes: true })
  t.like(head('HTTP/1.1 200 OK\nConnection: close\n\n'), { length: null, closes: true })
  t.throws(() => head('HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n'))
})

/** A server that answers with what it was sent; in two pieces, and closing now and then. */
async function startEcho(
  t: Parameters<typeof makeTempFolder>[0],
): Promise<{ port: number; bodies: string[] }> {
  const bodies: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      bodies.push(body)
      if (bodies.length % 5 === 0) response.setHeader('Connection', 'close')
      response.writeHead(body === 'bad' ? 500 : 200, { 'Content-Length': body.length })
      response.write(body.slice(0, 2))
      setImmediate(() => response.end(body.slice(2)))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { port: (server.address() as AddressInfo).port, bodies }
}

const post = (text: string) => buildRequest('POST', '/', {}, new TextEncoder().encode(text))

test('a connection reads whole answers and opens again after it was closed', async (t) => {
  const { port } = await startEcho(t)
  const connection = openConnection('127.0.0.1', port)
  for (let i = 0; i < 12; i++) {
    const { status, body } = await connection.send(post(`request ${i}`))
    t.is(status, 200)
    t.is(Buffer.from(body).toString(), `request ${i}`)
  }
  connection.close()
})

test('the load sends each request once, warm-up first, and stops at an answer that is not wanted', async (t) => {
  const { port, bodies } = await startEcho(t)
  const requestsFile = join(await makeTempFolder(t), 'requests')
  const requests = Array.from({ length: 30 }, (_, index) => post(`request ${index}`))
  await writeRequests(requestsFile, requests)
  t.deepEqual(
    (await readRequests(requestsFile)).map((one) => new Uint8Array(one)),
    requests,
  )
  const spec = { host: '127.0.0.1', port, connections: 4, seconds: 60, maxRequests: 1000, warmUp: 10, requestsFile } // prettier-ignore
  const result = await generateLoad({ ...spec, isCycled: false, status: 200 })
  t.is(result.count, 20)
  t.is(new Set(bodies).size, 30)
  t.true(result.p50Ms <= result.p99Ms)
  const limited = await generateLoad({ ...spec, isCycled: true, status: 200, maxRequests: 45 })
  t.is(limited.count, 45)
  await writeRequests(requestsFile, [post('bad')])
  await t.throwsAsync(generateLoad({ ...spec, isCycled: true, status: 200 }), { message: /status 500/ })
})

test('the PDF for signing has the wanted size', (t) => {
  const pdf = makePdf(1_000_000, 50)
  t.true(Math.abs(pdf.length - 1_000_000) < 30_000)
  t.is(Buffer.from(pdf.subarray(0, 8)).toString(), '%PDF-1.7')
})

const bench = (...args: string[]) =>
  promisify(execFile)(process.execPath, [join(import.meta.dirname, 'run.ts'), ...args])

test('the command names its benchmarks and refuses others', async (t) => {
  const { stdout } = await bench('--list')
  t.deepEqual(
    stdout.trim().split('\n').map((line) => line.split(' ')[0]), // prettier-ignore
    BENCHMARKS.map(({ name }) => name),
  )
  await t.throwsAsync(bench('no-such-benchmark'), { code: 2 })
})

test('a quick run measures and prints one line of JSON', async (t) => {
  const { stdout } = await bench('--quick', '--json', 'log-append')
  const result = JSON.parse(stdout) as {
    name: string
    unit: string
    ours: number
    limit: number
    runs: number
  }
  t.like(result, { name: 'log-append', unit: '/s', runs: 1 })
  t.true(result.ours > 0 && result.limit > result.ours)
})
