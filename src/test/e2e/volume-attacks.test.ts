/** What clients do to the endpoints of volume: floods, hang-ups, and repeats after a crash. */
import { createHash, randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import test from 'ava'
import { createClient } from '../../sdk/client.ts'
import { readConfig } from '../../config.ts'
import { openHouse } from '../../main.ts'
import { serveChild } from './child.ts'
import { makeCsr } from './csr.ts'
import { addEvidence, subjectOf } from './objects.ts'
import { prepareDataDir, startService } from './start.ts'

const NAME = 'Volume TEST ONLY'
const subject = subjectOf(NAME)

const eventOf = (identityEvidenceId: string) => ({
  signer: { subject, identityEvidenceId },
  intent: { sha256: createHash('sha256').update('TEST ONLY').digest('hex') },
  digests: [randomBytes(32).toString('hex')],
})

interface Outcome {
  readonly index: number
  readonly outcome?: string
  readonly serialHex?: string
  readonly issuerId?: string
  readonly problem?: { readonly code: string; readonly errors?: readonly { readonly rule: string }[] }
}

test('a flood of event signatures: what is too much is turned away with 503 and Retry-After, the rest is signed', async (t) => {
  t.timeout(180_000)
  const service = await startService('flood', { threads: 2 })
  t.teardown(() => service.close())
  const identityEvidenceId = await addEvidence(service.alpha, NAME)
  const items = Array.from({ length: 100 }, () => eventOf(identityEvidenceId))
  const body = JSON.stringify({ items })
  const post = async () => {
    const response = await fetch(`${service.address}/v1/event-signatures`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${service.alpha.text}` },
      body,
    })
    const answer = (await response.json()) as { signed?: number; code?: string }
    return { status: response.status, retryAfter: response.headers.get('retry-after'), answer }
  }
  // More signers at once than keys may be alive.
  const answers = await Promise.all(Array.from({ length: 130 }, post))
  const refused = answers.filter(({ status }) => status === 503)
  const signed = answers.filter(({ status }) => status === 200)
  t.is(refused.length + signed.length, 130)
  t.true(signed.every(({ answer }) => answer.signed === 100))
  t.true(refused.length > 0, 'nothing was turned away')
  for (const { retryAfter, answer } of refused) {
    t.truthy(retryAfter)
    t.regex(answer.code ?? '', /OVERLOADED$/)
  }
  t.is((await post()).status, 200, 'the service is there for the next one')
})

test('a client that hangs up while its event signatures are made: every intent has its outcome', async (t) => {
  const service = await startService('hang-up', { threads: 2 })
  t.teardown(() => service.close())
  const identityEvidenceId = await addEvidence(service.alpha, NAME)
  const items = Array.from({ length: 50 }, () => eventOf(identityEvidenceId))
  for (const wait of [5, 30, 60]) {
    const signal = AbortSignal.timeout(wait)
    await fetch(`${service.address}/v1/event-signatures`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${service.alpha.text}` },
      body: JSON.stringify({ items }),
      signal,
    }).catch(() => undefined)
  }
  // Whatever had begun is over before this answer.
  await service.alpha.api.json('POST', '/v1/event-signatures', { json: { items } })
  t.deepEqual(await openIntents(service.house.store.records), [])
})

/** Ids of signature intents without an outcome. */
async function openIntents({
  stream,
  lastRow,
}: Awaited<ReturnType<typeof openHouse>>['store']['records']): Promise<unknown[]> {
  const open = new Set<unknown>()
  const types = ['signature.intent', 'signature.created', 'signature.refused'] as const
  for await (const { record } of stream(types, 0, await lastRow())) {
    if (record.type === 'signature.intent') open.add(record.data['intentId'])
    else open.delete(record.data['intentId'])
  }
  return [...open]
}

async function readBulk(address: string, apiKey: string, lines: readonly string[], upTo: number) {
  const outcomes: Outcome[] = []
  try {
    const { body } = await fetch(`${address}/v1/certificates/bulk`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-ndjson', Authorization: `Bearer ${apiKey}` },
      body: lines.join(''),
    })
    let rest = ''
    for await (const text of (body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split('\n')
      rest = parts.pop() ?? ''
      outcomes.push(...parts.map((line) => JSON.parse(line) as Outcome))
      if (outcomes.length >= upTo) break
    }
  } catch {
    // The service died: what was read counts.
  }
  return outcomes
}

test('a bulk that is sent again after kill -9: what was answered comes back, and no key has two certificates', async (t) => {
  t.timeout(120_000)
  const dataDir = await prepareDataDir('bulk-crash')
  t.teardown(() => rm(dataDir, { recursive: true, force: true }))
  const first = await serveChild(dataDir)
  t.teardown(() => first.crash())
  const apiKey = first.apiKey ?? ''
  const api = createClient({ baseUrl: first.address, apiKey })
  const identityEvidenceId = await addEvidence({ id: '', text: '', api }, NAME)
  const lines = Array.from({ length: 1_000 }, () => {
    const item = { profile: 'organisation', subject, csr: makeCsr(subject), identityEvidenceId }
    return `${JSON.stringify(item)}\n`
  })
  const signing = api
    .json('POST', '/v1/event-signatures', {
      json: { items: Array.from({ length: 100 }, () => eventOf(identityEvidenceId)) },
    })
    .catch(() => undefined)
  const told = (await readBulk(first.address, apiKey, lines, 100)).filter(
    ({ outcome }) => outcome === 'issued',
  )
  await first.crash()
  await signing
  t.true(told.length > 0)
  const second = await serveChild(dataDir)
  t.teardown(() => second.crash())
  const again = await readBulk(second.address, apiKey, lines, lines.length + 1)
  t.is(again.length, lines.length + 1, 'every line and the end')
  for (const { index, serialHex } of told)
    t.like(again[index], { outcome: 'repeated', serialHex }, 'what a client was told stays true')
  for (const { outcome, problem } of again.slice(0, -1))
    if (outcome === 'refused')
      t.is(problem?.code, 'PROFILE_VIOLATION', 'its serial was taken when the service died')
  t.is(await second.stop(), 0)
  const house = await openHouse(readConfig({ YINXIN_LOG: 'silent' }, { dataDir, threads: 0 }), { serving: false }) // prettier-ignore
  t.deepEqual(await openIntents(house.store.records), [], 'the reconciler closed every intent')
  await house.close()
})
