/**
 * Every statement that the service runs while it starts and works is asked for its plan: none reads a big table whole.
 *
 * The statements are heard at the driver, so that one that is added later is looked at too.
 */
import { rm } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import sqlite3 from 'sqlite3'
import test from 'ava'
import { readConfig } from '../config.ts'
import { openHouse } from '../main.ts'
import { AT_ONCE_SCHEMA } from '../store/commit-at-once.ts'
import { serve } from '../serve.ts'
import { makeCsr } from './e2e/csr.ts'
import { addEvidence, type CertificateJson, subjectOf } from './e2e/objects.ts'
import { startService } from './e2e/start.ts'

const NAME = 'Plans TEST ONLY'
const subject = subjectOf(NAME)

/** Tables that grow with every certificate, signature or request. */
const BIG =
  'serials|certificates|audit_records|revocations|status_changes|signatures|documents|idempotency_keys|identity_evidence|log_tiles|verifications|held_keys'

/** Statements by their text, heard since the last `take`. */
function listen() {
  const heard = new Set<string>()
  const prototype = sqlite3.Database.prototype as unknown as Record<string, (...args: unknown[]) => unknown>
  const known = new Map<string, (...args: unknown[]) => unknown>()
  for (const name of ['prepare', 'all', 'run', 'get', 'each', 'exec']) {
    const original = prototype[name]
    if (original === undefined) continue
    known.set(name, original)
    prototype[name] = function (...args: unknown[]) {
      if (typeof args[0] === 'string') heard.add(args[0])
      return Reflect.apply(original, this, args) as unknown
    }
  }
  return {
    take: (): string[] => {
      const all = [...heard].filter((sql) => /^\s*(SELECT|WITH|UPDATE|DELETE|INSERT)/i.test(sql))
      heard.clear()
      return all
    },
    restore: () => {
      for (const [name, original] of known) prototype[name] = original
    },
  }
}

/** A step along an index in the order asked for, that ends after a page. */
const isPage = (sql: string): boolean => /ORDER BY[^()]*LIMIT (\?|\d+)\s*$/i.test(sql)

/** Steps of a plan that read a big table from end to end. */
function scansOf(db: DatabaseSync, sql: string): string[] {
  const steps = db
    .prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .all()
    .map(({ detail }) => String(detail))
  const scan = new RegExp(`^SCAN (${BIG}|[a-z])\\b`)
  // An alias of one letter may be a table or a list made within the statement; the latter says so.
  // The index of requests under way holds a handful, whatever its table holds.
  const small = /^SCAN (k\b|idempotency_keys USING INDEX idempotency_keys_started)/
  const scans = steps.filter((step) => scan.test(step) && !small.test(step))
  return isPage(sql) && !steps.some((step) => step.includes('TEMP B-TREE FOR ORDER BY')) ? [] : scans
}

/** The list of what is revoked begins with what is revoked, and is as long as a full CRL. */
const isListOfRevoked = (sql: string): boolean =>
  sql.includes('FROM revocations WHERE state = ?) k CROSS JOIN')

const checkAll = (file: string, statements: readonly string[]): Record<string, string[]> => {
  const db = new DatabaseSync(file)
  const found: Record<string, string[]> = {}
  // Views and triggers of one connection are not in the file.
  for (const sql of AT_ONCE_SCHEMA) db.exec(sql)
  for (const sql of statements) {
    if (isListOfRevoked(sql)) continue
    const scans = scansOf(db, sql)
    if (scans.length > 0) found[sql] = scans
  }
  db.close()
  return found
}

test('a start, and everything that is done often, reads no big table whole', async (t) => {
  const ear = listen()
  const service = await startService('plans')
  const { alpha, dataDir } = service
  t.teardown(async () => {
    ear.restore()
    await rm(dataDir, { recursive: true, force: true })
  })
  const file = join(dataDir, 'yinxin.sqlite')
  const identityEvidenceId = await addEvidence(alpha, NAME)
  const item = (profile: string) => ({ profile, subject, csr: makeCsr(subject), identityEvidenceId })
  ear.take()
  const json = item('organisation')
  const idempotencyKey = 'plans-1'
  const certificate = await alpha.api.json<CertificateJson>('POST', '/v1/certificates', {
    json,
    idempotencyKey,
  })
  await alpha.api.json('POST', '/v1/certificates', { json, idempotencyKey })
  await alpha.api.json('POST', '/v1/certificates/batch', {
    json: { items: [item('event'), json, item('device')] },
  })
  const key = `${certificate.issuerId}/${certificate.serialHex}`
  await alpha.api.json('POST', '/v1/signatures', {
    json: { signer: { event: { subject, identityEvidenceId } }, level: 'B-T' },
    files: { document: { bytes: new Uint8Array(10), name: 'a.txt' } },
  })
  await service.sequenced()
  await alpha.api.bytes('GET', `/v1/certificates/${key}/receipt`)
  const searches = [
    { subject: 'Plans*' },
    { subject: NAME },
    { serialHex: certificate.serialHex },
    { spkiSha256: certificate.spkiSha256 },
    { state: 'valid' },
    { state: 'revoked' },
    { profile: 'event' },
    {},
  ]
  for (const query of searches)
    for (const { api } of [alpha, service.staff]) await api.json('GET', '/v1/certificates', { query })
  await service.house.store.records.search({ tenant: 'alpha', type: 'certificate.issued' })
  await service.house.store.certificates.search({ tenant: 'all', identityEvidenceId }, new Date())
  await alpha.api.json('GET', '/v1/signatures')
  await alpha.api.json('POST', `/v1/certificates/${key}/revocation`, {
    json: { reason: 'keyCompromise', legalGround: 'holder-request' },
  })
  await service.house.ca.crl({ issuerId: certificate.issuerId, shard: null })
  await service.house.ca.crl({ issuerId: certificate.issuerId, shard: 0 })
  await service.house.services.reconciler.closeAbandoned()
  await service.house.services.statistics.catchUp()
  await service.house.store.idempotency.sweep(new Date())
  const atWork = ear.take()
  t.true(atWork.length > 40, `${atWork.length} statements were heard`)
  t.deepEqual(checkAll(file, atWork), {})

  await service.running.close()
  await service.house.close()
  ear.take()
  const config = readConfig({ YINXIN_LOG: 'silent', YINXIN_FETCH: '0' }, { dataDir, port: 0, threads: 0 })
  const house = await openHouse(config, { serving: true })
  const running = await serve(house)
  const atStart = ear.take()
  await running.close()
  await house.close()
  t.true(atStart.length > 10, `${atStart.length} statements were heard`)
  t.deepEqual(checkAll(file, atStart), {})
})

test('a plan that reads a table whole is noticed', (t) => {
  const db = new DatabaseSync(':memory:')
  db.exec('CREATE TABLE serials (id integer primary key, at integer, tenant text)')
  t.deepEqual(scansOf(db, 'SELECT count(*) FROM serials'), ['SCAN serials'])
  t.deepEqual(scansOf(db, 'DELETE FROM serials WHERE tenant = ?'), ['SCAN serials'])
  t.deepEqual(scansOf(db, 'SELECT id FROM serials ORDER BY at LIMIT ?'), ['SCAN serials'])
  t.deepEqual(scansOf(db, 'SELECT id FROM serials ORDER BY id DESC LIMIT 1'), [])
  t.deepEqual(scansOf(db, 'SELECT id FROM serials WHERE id = ?'), [])
})
