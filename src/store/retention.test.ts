import { readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { parseRecord } from '../audit/record.ts'
import { draft, intent, issued, NOW, openTempStore } from '../test/temp-store.ts'
import type { IdentityEvidence } from './identity-evidence.ts'
import type { Store } from './store.ts'

const later = (ms: number): Date => new Date(NOW.getTime() + ms)
const DAY = 86_400_000
const noRecord = async (store: Store): Promise<boolean> => (await store.log.readUnsequenced(1)).length === 0

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

const readAll = async (bytes: AsyncIterable<Uint8Array>): Promise<string> => {
  let text = ''
  for await (const chunk of bytes) text += new TextDecoder().decode(chunk)
  return text
}

const document = (id: string, tenantId = 'acme') => ({
  id,
  tenant: tenantId,
  mediaType: 'application/pdf',
  name: 'contract.pdf',
  createdAt: NOW,
  keepUntil: later(DAY),
})

test('documents: same bytes while they are kept, then their digest only', async (t) => {
  const { store, folder } = await openTempStore(t)
  const stored = await store.documents.put(document('d1'), chunks('half ', 'and half'), [draft()])
  t.is(stored.size, 13)
  for (let round = 0; round < 2; round++) {
    const { bytes, document: found } = await store.documents.open('d1', 'acme')
    t.is(await readAll(bytes), 'half and half')
    t.deepEqual(found, stored)
  }
  const toRecord = () => ({ ...draft({ erased: true }), type: 'document.erased' })
  t.is(await store.retention.eraseDueDocuments(later(DAY - 1), toRecord), 0)
  t.is(await store.retention.eraseDueDocuments(later(DAY), toRecord), 1)
  t.is(await store.retention.eraseDueDocuments(later(DAY), toRecord), 0)
  const error = await t.throwsAsync(store.documents.open('d1', 'acme'), { code: 'DOCUMENT_ERASED' })
  t.deepEqual((error as unknown as { extra: object }).extra, { sha256: stored.sha256 })
  t.is((await store.documents.find('d1', 'acme'))?.name, null)
  t.deepEqual(await readdir(join(folder, 'documents')), [])
  t.is((await store.log.readUnsequenced(10)).length, 2)
})

test('documents: too long, broken off or refused by the database leaves no bytes and no row', async (t) => {
  const { store, folder } = await openTempStore(t)
  await t.throwsAsync(store.documents.put(document('d1'), chunks('1234', '5678'), [draft()], 7), {
    code: 'INPUT_TOO_LARGE',
  })
  const broken = (async function* () {
    yield new Uint8Array([1])
    throw new Error('connection lost')
  })()
  await t.throwsAsync(store.documents.put(document('d2'), broken, [draft()]), { code: 'STORE_UNAVAILABLE' })
  const bad = { ...draft(), type: 'no.such.type' }
  await t.throwsAsync(store.documents.put(document('d3'), chunks('x'), [bad]), {
    code: 'AUDIT_RECORD_INVALID',
  })
  await t.throwsAsync(store.documents.put(document('../../etc/x'), chunks('x'), []), {
    code: 'DOCUMENT_NOT_FOUND',
  })
  t.deepEqual(await readdir(join(folder, 'documents')), [])
  t.is((await store.db.reader('documents')).length, 0)
  t.true(await noRecord(store))
})

test('documents: files that a crash left are swept, living and young ones stay', async (t) => {
  const { store, folder } = await openTempStore(t)
  await store.documents.put(document('alive'), chunks('x'), [])
  const age = async (name: string, hours: number): Promise<void> => {
    const file = join(folder, 'documents', name)
    await writeFile(file, 'x')
    const then = new Date(Date.now() - hours * 3_600_000)
    await utimes(file, then, then)
  }
  await age('alive', 5)
  await age('orphan', 5)
  await age('half.part', 5)
  await age('young', 0)
  t.is(await store.retention.sweepFiles(new Date()), 2)
  t.deepEqual((await readdir(join(folder, 'documents'))).sort(), ['alive', 'young'])
})

test('law art. 24: certificate and evidence are kept for five years after the end, then names go, records stay', async (t) => {
  const { store } = await openTempStore(t)
  await store.identityEvidence.add(evidence('e1'), [])
  await store.identityEvidence.add(evidence('unused'), [])
  const row = intent()
  const notAfter = new Date('2026-06-30T00:00:00Z')
  await store.ca.recordIntents([row], [draft({ serialHex: row.serialHex })])
  await store.ca.recordIssued([issued(row, { notAfter, identityEvidenceId: 'e1' })], [])
  const early = new Date('2031-06-29T23:59:59Z')
  const due = new Date('2031-06-30T00:00:00Z')
  const over = { code: 'RETENTION_NOT_OVER' }
  await t.throwsAsync(store.retention.eraseSubject(row, early, [draft()]), over)
  await t.throwsAsync(store.retention.eraseEvidence('e1', early, [draft()]), over)
  await t.throwsAsync(store.retention.eraseEvidence('unused', new Date('2031-02-28T00:00:00Z'), []), over)
  await t.throwsAsync(store.retention.eraseEvidence('none', due, []), { code: 'IDENTITY_EVIDENCE_NOT_FOUND' })
  await t.throwsAsync(store.retention.eraseSubject({ ...row, serialHex: 'ff' }, due, []), {
    code: 'CERT_NOT_FOUND',
  })
  t.truthy(await store.ca.findIssued(row.issuerId, row.serialHex))
  await store.retention.eraseSubject(row, due, [draft()])
  await store.retention.eraseSubject(row, due, [draft()])
  await store.retention.eraseEvidence('e1', due, [draft()])
  await store.retention.eraseEvidence('unused', due, [])
  t.is(await store.ca.findIssued(row.issuerId, row.serialHex), undefined)
  t.is(await store.identityEvidence.find('e1', 'all'), undefined)
  const left = JSON.stringify(await store.db.reader('certificates'))
  t.false(left.includes('TEST ONLY'))
  t.is((await store.ca.findStatus(row.issuerId, row.serialHex))?.state, 'valid')
  const records = await store.log.readUnsequenced(10)
  t.is(records.length, 3)
  t.is(parseRecord(records[0]!.leaf).data.serialHex, row.serialHex)
})

test('CRLs lose their octets a while after the next one, the newest of each scope never; then parts go', async (t) => {
  const { store } = await openTempStore(t)
  const publish = async (shard: number | null, number: string, previous: string | null, at: number) => {
    const [id = ''] = await store.ca.addCrlParts([new Uint8Array([Number(number)])], NOW)
    const part = { id, sha256: 'a'.repeat(64), byteLength: 1 }
    const [headDer, tailDer] = [new Uint8Array([0x30]), new Uint8Array([0x31])]
    const content = { headDer, parts: [part], tailDer, sha256: 'b'.repeat(64) }
    const row = {
      issuerId: 'i',
      shard,
      number,
      thisUpdate: later(at),
      nextUpdate: later(at + 1),
      entryCount: 1,
    }
    await store.ca.publishCrl({ ...row, content }, previous, [])
    return id
  }
  const gone = await publish(null, '1', null, 0)
  const kept = await publish(null, '2', '1', 1000)
  const other = await publish(0, '1', null, 0)
  const [unnamed = ''] = await store.ca.addCrlParts([new Uint8Array([9])], NOW)
  t.is(await store.retention.pruneCrls(later(1000)), 0, 'its successor is not old enough')
  t.is(await store.retention.pruneCrlParts(NOW), 0, 'parts of a list being made')
  t.is(await store.retention.pruneCrls(later(1001)), 1)
  t.is(await store.retention.pruneCrls(later(1001)), 0)
  t.is(await store.retention.pruneCrlParts(later(DAY)), 2)
  for (const id of [gone, unnamed])
    await t.throwsAsync(store.ca.readCrlPart(id), { code: 'STORE_UNAVAILABLE' })
  t.deepEqual([...(await store.ca.readCrlPart(kept))], [2])
  t.deepEqual([...(await store.ca.readCrlPart(other))], [1])
  t.is((await store.ca.lastCrl({ issuerId: 'i', shard: null }))?.number, '2')
  t.is((await store.ca.lastCrl({ issuerId: 'i', shard: 0 }))?.number, '1')
})
