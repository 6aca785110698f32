import test from 'ava'
import { publishCrl } from './crl.ts'
import type { CrlEntryRow, CrlRow, IssuedRow } from './ports.ts'
import { type TestCore, openTestCore } from './testing/test-core.ts'
import { readWholeCrl, wholeCrl } from './x509/crl-content.ts'
import { crlEntries } from './x509/crl-entries.ts'
import { parseCrl } from './x509/crl.ts'

const SCOPE = { issuerId: 'issuing', shard: null }
const revokedAt = new Date('2026-05-04T03:00:00Z')

/** Serials in order, whose middle decides where runs end as that of a random serial does. */
const serialOf = (n: number): string =>
  `41${n.toString(16).padStart(12, '0')}${((n * 2_654_435_761) % 2 ** 32).toString(16).padStart(8, '0')}00`

const MANY = Array.from({ length: 30_000 }, (_, n) => serialOf(n))

/** A core whose status database holds these serials, and those that were revoked for real. */
function withEntries(test: TestCore, serials: readonly string[], rows: readonly IssuedRow[] = []): TestCore {
  const all = [...serials, ...rows.map(({ serialHex }) => serialHex)].toSorted(
    (a, b) => a.length - b.length || (a < b ? -1 : 1),
  )
  async function* crlEntriesOf(): AsyncGenerator<CrlEntryRow> {
    for (const serialHex of all)
      yield await Promise.resolve({ serialHex, revokedAt, reason: 'unspecified', invalidityDate: null })
  }
  const store = { ...test.core.ports.store, crlEntries: crlEntriesOf }
  return { ...test, core: { ...test.core, ports: { ...test.core.ports, store } } }
}

const publish = (test: TestCore): Promise<CrlRow> => publishCrl(test.core, SCOPE)
const idsOf = ({ content }: CrlRow): string[] => content.parts.map(({ id }) => id)

test('the next list shares every part in which nothing changed, and one that came changes one part', async (t) => {
  const ca = await openTestCore({ now: revokedAt })
  const row = await ca.issueTo()
  const first = await publish(withEntries(ca, MANY))
  t.true(first.content.parts.length > 3, `${first.content.parts.length} parts`)
  const second = await publish(withEntries(ca, MANY))
  t.deepEqual(idsOf(second), idsOf(first))
  await ca.revoke(row, 'unspecified')
  const third = await publish(withEntries(ca, MANY, [row]))
  t.is(third.entryCount, MANY.length + 1)
  const known = new Set(idsOf(first))
  t.is(idsOf(third).filter((id) => !known.has(id)).length, 1)
  const whole = parseCrl(await readWholeCrl(ca.store, third.content))
  t.is([...crlEntries(whole)].length, MANY.length + 1)
  t.is(ca.store.records.filter(({ type }) => type === 'crl.changes').length, 60)
  const closing = ca.store.records.findLast(({ type }) => type === 'crl.published')
  t.deepEqual(closing?.data['added'], [row.serialHex])
})

test('a list that an older version stored in one piece is followed by one in parts', async (t) => {
  const ca = await openTestCore({ now: revokedAt })
  const row = await ca.issueTo()
  await ca.revoke(row, 'unspecified')
  const first = await publish(withEntries(ca, [], [row]))
  const der = await readWholeCrl(ca.store, first.content)
  const older = { ...first, number: String(BigInt(first.number) + 1n), content: wholeCrl(der) }
  await ca.store.publishCrl(older, first.number, [])
  const next = await publish(withEntries(ca, [], [row]))
  t.is(next.entryCount, 1)
  await t.throwsAsync(publish(withEntries(ca, [])), { code: 'CRL_UNEXPLAINED_CHANGE' })
  const whole = { ...next, number: String(BigInt(next.number) + 1n), content: wholeCrl(der) }
  await ca.store.publishCrl(whole, next.number, [])
  await t.throwsAsync(publish(withEntries(ca, [])), { code: 'CRL_UNEXPLAINED_CHANGE' })
})

test('check 28: a part that is not what was written is never signed, one that changes later never published', async (t) => {
  const ca = await openTestCore({ now: revokedAt })
  const made = withEntries(ca, MANY.slice(1, 6))
  const damagedFrom = (nth: number): TestCore => {
    let reads = 0
    const readCrlPart = async (id: string): Promise<Uint8Array> => {
      const bytes = (await ca.store.readCrlPart(id)).slice()
      if (++reads >= nth) bytes[20] = (bytes[20] ?? 0) ^ 1
      return bytes
    }
    const store = { ...made.core.ports.store, readCrlPart }
    return { ...made, core: { ...made.core, ports: { ...made.core.ports, store } } }
  }
  const uses = ca.keys.uses
  await t.throwsAsync(publish(damagedFrom(1)), { code: 'STORE_UNAVAILABLE' })
  t.is(ca.keys.uses, uses)
  await t.throwsAsync(publish(damagedFrom(2)), { code: 'ISSUANCE_MISMATCH' })
  t.is(ca.keys.uses, uses + 1)
  t.is(await ca.store.lastCrl(SCOPE), undefined)
})
