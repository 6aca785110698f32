import { randomBytes } from 'node:crypto'
import test from 'ava'
import { buildApiKey, isApiKey, parseApiKey } from '../auth/api-key.ts'
import { draft, NOW, openTempStore } from '../test/temp-store.ts'
import { isForSqliteOnly } from '../test/test-database.ts'
import type { StoredApiKey } from './api-keys.ts'
import type { IdentityEvidence } from './identity-evidence.ts'
import type { Store } from './store.ts'
import type { Tenant } from './tenants.ts'

const later = (ms: number): Date => new Date(NOW.getTime() + ms)
const DAY = 86_400_000
const noRecord = async (store: Store): Promise<boolean> => (await store.log.readUnsequenced(1)).length === 0

const tenant = (id: string, changes: Partial<Tenant> = {}): Tenant => ({
  id,
  name: `${id} TEST ONLY`,
  documentRetentionSeconds: null,
  createdAt: NOW,
  disabledAt: null,
  ...changes,
})

const apiKey = (id: string, changes: Partial<StoredApiKey> = {}): StoredApiKey & { text: string } => {
  const key = buildApiKey(randomBytes)
  return {
    id,
    prefix: key.prefix,
    hash: key.hash,
    text: key.text,
    tenant: null,
    roles: ['signer'],
    label: null,
    createdBy: 'system',
    createdAt: NOW,
    expiresAt: null,
    revokedAt: null,
    lastUsedAt: null,
    ...changes,
  }
}

const evidence = (id: string, changes: Partial<IdentityEvidence> = {}): IdentityEvidence => ({
  id,
  tenant: 'acme',
  method: 'counter',
  source: 'TEST ONLY',
  result: 'passed',
  checkedAt: NOW,
  operator: 'operator:li',
  subjectHash: 'ab'.repeat(32),
  subjectSalt: 'cd'.repeat(16),
  attributeHashes: ['01'.repeat(32)],
  materialSha256: ['ef'.repeat(32)],
  createdAt: NOW,
  ...changes,
})

async function* chunks(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield new TextEncoder().encode(part)
}

const document = (id: string, tenantId = 'acme') => ({
  id,
  tenant: tenantId,
  mediaType: 'application/pdf',
  name: 'contract.pdf',
  createdAt: NOW,
  keepUntil: later(DAY),
})

test('tenants: made once, changed, listed newest first', async (t) => {
  const { store } = await openTempStore(t)
  await store.tenants.create(tenant('acme'), [draft()])
  await t.throwsAsync(store.tenants.create(tenant('acme'), [draft()]), { code: 'TENANT_EXISTS' })
  await store.tenants.create(tenant('beta', { createdAt: later(1) }), [draft()])
  const changed = await store.tenants.change('acme', { documentRetentionSeconds: 60 }, [draft()])
  t.deepEqual(changed, { ...tenant('acme'), documentRetentionSeconds: 60 })
  t.deepEqual(await store.tenants.find('acme'), changed)
  await t.throwsAsync(store.tenants.change('none', {}, [draft()]), { code: 'TENANT_NOT_FOUND' })
  const first = await store.tenants.list({ limit: 1 })
  t.deepEqual(
    first.items.map((item) => item.id),
    ['beta'],
  )
  const second = await store.tenants.list({ limit: 1, cursor: first.nextCursor! })
  t.deepEqual(
    second.items.map((item) => item.id),
    ['acme'],
  )
  t.is(second.nextCursor, null)
  t.is((await store.log.readUnsequenced(10)).length, 3)
})

test('API keys: found by prefix, proved by hash, revoked once, used at most once a minute', async (t) => {
  const { store } = await openTempStore(t)
  await store.tenants.create(tenant('acme'), [])
  const { text, ...key } = apiKey('k1', { tenant: 'acme', roles: ['signer', 'auditor'] })
  await store.apiKeys.create(key, [])
  const found = (await store.apiKeys.findByPrefix(parseApiKey(text).prefix))!
  t.deepEqual(found, { ...key, isTenantDisabled: false })
  t.true(isApiKey(parseApiKey(text), found.hash))
  t.is(await store.apiKeys.findByPrefix('0'.repeat(12)), undefined)
  const { text: _, ...lost } = apiKey('k2', { tenant: 'nobody' })
  await t.throwsAsync(store.apiKeys.create(lost, [draft()]), { code: 'TENANT_NOT_FOUND' })
  await store.apiKeys.touch(found, NOW)
  const used = (await store.apiKeys.findByPrefix(key.prefix))!
  t.deepEqual(used.lastUsedAt, NOW)
  await store.apiKeys.touch(used, later(1000))
  t.deepEqual((await store.apiKeys.findByPrefix(key.prefix))!.lastUsedAt, NOW)
  await t.throwsAsync(store.apiKeys.revoke('k1', 'other', NOW, [draft()]), { code: 'API_KEY_NOT_FOUND' })
  await t.throwsAsync(store.apiKeys.revoke('k1', null, NOW, [draft()]), { code: 'API_KEY_NOT_FOUND' })
  t.true(await noRecord(store))
  await store.apiKeys.revoke('k1', 'acme', NOW, [draft()])
  await store.apiKeys.revoke('k1', 'all', later(5), [draft()])
  t.deepEqual((await store.apiKeys.findByPrefix(key.prefix))!.revokedAt, NOW)
  t.is((await store.log.readUnsequenced(10)).length, 1)
  await store.tenants.change('acme', { disabledAt: NOW }, [])
  t.true((await store.apiKeys.findByPrefix(key.prefix))!.isTenantDisabled)
  const raw = JSON.stringify(await store.db.reader('api_keys'))
  t.false(raw.includes(parseApiKey(text).secret))
})

test('tenants never see each other: evidence, keys, documents, signatures, reports, API keys, records', async (t) => {
  const { store } = await openTempStore(t)
  for (const id of ['acme', 'beta']) {
    await store.tenants.create(tenant(id), [{ ...draft(), tenant: id }])
    await store.identityEvidence.add(evidence(`e-${id}`, { tenant: id }), [])
    await store.apiKeys.create(apiKey(`k-${id}`, { tenant: id }), [])
    const key = { keyId: `h-${id}`, algorithm: 'P-256', spkiDer: randomBytes(91), tenant: id, createdAt: NOW }
    await store.heldKeys.add(key, [])
    await store.documents.put(document(`d-${id}`, id), chunks('x'), [])
    const signature = {
      id: `s-${id}`,
      tenant: id,
      format: 'PAdES-B-B',
      contentSha256: '00'.repeat(32),
      signedSha256: null,
      issuerId: 'issuing',
      serialHex: '41',
      documentId: `d-${id}`,
      actor: 'system',
      signedAt: NOW,
      details: {},
    }
    await store.signatures.add(signature, [])
    const report = {
      documentSha256: '00'.repeat(32),
      indication: 'TOTAL-PASSED',
      policy: 'p',
      at: NOW,
      report: {},
    }
    await store.verifications.add({ ...report, id: `v-${id}`, tenant: id }, [])
    if (id === 'acme') await store.verifications.add({ ...report, id: 'v-public', tenant: null }, [])
  }
  t.is(await store.identityEvidence.find('e-beta', 'acme'), undefined)
  t.is(await store.heldKeys.find('h-beta', 'acme'), undefined)
  t.is(await store.heldKeys.find('h-beta', null), undefined)
  t.is(await store.signatures.find('s-beta', 'acme'), undefined)
  t.is(await store.verifications.find('v-beta', 'acme'), undefined)
  t.is(await store.verifications.find('v-beta', null), undefined)
  t.truthy(await store.verifications.find('v-public', 'beta'))
  t.truthy(await store.verifications.find('v-public', null))
  t.is(await store.documents.find('d-beta', 'acme'), undefined)
  await t.throwsAsync(store.documents.open('d-beta', 'acme'), { code: 'DOCUMENT_NOT_FOUND' })
  const pages = [
    ['e-acme', await store.identityEvidence.list('acme', {})],
    ['k-acme', await store.apiKeys.list('acme', {})],
    ['h-acme', await store.heldKeys.list('acme', {})],
    ['s-acme', await store.signatures.list('acme', {})],
    ['v-acme', await store.verifications.list('acme', {})],
  ] as const
  for (const [id, page] of pages) {
    const items = page.items as readonly { id?: string; keyId?: string }[]
    t.deepEqual(
      items.map((item) => item.id ?? item.keyId),
      [id],
    )
  }
  t.deepEqual(
    (await store.records.search({ tenant: 'beta' })).items.map((item) => item.record.tenant),
    ['beta'],
  )
  // A cursor of somebody else's list does not widen what is seen.
  const other = await store.signatures.list('beta', { limit: 1, cursor: `${NOW.getTime()}~z` })
  t.deepEqual(
    other.items.map((item) => item.id),
    ['s-beta'],
  )
})

test('a cursor that the list did not give is refused', async (t) => {
  const { store } = await openTempStore(t)
  for (const cursor of ['', 'x', '1', '1~', "1~'; DROP TABLE tenants", `1~${'a'.repeat(81)}`]) {
    await t.throwsAsync(store.tenants.list({ cursor }), { code: 'CURSOR_INVALID' }, cursor)
  }
  await t.throwsAsync(store.certificates.search({ tenant: 'all', cursor: '1~abc' }, NOW), {
    code: 'CURSOR_INVALID',
  })
})

test('idempotency: first runs, repeat gets the answer, another body or route is an error', async (t) => {
  const { store } = await openTempStore(t)
  const { idempotency } = store
  const claim = { owner: 'acme', key: 'k', route: 'POST /v1/signatures', bodySha256: '00'.repeat(32) }
  t.deepEqual(await idempotency.begin(claim, NOW), { state: 'new' })
  await t.throwsAsync(idempotency.begin(claim, NOW), { code: 'IDEMPOTENCY_IN_PROGRESS' })
  await idempotency.finish(claim, { status: 201, response: '{"id":1}' })
  t.deepEqual(await idempotency.begin(claim, NOW), { state: 'done', status: 201, response: '{"id":1}' })
  for (const other of [{ bodySha256: '11'.repeat(32) }, { route: 'POST /v1/certificates' }]) {
    await t.throwsAsync(idempotency.begin({ ...claim, ...other }, NOW), { code: 'IDEMPOTENCY_KEY_REUSED' })
  }
  t.deepEqual(await idempotency.begin({ ...claim, owner: 'beta' }, NOW), { state: 'new' })
  // After a day the key is free again.
  t.deepEqual(await idempotency.begin(claim, later(DAY)), { state: 'new' })
  t.is(await idempotency.sweep(later(10 * DAY)), 2)
})

test('idempotency: of a hundred equal requests at once one runs; a failed one can be tried again', async (t) => {
  const { store } = await openTempStore(t)
  const claim = { owner: 'acme', key: 'k', route: 'r', bodySha256: '00'.repeat(32) }
  const results = await Promise.allSettled(
    Array.from({ length: 100 }, () => store.idempotency.begin(claim, NOW)),
  )
  t.is(results.filter((result) => result.status === 'fulfilled').length, 1)
  await store.idempotency.abandon(claim)
  t.deepEqual(await store.idempotency.begin(claim, NOW), { state: 'new' })
  // The process died: after two minutes somebody else may do the work.
  await t.throwsAsync(store.idempotency.begin(claim, later(119_000)), { code: 'IDEMPOTENCY_IN_PROGRESS' })
  t.deepEqual(await store.idempotency.begin(claim, later(121_000)), { state: 'new' })
  // An answer is never taken back.
  await store.idempotency.finish(claim, { status: 200, response: '1' })
  await store.idempotency.abandon(claim)
  t.like(await store.idempotency.begin(claim, NOW), { state: 'done' })
})

test('leases: one holder at a time, a new epoch for each', async (t) => {
  if (isForSqliteOnly(t, 'leases by the clock of the caller')) return
  const { store } = await openTempStore(t)
  const first = await store.leases.acquire('crl', 'a', NOW, 1000)
  t.deepEqual(first, { name: 'crl', holder: 'a', epoch: 1 })
  t.is(await store.leases.acquire('crl', 'b', later(999), 1000), undefined)
  t.deepEqual(await store.leases.acquire('crl', 'a', later(500), 1000), first)
  const second = await store.leases.acquire('crl', 'b', later(1500), 1000)
  t.deepEqual(second, { name: 'crl', holder: 'b', epoch: 2 })
  await store.leases.clear()
  t.like(await store.leases.acquire('crl', 'c', later(1600), 1000), { epoch: 3 })
})

test('settings and figures are replaced as a whole', async (t) => {
  const { store } = await openTempStore(t)
  t.is(await store.settings.read('a'), undefined)
  await store.settings.write('a', { x: 1 }, NOW, [draft()])
  await store.settings.write('a', [2], NOW, [draft()])
  t.deepEqual(await store.settings.read('a'), [2])
  const day = (name: string, n: number) => ({ day: name, treeSize: n, figures: { n }, computedAt: NOW })
  await store.statistics.saveDays([day('2026-03-01', 1), day('2026-03-02', 2), day('2026-03-04', 4)], [])
  await store.statistics.saveDays([day('2026-03-02', 5)], [])
  t.deepEqual(await store.statistics.readDays('2026-03-01', '2026-03-03'), [
    day('2026-03-01', 1),
    day('2026-03-02', 5),
  ])
})

test('a signature names the record of itself', async (t) => {
  const { store } = await openTempStore(t)
  const signature = {
    id: 's1',
    tenant: 'acme',
    format: 'PAdES-B-T',
    contentSha256: '00'.repeat(32),
    signedSha256: '11'.repeat(32),
    issuerId: 'issuing',
    serialHex: '41',
    documentId: null,
    actor: 'system',
    signedAt: NOW,
    details: { page: 1 },
  }
  await store.signatures.add(signature, [draft({ n: 1 }), { ...draft({ n: 2 }), type: 'signature.created' }])
  const found = (await store.signatures.find('s1', 'acme'))!
  t.deepEqual({ ...found, recordId: null }, { ...signature, recordId: null })
  t.deepEqual((await store.records.find(found.recordId!))?.record.data, { n: 2 })
})

test('records are searched by tenant, type, actor and time, and streamed in order', async (t) => {
  const { store } = await openTempStore(t)
  for (let n = 0; n < 10; n++) {
    const record = { ...draft({ n }, later(n)), actor: n % 2 === 0 ? 'system' : 'operator:li' }
    await store.records.add([record])
  }
  const numbers = (page: { items: readonly { record: { data: { n?: unknown } } }[] }): unknown[] =>
    page.items.map((item) => item.record.data.n)
  t.deepEqual(numbers(await store.records.search({ tenant: 'all', actor: 'operator:li', limit: 2 })), [9, 7])
  t.deepEqual(numbers(await store.records.search({ tenant: null, from: later(3), to: later(6) })), [5, 4, 3])
  t.deepEqual(numbers(await store.records.search({ tenant: 'all', type: 'key.used' })), [])
  const page = await store.records.search({ tenant: 'all', limit: 6 })
  t.deepEqual(numbers(await store.records.search({ tenant: 'all', cursor: page.nextCursor! })), [3, 2, 1, 0])
  const streamed: unknown[] = []
  const last = await store.records.lastRow()
  for await (const { record } of store.records.stream(['certificate.intent'], 4, last - 1))
    streamed.push(record.data.n)
  t.deepEqual(streamed, [4, 5, 6, 7, 8])
  for await (const { record } of store.records.stream(['key.used', 'crl.intent'], 0, last)) t.fail(record.id)
})
