/** `POST /v1/certificates/bulk` through HTTP: lines in, lines out, whatever the client does. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { makeCsr } from './csr.ts'
import { addEvidence, subjectOf } from './objects.ts'
import { startService, type TestService } from './start.ts'

const NAME = 'Bulk TEST ONLY'
const subject = subjectOf(NAME)

interface Outcome {
  readonly index: number
  readonly ref?: string
  readonly outcome?: 'issued' | 'repeated' | 'refused'
  readonly serialHex?: string
  readonly problem?: { readonly code: string }
  readonly done?: true
  readonly issued?: number
  readonly repeated?: number
  readonly refused?: number
  readonly chains?: Readonly<Record<string, readonly string[]>>
}

let service: TestService
let identityEvidenceId: string

test.before(async () => {
  service = await startService('bulk', { threads: 2 })
  identityEvidenceId = await addEvidence(service.alpha, NAME)
})
test.after.always(() => service.close())

const item = (more: object = {}) => ({ profile: 'organisation', subject, csr: makeCsr(subject), identityEvidenceId, ...more }) // prettier-ignore
const lineOf = (value: unknown): string => `${JSON.stringify(value)}\n`

/** A stream under way: what is written goes out, outcomes come one by one. */
function open(signal?: AbortSignal) {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const encoder = new TextEncoder()
  const response = fetch(`${service.address}/v1/certificates/bulk`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/x-ndjson',
      Authorization: `Bearer ${service.alpha.text}`,
    },
    body: readable,
    duplex: 'half',
    ...(signal ? { signal } : {}),
  } as RequestInit)
  response.catch(() => undefined)
  const outcomes = outcomesOf(response)
  return {
    response,
    outcomes,
    write: (text: string) => writer.write(encoder.encode(text)),
    end: () => writer.close(),
    next: async (): Promise<Outcome> => {
      const { value } = await outcomes.next()
      if (!value) throw new Error('the answer ended')
      return value
    },
  }
}

async function* outcomesOf(response: Promise<Response>): AsyncGenerator<Outcome> {
  const { body } = await response
  let rest = ''
  for await (const text of (body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield JSON.parse(line) as Outcome
  }
}

async function send(lines: readonly string[]): Promise<Outcome[]> {
  const stream = open()
  const written = (async () => {
    for (const line of lines) await stream.write(line)
    await stream.end()
  })()
  const outcomes: Outcome[] = []
  for await (const outcome of stream.outcomes) outcomes.push(outcome)
  await written
  return outcomes
}

test('what is wrong with a line costs no other, and the last line counts', async (t) => {
  const bad: readonly [string, string][] = [
    ['{"profile":\n', 'REQUEST_INVALID'],
    ['[]\n', 'REQUEST_INVALID'],
    [lineOf(item({ unknown: 1 })), 'REQUEST_INVALID'],
    [lineOf(item({ profile: 'none' })), 'PROFILE_UNKNOWN'],
    [lineOf(item({ csr: 'A'.repeat(1_048_576) })), 'INPUT_TOO_LARGE'],
    [lineOf(item({ identityEvidenceId: undefined })), 'IDENTITY_EVIDENCE_REQUIRED'],
  ]
  const good = Array.from({ length: 30 }, (_, n) => lineOf(item({ ref: `order-${n}` })))
  const outcomes = await send([...good.slice(0, 15), ...bad.map(([line]) => line), '\n', ...good.slice(15)])
  t.deepEqual(
    outcomes.slice(15, 15 + bad.length).map(({ problem }) => problem?.code),
    bad.map(([, code]) => code),
  )
  const end = outcomes.at(-1)
  t.like(end, { done: true, issued: 30, repeated: 0, refused: bad.length })
  t.is(Object.values(end?.chains ?? {})[0]?.length, 2)
  t.deepEqual(
    outcomes.slice(0, -1).map(({ index }) => index),
    [...Array(36).keys()],
  )
  t.is(outcomes.at(-2)?.ref, 'order-29')
  t.is(new Set(outcomes.flatMap(({ serialHex }) => serialHex ?? [])).size, 30)
  const again = await send(good)
  t.like(again.at(-1), { issued: 0, repeated: 30, refused: 0 })
})

test('a slow sender gets each outcome before its next line, in pieces of any size', async (t) => {
  const stream = open()
  for (let n = 0; n < 3; n++) {
    const line = lineOf(item({ ref: String(n) }))
    await stream.write(line.slice(0, 50))
    await sleep(20)
    await stream.write(line.slice(50))
    t.like(await stream.next(), { index: n, ref: String(n), outcome: 'issued' })
  }
  await stream.end()
  t.true((await stream.next()).done)
})

test('a client that hangs up in the middle: what it was told stays true, and a repeat gets the same', async (t) => {
  const lines = Array.from({ length: 300 }, (_, n) => lineOf(item({ ref: String(n) })))
  const abort = new AbortController()
  const stream = open(abort.signal)
  const writing = (async () => {
    for (const line of lines) await stream.write(line)
  })().catch(() => undefined)
  const told = [await stream.next(), await stream.next()]
  abort.abort()
  await writing
  const again = await send(lines)
  t.is(again.at(-1)?.refused, 0)
  t.true((again.at(-1)?.repeated ?? 0) >= 2)
  t.deepEqual(
    again.slice(0, 2).map(({ serialHex }) => serialHex),
    told.map(({ serialHex }) => serialHex),
  )
})

const head = (key: string): string =>
  [
    'POST /v1/certificates/bulk HTTP/1.1',
    'Host: x',
    `Authorization: Bearer ${key}`,
    'Content-Type: application/x-ndjson',
    'Transfer-Encoding: chunked',
    '\r\n',
  ].join('\r\n')

test('a client that does not read is not read from, and costs little memory', async (t) => {
  const socket = connect(Number(new URL(service.address).port), '127.0.0.1')
  await once(socket, 'connect')
  socket.on('error', () => undefined)
  socket.pause()
  socket.write(head(service.alpha.text))
  const text = '"not an item"\n'.repeat(4_000)
  const chunk = `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
  const before = process.memoryUsage().rss
  let sent = 0
  // A million lines, as long as somebody takes them.
  while (sent < 250) {
    sent++
    if (socket.write(chunk)) continue
    const drained = await Promise.race([once(socket, 'drain').then(() => true), sleep(3_000, false)])
    if (!drained) break
  }
  t.true(sent < 250, `${sent * 4_000} lines were taken from a client that reads none of its answers`)
  t.true(process.memoryUsage().rss - before < 200 * 1_048_576)
  socket.destroy()
  t.is((await service.anonymous.json<object>('GET', '/healthz')) !== undefined, true)
})

test('a hundred thousand lines that are no items are each refused', async (t) => {
  t.timeout(120_000)
  const before = process.memoryUsage().rss
  const stream = open()
  const writing = (async () => {
    for (let n = 0; n < 100; n++) await stream.write('0\n'.repeat(1_000))
    await stream.end()
  })()
  let count = 0
  let last: Outcome | undefined
  for await (const outcome of stream.outcomes) {
    if (outcome.problem?.code === 'REQUEST_INVALID') count++
    last = outcome
  }
  await writing
  t.is(count, 100_000)
  t.like(last, { done: true, refused: 100_000 })
  t.true(process.memoryUsage().rss - before < 300 * 1_048_576)
})

test('another media type, another role and no key are refused before a line is read', async (t) => {
  const post = (headers: Record<string, string>) =>
    service.fetch(`${service.address}/v1/certificates/bulk`, {
      method: 'POST',
      headers,
      body: lineOf(item()),
    })
  const key = await service.key('alpha', ['signer'])
  const ndjson = { 'Content-Type': 'application/x-ndjson' }
  t.is(
    (await post({ 'Content-Type': 'application/json', Authorization: `Bearer ${service.alpha.text}` }))
      .status,
    415,
  )
  t.is((await post({ ...ndjson, Authorization: `Bearer ${key.text}` })).status, 403)
  t.is((await post(ndjson)).status, 401)
})
