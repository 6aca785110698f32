import test from 'ava'
import { readWholeCrl, wholeCrl } from '../../ca/formats.ts'
import type { CertificateStatus, CrlEntryRow, CrlRow, StatusChange } from '../../ca/ports.ts'
import { parseRecord } from '../audit/record.ts'
import { draft, intent, issued, NOW, openTempStore } from '../test/temp-store.ts'
import { readCrlEntries } from './crl-entries.ts'
import { toBytes } from './values.ts'

const HOUR = 3_600_000

const revocation = (
  status: { issuerId: string; serialHex: string },
  changes: Partial<StatusChange> = {},
): StatusChange => ({
  issuerId: status.issuerId,
  serialHex: status.serialHex,
  from: 'valid',
  to: 'revoked',
  revokedAt: NOW,
  reason: 'superseded',
  legalGround: 'holder-request',
  invalidityDate: null,
  ...changes,
})

const collect = async (entries: AsyncIterable<CrlEntryRow>): Promise<string[]> => {
  const serials: string[] = []
  for await (const entry of entries) serials.push(entry.serialHex)
  return serials
}

const crl = (number: string, changes: Partial<CrlRow> = {}): CrlRow => ({
  issuerId: 'issuing',
  shard: null,
  number,
  thisUpdate: NOW,
  nextUpdate: new Date(NOW.getTime() + HOUR),
  entryCount: 0,
  content: wholeCrl(new Uint8Array([0x30, 0x00])),
  ...changes,
})

test('a serial goes from intent to valid to held to valid to revoked, and no further', async (t) => {
  const { store } = await openTempStore(t)
  const row = intent()
  const state = async (): Promise<string | undefined> =>
    (await store.ca.findStatus(row.issuerId, row.serialHex))?.state
  t.is(await state(), undefined)
  await store.ca.recordIntents([row], [draft()])
  t.is(await state(), 'intent')
  t.is(await store.ca.findIssued(row.issuerId, row.serialHex), undefined)
  const certificate = issued(row)
  await store.ca.recordIssued([certificate], [draft()])
  t.is(await state(), 'valid')
  const found = await store.ca.findIssued(row.issuerId, row.serialHex)
  t.deepEqual({ ...found, certDer: null }, { ...certificate, certDer: null })
  t.deepEqual(Buffer.from(found!.certDer), certificate.certDer)
  const held = await store.ca.changeStatus(revocation(row, { to: 'held', reason: 'certificateHold' }), [
    draft(),
  ])
  t.like(held, { state: 'held', reason: 'certificateHold', shard: 0, tenant: 'acme' } as CertificateStatus)
  const released = await store.ca.changeStatus(
    revocation(row, { from: 'held', to: 'valid', revokedAt: null, reason: null, legalGround: null }),
    [draft()],
  )
  t.like(released, { state: 'valid', revokedAt: null, reason: null } as CertificateStatus)
  await store.ca.changeStatus(revocation(row), [draft()])
  t.is(await state(), 'revoked')
  await t.throwsAsync(store.ca.changeStatus(revocation(row, { from: 'revoked', to: 'valid' }), [draft()]), {
    code: 'REVOCATION_CONFLICT',
  })
})

test('compare-and-set: of two revocations that saw the same state one wins, with one record', async (t) => {
  const { store } = await openTempStore(t)
  const row = intent()
  await store.ca.recordIntents([row], [])
  await store.ca.recordIssued([issued(row)], [])
  const results = await Promise.allSettled([
    store.ca.changeStatus(revocation(row, { reason: 'superseded' }), [draft({ n: 1 })]),
    store.ca.changeStatus(revocation(row, { reason: 'unspecified' }), [draft({ n: 2 })]),
    store.ca.changeStatus(revocation({ ...row, serialHex: '41ff' }), [draft({ n: 3 })]),
  ])
  t.deepEqual(
    results.map((result) => (result.status === 'fulfilled' ? 'done' : result.reason.code)),
    ['done', 'REVOCATION_CONFLICT', 'CERT_NOT_FOUND'],
  )
  const rows = await store.log.readUnsequenced(10)
  t.deepEqual(
    rows.map((record) => parseRecord(record.leaf).data),
    [{ n: 1 }],
  )
})

test('checks 1 and 2: a serial is taken once, and a collision fails only its own caller', async (t) => {
  const { store } = await openTempStore(t)
  const taken = intent()
  await store.ca.recordIntents([taken], [draft({ n: 0 })])
  const good = Array.from({ length: 50 }, () => intent())
  const calls = [
    ...good.map((row, n) => store.ca.recordIntents([row], [draft({ n })])),
    // All or nothing within one caller: the fresh serial beside the taken one is not stored either.
    store.ca.recordIntents([intent({ serialHex: '41aa' }), taken], [draft({ bad: true })]),
  ]
  const results = await Promise.allSettled(calls)
  t.is(results.filter((result) => result.status === 'fulfilled').length, 50)
  t.is((results.at(-1) as PromiseRejectedResult).reason.code, 'SERIAL_COLLISION')
  t.is(await store.ca.findStatus('issuing', '41aa'), undefined)
  t.is((await store.log.readUnsequenced(1000)).length, 51)
})

test('checks 1 and 2: 100,000 draws in parallel calls from a small space stay unique', async (t) => {
  const { store } = await openTempStore(t, { maxQueuedRows: 1_000_000 })
  const draws = 100_000
  const space = 65_536
  let stored = 0
  let collided = 0
  const draw = async (index: number): Promise<void> => {
    const rows = Array.from({ length: 10 }, (_, at) => {
      const number = (index * 10 + at) * 7919
      return intent({ serialHex: `41${(number % space).toString(16).padStart(6, '0')}` })
    })
    try {
      await store.ca.recordIntents(rows, [])
      stored += rows.length
    } catch (error) {
      t.is((error as { code: string }).code, 'SERIAL_COLLISION')
      collided += rows.length
    }
  }
  await Promise.all(Array.from({ length: draws / 10 }, (_, index) => draw(index)))
  t.is(stored + collided, draws)
  const [count] = await store.db.reader('serials').count({ n: '*' }).countDistinct({ d: 'serial_hex' })
  t.is(Number(count?.n), stored)
  t.is(Number(count?.d), stored)
  t.true(collided > 0)
})

test('a certificate without an intent, or a second one for a serial, is refused', async (t) => {
  const { store } = await openTempStore(t)
  const row = intent()
  await t.throwsAsync(store.ca.recordIssued([issued(row)], [draft()]), { code: 'CERT_NOT_FOUND' })
  await store.ca.recordIntents([row], [])
  await store.ca.recordIssued([issued(row)], [])
  await t.throwsAsync(store.ca.recordIssued([issued(row)], [draft()]), { code: 'SERIAL_COLLISION' })
  t.is((await store.log.readUnsequenced(10)).length, 0)
})

test('check 14: a compromised key is blocked with the revocation, and siblings are found by key', async (t) => {
  const { store } = await openTempStore(t)
  const first = intent()
  const second = intent({ spkiSha256: first.spkiSha256 })
  const orphan = intent({ spkiSha256: first.spkiSha256 })
  await store.ca.recordIntents([first, second, orphan], [])
  await store.ca.recordIssued([issued(first), issued(second)], [])
  const change = revocation(first, { reason: 'keyCompromise', blockSpkiSha256: first.spkiSha256 })
  await store.ca.changeStatus(change, [draft()])
  t.true((await store.ca.findBlockedKeys([first.spkiSha256])).has(first.spkiSha256))
  const siblings = (await store.ca.certificatesWithKeys([first.spkiSha256])).get(first.spkiSha256) ?? []
  t.deepEqual(
    siblings.map((status) => [status.serialHex, status.state]),
    [
      [second.serialHex, 'valid'],
      [orphan.serialHex, 'intent'],
    ],
  )
  // A failed change blocks nothing.
  const other = revocation(first, { from: 'valid', blockSpkiSha256: 'ab'.repeat(32) })
  await t.throwsAsync(store.ca.changeStatus(other, [draft()]), { code: 'REVOCATION_CONFLICT' })
  t.is((await store.ca.findBlockedKeys(['ab'.repeat(32)])).size, 0)
})

test('status changes are numbered upwards and cheap when nothing happened', async (t) => {
  const { store } = await openTempStore(t)
  const rows = Array.from({ length: 3 }, () => intent())
  await store.ca.recordIntents(rows, [])
  await store.ca.recordIssued(
    rows.map((row) => issued(row)),
    [],
  )
  t.deepEqual(await store.ca.statusChanges(0), { latest: 0, changed: [] })
  for (const row of rows) await store.ca.changeStatus(revocation(row), [draft()])
  const { latest, changed } = await store.ca.statusChanges(0)
  t.deepEqual(
    changed.map((change) => change.serialHex),
    rows.map((row) => row.serialHex),
  )
  t.deepEqual(await store.ca.statusChanges(latest), { latest, changed: [] })
})

test('check 27: the shards together are the full CRL, in order, over more than one read', async (t) => {
  const { store } = await openTempStore(t)
  const rows = Array.from({ length: 600 }, (_, index) =>
    intent({ shard: index % 3, serialHex: `41${index.toString(16).padStart(6, '0')}` }),
  )
  await store.ca.recordIntents(rows, [])
  await store.ca.recordIssued(
    rows.map((row) => issued(row)),
    [],
  )
  await Promise.all(rows.map((row) => store.ca.changeStatus(revocation(row), [draft()])))
  const full = await collect(readCrlEntries(store.db.reader, { issuerId: 'issuing', shard: null }, 0, 100))
  t.deepEqual(
    full,
    rows.map((row) => row.serialHex),
  )
  const shards = await Promise.all(
    [0, 1, 2].map((shard) => collect(store.ca.crlEntries({ issuerId: 'issuing', shard }, NOW))),
  )
  t.deepEqual(shards.flat().sort(), full)
  t.deepEqual(await collect(store.ca.crlEntries({ issuerId: 'other', shard: null }, NOW)), [])
})

test('an expired revoked certificate stays for one CRL after its end', async (t) => {
  const { store } = await openTempStore(t)
  const row = intent()
  const notAfter = new Date(NOW.getTime() + HOUR)
  await store.ca.recordIntents([row], [])
  await store.ca.recordIssued([issued(row, { notAfter })], [])
  await store.ca.changeStatus(revocation(row), [draft()])
  const scope = { issuerId: 'issuing', shard: null }
  const at = (hours: number): Date => new Date(NOW.getTime() + hours * HOUR)
  await store.ca.publishCrl(crl('1', { thisUpdate: at(0.5) }), null, [draft()])
  t.is((await collect(store.ca.crlEntries(scope, at(2)))).length, 1)
  await store.ca.publishCrl(crl('2', { thisUpdate: at(2) }), '1', [draft()])
  t.is((await collect(store.ca.crlEntries(scope, at(3)))).length, 0)
})

test('check 28: a CRL is published by compare-and-swap with a number that only grows', async (t) => {
  const { store } = await openTempStore(t)
  const scope = { issuerId: 'issuing', shard: null }
  t.is(await store.ca.lastCrl(scope), undefined)
  const results = await Promise.allSettled([
    store.ca.publishCrl(crl('9'), null, [draft()]),
    store.ca.publishCrl(crl('9'), null, [draft()]),
  ])
  t.deepEqual(
    results.map((result) => result.status),
    ['fulfilled', 'rejected'],
  )
  const conflict = { code: 'REVOCATION_CONFLICT' }
  await t.throwsAsync(store.ca.publishCrl(crl('9'), '9', []), conflict)
  await t.throwsAsync(store.ca.publishCrl(crl('10'), '8', []), conflict)
  await t.throwsAsync(store.ca.publishCrl(crl((2n ** 159n).toString()), '9', []), conflict)
  await t.throwsAsync(store.ca.publishCrl(crl('x'), '9', []), conflict)
  const older = crl('10', { thisUpdate: new Date(NOW.getTime() - 1) })
  await t.throwsAsync(store.ca.publishCrl(older, '9', []), conflict)
  await store.ca.publishCrl(crl('10'), '9', [draft()])
  t.like(await store.ca.lastCrl(scope), { number: '10', shard: null, entryCount: 0 })
  await store.ca.publishCrl(crl('1', { shard: 0 }), null, [draft()])
  t.like(await store.ca.lastCrl({ issuerId: 'issuing', shard: 0 }), { number: '1', shard: 0 })
  t.is((await store.log.readUnsequenced(10)).length, 3)
})

test('a CRL in parts is what was written, and is not published when a part is gone', async (t) => {
  const { store } = await openTempStore(t)
  const scope = { issuerId: 'issuing', shard: null }
  const runs = [new Uint8Array([1, 2]), new Uint8Array([3])]
  const ids = await store.ca.addCrlParts(runs, NOW)
  const parts = ids.map((id, at) => ({ id, sha256: `${at}`.repeat(64), byteLength: runs[at]!.length }))
  const content = {
    headDer: new Uint8Array([0]),
    // A run may come twice: two lists share it, and so may one.
    parts: [...parts, parts[0]!],
    tailDer: new Uint8Array([4]),
    sha256: 'f'.repeat(64),
  }
  await store.ca.publishCrl(crl('1', { content, entryCount: 3 }), null, [draft()])
  const last = await store.ca.lastCrl(scope)
  t.deepEqual(last?.content.parts, content.parts)
  t.is(last?.content.sha256, content.sha256)
  t.deepEqual([...(await readWholeCrl(store.ca, last!.content))], [0, 1, 2, 3, 1, 2, 4])
  const missing = { ...content, parts: [...parts, { ...parts[0]!, id: '999' }] }
  await t.throwsAsync(store.ca.publishCrl(crl('2', { content: missing }), '1', []), {
    code: 'REVOCATION_CONFLICT',
  })
  t.is((await store.ca.lastCrl(scope))?.number, '1')
  // As older versions stored them: in one piece, without its hash.
  await store.db.writer('crls').update({ parts: null, tail_der: null, crl_sha256: null })
  t.deepEqual((await store.ca.lastCrl(scope))?.content, wholeCrl(new Uint8Array([0])))
})

test('records keep their order and their time never runs backwards', async (t) => {
  const { store } = await openTempStore(t)
  t.is(await store.ca.lastRecordTime(), undefined)
  const later = new Date(NOW.getTime() + 5)
  await Promise.all([
    store.ca.record([draft({ n: 1 }, later), draft({ n: 2 }, NOW)]),
    store.ca.record([draft({ n: 3 }, NOW)]),
  ])
  await store.ca.record([draft({ n: 4 }, new Date(later.getTime() + 1))])
  const records = (await store.log.readUnsequenced(10)).map((row) => parseRecord(row.leaf))
  t.deepEqual(
    records.map((record) => record.data.n),
    [1, 2, 3, 4],
  )
  t.deepEqual(
    records.map((record) => Date.parse(record.at) - NOW.getTime()),
    [5, 5, 5, 6],
  )
  t.is(new Set(records.map((record) => record.id)).size, 4)
  t.deepEqual(await store.ca.lastRecordTime(), new Date(later.getTime() + 1))
  const stored = await store.db.reader('audit_records').orderBy('seq')
  t.deepEqual(
    stored.map((row) => [row.id, row.type, Buffer.from(toBytes(row.leaf)).toString()]),
    records.map((record) => [
      record.id,
      record.type,
      Buffer.from(stored[records.indexOf(record)].leaf).toString(),
    ]),
  )
})

test('a record that cannot be a leaf is refused before it shares a transaction', async (t) => {
  const { store } = await openTempStore(t)
  const bad = { ...draft(), type: 'no.such.type' }
  const results = await Promise.allSettled([
    store.ca.record([draft()]),
    store.ca.record([bad]),
    store.ca.record([draft({ text: 'x'.repeat(70_000) })]),
  ])
  t.deepEqual(
    results.map((result) => (result.status === 'fulfilled' ? 'done' : result.reason.code)),
    ['done', 'AUDIT_RECORD_INVALID', 'INPUT_TOO_LARGE'],
  )
  const row = intent()
  await t.throwsAsync(store.ca.recordIntents([row], [bad]), { code: 'AUDIT_RECORD_INVALID' })
  t.is(await store.ca.findStatus(row.issuerId, row.serialHex), undefined)
})
