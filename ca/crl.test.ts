import test from 'ava'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requireTool, run } from '../src/test/judges.ts'
import { parseDer } from './asn1/reader.ts'
import { verifySignature } from './algorithms/signatures.ts'
import { compareBytes } from './asn1/writer.ts'
import type { Core } from './core.ts'
import { crlUrls, publishCrl } from './crl.ts'
import { diffCrlEntries } from './crl-diff.ts'
import type { CaStore, CrlEntryRow, CrlRow, IssuedRow } from './ports.ts'
import { encodeAllEntries } from './testing/build-crl.ts'
import { encodePem } from './testing/pem.ts'
import { type TestCore, openTestCore } from './testing/test-core.ts'
import { parseCertificate } from './x509/certificate.ts'
import { collect, readWholeCrl } from './x509/crl-content.ts'
import { type Crl, crlNumberOf, issuingDistributionPointOf, parseCrl } from './x509/crl.ts'
import { crlEntries, findCrlEntry } from './x509/crl-entries.ts'
import { parseDistributionPoints } from './x509/extensions.ts'
import { EXT } from './x509/oids.ts'

const ISSUER = 'issuing'
const hour = 3600_000
const derOf = (ca: TestCore, { content }: CrlRow): Promise<Uint8Array> => readWholeCrl(ca.store, content)
const crlOf = async (ca: TestCore, row: CrlRow | Promise<CrlRow>): Promise<Crl> =>
  parseCrl(await derOf(ca, await row))
const listed = async (ca: TestCore, row: CrlRow | Promise<CrlRow>): Promise<string[]> =>
  [...crlEntries(await crlOf(ca, row))].map(({ serialHex }) => serialHex)
const full = (test: TestCore): Promise<CrlRow> => publishCrl(test.core, { issuerId: ISSUER, shard: null })

const passTime = (test: TestCore, milliseconds: number): void =>
  test.setNow(new Date(test.core.ports.now().getTime() + milliseconds))

/** The same core over a store of which some answers are changed. */
const withStore = (core: Core, changes: Partial<CaStore>): Core => ({
  ...core,
  ports: { ...core.ports, store: { ...core.ports.store, ...changes } },
})

const recordsOf = (test: TestCore, type: string): Record<string, unknown>[] =>
  test.store.records.filter((record) => record.type === type).map(({ data }) => data)

test('check 22: numbers strictly increase, also when the clock stands still', async (t) => {
  const ca = await openTestCore()
  const numbers: bigint[] = []
  for (let i = 0; i < 4; i++) numbers.push(BigInt((await full(ca)).number))
  for (const [i, number] of numbers.slice(1).entries()) t.true(number > (numbers[i] ?? 0n))
  const last = await full(ca)
  t.is(crlNumberOf(await crlOf(ca, last)), BigInt(last.number))
})

test('check 22: a database that lost its last numbers does not repeat them', async (t) => {
  const ca = await openTestCore()
  const before = await full(ca)
  passTime(ca, hour)
  const forgotten = withStore(ca.core, {
    lastCrl: () => Promise.resolve(undefined),
    publishCrl: () => Promise.resolve(),
  })
  const after = await publishCrl(forgotten, { issuerId: ISSUER, shard: null })
  t.true(BigInt(after.number) > BigInt(before.number))
})

test('check 23: an entry that is lost without a reason blocks publishing', async (t) => {
  const ca = await openTestCore()
  const rows = [await ca.issueTo(), await ca.issueTo(), await ca.issueTo()]
  for (const row of rows) await ca.revoke(row, 'keyCompromise')
  const before = await full(ca)
  const lossy = withStore(ca.core, {
    crlEntries: (scope, at) => skipFirst(ca.core.ports.store.crlEntries(scope, at)),
  })
  await t.throwsAsync(publishCrl(lossy, { issuerId: ISSUER, shard: null }), {
    code: 'CRL_UNEXPLAINED_CHANGE',
  })
  t.is((await ca.store.lastCrl({ issuerId: ISSUER, shard: null }))?.number, before.number)
  t.is(recordsOf(ca, 'crl.refused')[0]?.['code'], 'CRL_UNEXPLAINED_CHANGE')
  t.deepEqual((await listed(ca, full(ca))).length, 3)
})

async function* skipFirst(entries: AsyncIterable<CrlEntryRow>): AsyncGenerator<CrlEntryRow> {
  let isFirst = true
  for await (const entry of entries) {
    if (!isFirst) yield entry
    isFirst = false
  }
}

test('check 23: an entry for a certificate that is not revoked, or with another date or reason, blocks publishing', async (t) => {
  const ca = await openTestCore()
  const good = await ca.issueTo()
  const bad = await ca.issueTo()
  await ca.revoke(bad, 'keyCompromise')
  await full(ca)
  const revokedAt = ca.core.ports.now()
  const entryFor = ({ serialHex }: IssuedRow, more: Partial<CrlEntryRow> = {}): CrlEntryRow => ({
    serialHex,
    revokedAt,
    reason: 'keyCompromise',
    invalidityDate: null,
    ...more,
  })
  const lists: CrlEntryRow[][] = [
    [entryFor(good), entryFor(bad)],
    [entryFor(bad, { reason: 'superseded' })],
    [entryFor(bad, { revokedAt: new Date(revokedAt.getTime() - hour) })],
    [{ ...entryFor(bad), serialHex: '01' }, entryFor(bad)],
  ]
  for (const list of lists) {
    const sorted = list.toSorted(
      (a, b) => a.serialHex.length - b.serialHex.length || (a.serialHex < b.serialHex ? -1 : 1),
    )
    const wrong = withStore(ca.core, { crlEntries: () => each(sorted) })
    await t.throwsAsync(publishCrl(wrong, { issuerId: ISSUER, shard: null }), {
      code: 'CRL_UNEXPLAINED_CHANGE',
    })
  }
})

async function* each(rows: readonly CrlEntryRow[]): AsyncGenerator<CrlEntryRow> {
  yield* rows
}

test('check 23: an expired certificate stays for one list after its end, then it may go', async (t) => {
  const ca = await openTestCore()
  const row = await ca.issueTo({ seconds: 86_400 })
  await ca.revoke(row, 'keyCompromise')
  t.deepEqual(await listed(ca, full(ca)), [row.serialHex])
  passTime(ca, 25 * hour)
  t.deepEqual(await listed(ca, full(ca)), [row.serialHex], 'first list after notAfter')
  passTime(ca, hour)
  t.deepEqual(await listed(ca, full(ca)), [], 'second list after notAfter')
})

test('check 23: attack: an entry dropped before its certificate has expired is noticed', async (t) => {
  const ca = await openTestCore()
  const row = await ca.issueTo({ seconds: 86_400 })
  await ca.revoke(row, 'keyCompromise')
  await full(ca)
  // On no list since it expired: it must be on one more (RFC 5280 §3.3).
  passTime(ca, 25 * hour)
  const early = withStore(ca.core, { crlEntries: () => each([]) })
  await t.throwsAsync(publishCrl(early, { issuerId: ISSUER, shard: null }), {
    code: 'CRL_UNEXPLAINED_CHANGE',
  })
})

test('check 24: the address in a shard is octet by octet that of its certificates', async (t) => {
  const ca = await openTestCore({ shards: 3 })
  for (let i = 0; i < 6; i++) {
    const row = await ca.issueTo({ profile: i % 2 ? 'organisation' : 'individual' })
    const { extensions } = parseCertificate(row.certDer)
    const [point] = parseDistributionPoints(
      extensions.get(EXT.crlDistributionPoints)?.value ?? new Uint8Array(0),
    )
    const shard = await publishCrl(ca.core, { issuerId: ISSUER, shard: row.shard })
    const crl = await crlOf(ca, shard)
    t.true(crl.extensions.get(EXT.issuingDistributionPoint)?.critical)
    t.deepEqual(issuingDistributionPointOf(crl)?.fullName, point?.fullName)
    t.is(compareBytes(crl.issuer.raw, ca.issuer.certificate.subject.raw), 0, 'check 6')
  }
  t.deepEqual(crlUrls(ca.core, ca.issuer, 2), ['http://ca.test.invalid/crl/issuing/2.crl'])
  t.is(issuingDistributionPointOf(await crlOf(ca, full(ca))), undefined)
})

test('check 25: reason 0 has no reasonCode', async (t) => {
  const ca = await openTestCore()
  const row = await ca.issueTo()
  await ca.revoke(row, 'unspecified')
  const [entry] = [...crlEntries(await crlOf(ca, full(ca)))]
  t.is(entry?.reason, undefined)
  t.is(entry?.extensions.size, 0)
})

test('check 26: nextUpdate is there and at most ten days away, an empty list has no revokedCertificates', async (t) => {
  const ca = await openTestCore()
  const crl = await crlOf(ca, full(ca))
  const days = ((crl.nextUpdate?.getTime() ?? Infinity) - crl.thisUpdate.getTime()) / (24 * hour)
  t.true(days > 0 && days <= 10)
  const fields = parseDer(crl.tbs)
  t.true(fields.content.length > 0)
  t.is(crl.entries.length, 0)
  t.true(verifySignature(ca.issuer.signatureAlgorithm, ca.issuer.publicKey, crl.tbs, crl.signature))
})

test('check 27: the union of the shards is the full list, without a serial twice', async (t) => {
  const ca = await openTestCore({ shards: 4 })
  const revoked: string[] = []
  for (let i = 0; i < 24; i++) {
    const row = await ca.issueTo()
    if (i % 3 === 0) continue
    await ca.revoke(row, i % 2 ? 'keyCompromise' : 'certificateHold')
    revoked.push(row.serialHex)
  }
  const shards = await Promise.all(
    [0, 1, 2, 3].map((shard) => publishCrl(ca.core, { issuerId: ISSUER, shard })),
  )
  const union = (await Promise.all(shards.map((row) => listed(ca, row)))).flat()
  t.deepEqual(union.toSorted(), revoked.toSorted())
  t.deepEqual(await listed(ca, full(ca)), revoked.toSorted())
})

test('check 28: of two publishers that saw the same last list one wins, and its list stands', async (t) => {
  const ca = await openTestCore()
  await full(ca)
  const row = await ca.issueTo()
  await ca.revoke(row, 'keyCompromise')
  const results = await Promise.allSettled([full(ca), full(ca)])
  const [won, lost] = results.toSorted((a) => (a.status === 'fulfilled' ? -1 : 1))
  t.is(won?.status, 'fulfilled')
  t.is(lost?.status === 'rejected' && (lost.reason as { code: string }).code, 'REVOCATION_CONFLICT')
  const stored = await ca.store.lastCrl({ issuerId: ISSUER, shard: null })
  t.is(won?.status === 'fulfilled' ? won.value.number : undefined, stored?.number)
})

test('check 28: the intent is durable before the key is used, and nothing is signed without it', async (t) => {
  const ca = await openTestCore()
  ca.store.failNext('record', 'fail')
  const uses = ca.keys.uses
  await t.throwsAsync(full(ca), { code: 'STORE_UNAVAILABLE' })
  t.is(ca.keys.uses, uses)
  ca.store.failNext('publishCrl', 'fail')
  await t.throwsAsync(full(ca), { code: 'STORE_UNAVAILABLE' })
  t.is(await ca.store.lastCrl({ issuerId: ISSUER, shard: null }), undefined)
  const [intent] = recordsOf(ca, 'crl.intent')
  t.is(recordsOf(ca, 'crl.refused')[0]?.['crlNumber'], intent?.['crlNumber'])
})

test('a signature that came out wrong is never published', async (t) => {
  const ca = await openTestCore()
  ca.keys.failNext('wrong-signature')
  await t.throwsAsync(full(ca), { code: 'ISSUANCE_MISMATCH' })
  t.is(await ca.store.lastCrl({ issuerId: ISSUER, shard: null }), undefined)
})

test('check 29: a hold that is released leaves no entry, a hold that becomes final keeps one', async (t) => {
  const ca = await openTestCore()
  const released = await ca.issueTo()
  const final = await ca.issueTo()
  await ca.revoke(released, 'certificateHold')
  await ca.revoke(final, 'certificateHold')
  t.is((await listed(ca, full(ca))).length, 2)
  passTime(ca, hour)
  await ca.release(released)
  await ca.revoke(final, 'keyCompromise')
  const crl = await crlOf(ca, full(ca))
  t.is(findCrlEntry(crl, parseCertificate(released.certDer).serial).entry, undefined)
  t.is(findCrlEntry(crl, parseCertificate(final.certDer).serial).entry?.reason, 'keyCompromise')
  const published = recordsOf(ca, 'crl.published').at(-1)
  t.deepEqual(published?.['removed'], [released.serialHex])
  t.deepEqual(published?.['added'], [])
})

test('the records of a list say what came and went, a thousand serials at a time', async (t) => {
  const ca = await openTestCore({ shards: 1 })
  const serials = Array.from({ length: 1201 }, (_, i) => `01${String(i).padStart(30, '0')}`)
  const revokedAt = ca.core.ports.now()
  const many = withStore(ca.core, {
    crlEntries: () =>
      each(
        serials.map((serialHex) => ({ serialHex, revokedAt, reason: 'unspecified', invalidityDate: null })),
      ),
  })
  await publishCrl(many, { issuerId: ISSUER, shard: 0 })
  const changes = recordsOf(ca, 'crl.changes')
  t.deepEqual(
    changes.flatMap((data) => data['added']),
    serials,
  )
  t.true(changes.every((data) => (data['added'] as string[]).length <= 1000))
  const [published] = recordsOf(ca, 'crl.published')
  t.is(published?.['entryCount'], 1201)
  t.deepEqual(published?.['added'], [])
})

test('thisUpdate never lies before the last list', async (t) => {
  const ca = await openTestCore()
  await full(ca)
  passTime(ca, -hour)
  await t.throwsAsync(full(ca), { code: 'CLOCK_WENT_BACK' })
})

test('a shard or issuer that does not exist is refused', async (t) => {
  const ca = await openTestCore({ shards: 2 })
  for (const shard of [-1, 2, 0.5])
    await t.throwsAsync(publishCrl(ca.core, { issuerId: ISSUER, shard }), { code: 'ISSUER_UNKNOWN' })
  await t.throwsAsync(publishCrl(ca.core, { issuerId: 'nobody', shard: null }), { code: 'ISSUER_UNKNOWN' })
})

test('the difference of two lists is exact', async (t) => {
  const revokedAt = new Date('2026-05-01T00:00:00Z')
  // Each entry is a run: what differs is found across their ends.
  const list = async (...serials: string[]): Promise<Uint8Array[]> =>
    Promise.all(
      serials.map((serialHex) =>
        encodeAllEntries([{ serialHex, revokedAt, reason: 'unspecified', invalidityDate: null }]),
      ),
    )
  const difference = async (before: string[], after: string[]): Promise<string[]> =>
    (await collect(diffCrlEntries(await list(...before), await list(...after)))).map(
      (d) => `${d.before ? '-' : ''}${d.after ? '+' : ''}${d.serialHex}`,
    )
  t.deepEqual(await difference(['01', '02', '03'], ['01', '02', '03']), [])
  t.deepEqual(await difference([], ['01', '80']), ['+01', '+80'])
  t.deepEqual(await difference(['01', '80'], []), ['-01', '-80'])
  t.deepEqual(await difference(['01', '03', '0101'], ['02', '03', '0100', '0101']), ['-01', '+02', '+0100'])
})

test('openssl crl and openssl verify take full list and shards', async (t) => {
  if (!requireTool(t, 'openssl')) return
  const ca = await openTestCore({ now: new Date('2026-05-04T03:02:01.250Z'), shards: 2 })
  const good = await ca.issueTo()
  const bad = await ca.issueTo()
  await ca.revoke(bad, 'keyCompromise')
  passTime(ca, 60_000)
  await inFolder(async (at) => {
    await writeFile(at('root.pem'), encodePem('CERTIFICATE', ca.root.certDer))
    await writeFile(at('ca.pem'), encodePem('CERTIFICATE', ca.issuer.certDer))
    for (const shard of [null, 0, 1])
      await writeFile(
        at(`${shard}.crl`),
        encodePem('X509 CRL', await derOf(ca, await publishCrl(ca.core, { issuerId: ISSUER, shard }))),
      )
    for (const shard of [null, 0, 1]) {
      const read = await run('openssl', [
        'crl',
        '-in',
        at(`${shard}.crl`),
        '-noout',
        '-text',
        '-CAfile',
        at('ca.pem'),
      ])
      t.regex(read.stderr, /verify OK/)
      t.is(/Issuing Distribution Point: critical/.test(read.stdout), shard !== null)
    }
    const verify = (row: IssuedRow, list: string): Promise<string> => verifyWith(at, row, list)
    t.regex(await verify(good, `${good.shard}.crl`), /OK/)
    t.regex(await verify(good, 'null.crl'), /OK/)
    t.regex(await verify(bad, `${bad.shard}.crl`), /certificate revoked/)
    t.regex(await verify(bad, 'null.crl'), /certificate revoked/)
    t.regex(await verify(bad, `${1 - (bad.shard ?? 0)}.crl`), /different CRL scope/)
  })
})

/** A hundred thousand revoked serials, and one more among them. */
async function* manyEntries(row: IssuedRow, revokedAt: Date): AsyncGenerator<CrlEntryRow> {
  const serials = Array.from({ length: 100_000 }, (_, i) => `41${(i * 7919).toString(16).padStart(30, '0')}`)
  serials.push(row.serialHex)
  for (const serialHex of await Promise.resolve(serials.sort()))
    yield { serialHex, revokedAt, reason: 'unspecified', invalidityDate: null }
}

test('openssl takes a list of a hundred thousand entries, and the next one is explained', async (t) => {
  if (!requireTool(t, 'openssl')) return
  const ca = await openTestCore({ now: new Date('2026-05-04T03:02:01.250Z') })
  const good = await ca.issueTo()
  const bad = await ca.issueTo()
  const revokedAt = ca.core.ports.now()
  await ca.revoke(bad, 'unspecified')
  passTime(ca, 60_000)
  const core = withStore(ca.core, { crlEntries: () => manyEntries(bad, revokedAt) })
  const scope = { issuerId: ISSUER, shard: null }
  const first = await publishCrl(core, scope)
  t.is(first.entryCount, 100_001)
  const second = await publishCrl(core, scope)
  t.is(second.entryCount, 100_001)
  await inFolder(async (at) => {
    await writeFile(at('root.pem'), encodePem('CERTIFICATE', ca.root.certDer))
    await writeFile(at('ca.pem'), encodePem('CERTIFICATE', ca.issuer.certDer))
    await writeFile(at('many.crl'), encodePem('X509 CRL', await derOf(ca, second)))
    const read = await run('openssl', [
      ...['crl', '-in', at('many.crl'), '-noout', '-verify', '-CAfile', at('ca.pem')],
    ])
    t.regex(read.stdout + read.stderr, /verify OK/)
    t.regex(await verifyWith(at, good, 'many.crl'), /OK/)
    t.regex(await verifyWith(at, bad, 'many.crl'), /certificate revoked/)
  })
})

async function verifyWith(at: (name: string) => string, row: IssuedRow, list: string): Promise<string> {
  await writeFile(at('leaf.pem'), encodePem('CERTIFICATE', row.certDer))
  const time = String(Math.floor(row.at.getTime() / 1000) + 120)
  const result = await run('openssl', [
    ...['verify', '-crl_check', '-attime', time, '-CAfile', at('root.pem'), '-untrusted', at('ca.pem')],
    ...['-CRLfile', at(list), at('leaf.pem')],
  ])
  return result.stdout + result.stderr
}

async function inFolder(use: (at: (name: string) => string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'crl-'))
  try {
    await use((name) => join(folder, name))
  } finally {
    await rm(folder, { recursive: true })
  }
}
