import test from 'ava'
import fc from 'fast-check'
import type { AuditRecord, RecordType } from '../audit/record.ts'
import { encodeRecord } from '../audit/record.ts'
import { verifyLog } from '../audit/verify-log.ts'
import type { JsonObject } from '../lib/canonical-json.ts'
import { formatDay, parseDay, toExpiryDay, toShanghaiDay } from './day.ts'
import {
  buildFacts,
  type CertificateFacts,
  emptyStatistics,
  findNeededCertificate,
  foldRecord,
  foldRecords,
  type StatisticsState,
} from './fold.ts'
import { readFigures } from './figures.ts'
import { formatGrowth, formatYi } from './format.ts'

type Plain = { at: string; type: RecordType; data: JsonObject }

const SHA = 'ab'.repeat(32)

const toRecord = ({ at, type, data }: Plain, n: number): AuditRecord => ({
  v: 1,
  id: `rec${String(n).padStart(10, '0')}`,
  at: new Date(at).toISOString(),
  type,
  actor: 'system',
  tenant: null,
  data,
})

const issued = (at: string, serialHex: string, more: JsonObject = {}): Plain => ({
  at,
  type: 'certificate.issued',
  data: {
    serialHex,
    issuerId: 'ca1',
    profile: 'organisation',
    profileSha256: SHA,
    class: 'organisation',
    algorithm: 'ecdsa-p256',
    notBefore: at,
    notAfter: '2027-01-01T00:00:00Z',
    certSha256: SHA,
    tbsSha256: SHA,
    spkiSha256: SHA,
    subjectHash: SHA,
    ...more,
  },
})

const changed = (at: string, type: 'revoked' | 'held' | 'released', serialHex: string): Plain => ({
  at,
  type: `certificate.${type}`,
  data: { serialHex, issuerId: 'ca1', reason: 'superseded', legalGround: 'holder-request' },
})

/** Folds plain records; facts come from the issued records before, as a certificate table would give them. */
const fold = (plain: readonly Plain[], state: StatisticsState = emptyStatistics()): StatisticsState => {
  const facts = new Map<string, CertificateFacts>()
  for (const [n, one] of plain.entries()) {
    const record = toRecord(one, n)
    const needed = findNeededCertificate(record)
    const known = needed === null ? undefined : facts.get(`${needed.issuerId}/${needed.serialHex}`)
    if (n >= state.size) foldRecord(state, n, record, known)
    if (record.type === 'certificate.issued') {
      facts.set(`${String(record.data.issuerId)}/${String(record.data.serialHex)}`, buildFacts(record))
    }
  }
  return state
}

test('days are those of Asia/Shanghai', (t) => {
  t.is(formatDay(toShanghaiDay('2026-01-31T15:59:59.999Z')), '2026-01-31')
  t.is(formatDay(toShanghaiDay('2026-01-31T16:00:00.000Z')), '2026-02-01')
  t.is(parseDay('1970-01-02'), 1)
  t.is(formatDay(toExpiryDay('2026-01-31T15:59:58Z')), '2026-01-31')
  t.is(formatDay(toExpiryDay('2026-01-31T15:59:59Z')), '2026-02-01', 'valid in the last second of the day')
  for (const bad of ['', '2026-02-30', '2026-1-1', '2026-01-01T00:00:00Z', '20260101', 'x']) {
    t.throws(() => parseDay(bad), { code: 'STATISTICS_RANGE' })
  }
  t.throws(() => toShanghaiDay('never'), { code: 'STATISTICS_STATE' })
})

test('issued, revoked, suspended, resumed, expired and the stock at each day’s end', (t) => {
  const state = fold([
    issued('2026-01-01T01:00:00Z', '01'),
    issued('2026-01-01T02:00:00Z', '02', { notAfter: '2026-01-04T00:00:00Z' }),
    issued('2026-01-01T17:00:00Z', '03', { class: 'individual', profile: 'individual' }),
    changed('2026-01-02T01:00:00Z', 'held', '01'),
    changed('2026-01-03T01:00:00Z', 'released', '01'),
    changed('2026-01-04T01:00:00Z', 'revoked', '03'),
  ])
  const figures = readFigures(state, '2026-01-01', '2026-01-05')
  const by = (field: 'validAtEnd' | 'onHoldAtEnd' | 'issued' | 'expired' | 'revoked') =>
    figures.days.map((day) => day.totals[field])
  t.deepEqual(by('issued'), [2, 1, 0, 0, 0], 'the third was issued at 01:00 on the 2nd in Shanghai')
  t.deepEqual(by('validAtEnd'), [2, 2, 3, 1, 1])
  t.deepEqual(by('onHoldAtEnd'), [0, 1, 0, 0, 0])
  t.deepEqual(by('expired'), [0, 0, 0, 1, 0])
  t.deepEqual(by('revoked'), [0, 0, 0, 1, 0])
  t.like(figures.totals, { issued: 3, revoked: 1, suspended: 1, resumed: 1, expired: 1, validAtEnd: 1 })
  t.like(figures.byClass, {
    organisation: { issued: 2, validAtEnd: 1 },
    individual: { issued: 1, validAtEnd: 0 },
  })
  t.deepEqual(figures.revokedByGround, { 'holder-request': 1 })
  t.is(figures.activity['certificate.issued'], 3)
  t.is(figures.anomalies, 0)
})

test('event certificates are counted as issued and never as held after expiry', (t) => {
  const event = { class: 'event', profile: 'event' }
  const state = fold([
    issued('2026-01-01T02:00:00Z', '01', { ...event, notAfter: '2026-01-01T02:05:00Z' }),
    issued('2026-01-01T15:59:00Z', '02', { ...event, notAfter: '2026-01-01T16:04:00Z' }),
  ])
  const { days, byClass } = readFigures(state, '2026-01-01', '2026-01-02')
  t.deepEqual(
    days.map((day) => [day.totals.issued, day.totals.validAtEnd, day.totals.expired]),
    [
      [2, 1, 1],
      [0, 0, 1],
    ],
    'the second lives over midnight and is in one day’s end',
  )
  t.like(byClass.event, { issued: 2, validAtEnd: 0 })
})

test('the institution’s own certificates are not in the figures', (t) => {
  const own = (cls: string, serial: string) =>
    issued('2026-01-01T01:00:00Z', serial, { class: cls, profile: cls })
  const state = fold([
    own('ca', '01'),
    own('ocsp', '02'),
    own('tsa', '03'),
    changed('2026-01-02T01:00:00Z', 'revoked', '02'),
  ])
  t.deepEqual(readFigures(state, '2026-01-01', '2026-01-02').rows, [])
  t.is(state.anomalies, 0)
})

test('a second revocation, an unknown serial and a late revocation are anomalies and change no figure', (t) => {
  const state = fold([
    issued('2026-01-01T01:00:00Z', '01'),
    issued('2026-01-01T01:00:00Z', '02', { notAfter: '2026-01-02T00:00:00Z' }),
    changed('2026-01-02T01:00:00Z', 'revoked', '01'),
    changed('2026-01-02T01:00:00Z', 'revoked', '01'),
    changed('2026-01-02T01:00:00Z', 'released', '01'),
    changed('2026-01-02T01:00:00Z', 'revoked', 'ff'),
    changed('2026-01-05T01:00:00Z', 'revoked', '02'),
  ])
  const figures = readFigures(state, '2026-01-01', '2026-01-05')
  t.like(figures.totals, { issued: 2, revoked: 1, resumed: 0, expired: 1, validAtEnd: 0 })
  t.is(figures.anomalies, 4)
})

test('records are folded once and in turn', (t) => {
  const state = emptyStatistics()
  const record = toRecord(issued('2026-01-01T01:00:00Z', '01'), 0)
  t.throws(() => foldRecord(state, 1, record), { code: 'STATISTICS_STATE' })
  foldRecord(state, 0, record)
  t.throws(() => foldRecord(state, 0, record), { code: 'STATISTICS_STATE' })
  const broken = toRecord({ at: '2026-01-01T01:00:00Z', type: 'certificate.issued', data: {} }, 1)
  t.throws(() => foldRecord(state, 1, broken), { code: 'STATISTICS_STATE' })
})

test('foldRecords asks for the facts it needs', async (t) => {
  const records = [
    issued('2026-01-01T01:00:00Z', '01'),
    changed('2026-01-02T01:00:00Z', 'revoked', '01'),
  ].map(toRecord)
  const asked: string[] = []
  const state = emptyStatistics()
  await foldRecords(state, records, async ({ issuerId, serialHex }) => {
    asked.push(`${issuerId}/${serialHex}`)
    return buildFacts(records[0]!)
  })
  t.deepEqual(asked, ['ca1/01'])
  t.like(readFigures(state, '2026-01-01', '2026-01-02').totals, { issued: 1, revoked: 1, validAtEnd: 0 })
})

test('periods that are empty, backwards or too long are refused', (t) => {
  const state = emptyStatistics()
  t.is(readFigures(state, '2026-01-01', '2026-01-01').totals.issued, 0)
  t.throws(() => readFigures(state, '2026-01-02', '2026-01-01'), { code: 'STATISTICS_RANGE' })
  t.throws(() => readFigures(state, '2006-01-01', '2026-01-01'), { code: 'STATISTICS_RANGE' })
})

/** Random lives of certificates, in log order, the odd record up to 30 s out of order. */
const lives = (): fc.Arbitrary<Plain[]> => {
  const start = Date.parse('2026-01-01T00:00:00Z')
  const step = fc.record({
    what: fc.constantFrom('issue', 'issue', 'held', 'released', 'revoked'),
    pick: fc.nat(),
    gap: fc.integer({ min: 0, max: 20 * 3_600 }),
    back: fc.constantFrom(0, 0, 0, 30_000),
    life: fc.constantFrom(300, 3_600, 86_400, 86_400 * 2, 86_400 * 30),
    delay: fc.constantFrom(0, 0, -3_600, 86_400),
    cls: fc.constantFrom('individual', 'organisation', 'device', 'event', 'ocsp'),
    alg: fc.constantFrom('ecdsa-p256', 'rsa-2048'),
  })
  return fc.array(step, { maxLength: 40 }).map((steps) => {
    let time = start
    let made = 0
    return steps.flatMap(({ what, pick, gap, back, life, delay, cls, alg }) => {
      time += gap * 1000
      const at = new Date(time - back).toISOString()
      if (what !== 'issue') {
        return made === 0 ? [] : [changed(at, what as 'held', `a${pick % made}`)]
      }
      const begin = Math.floor((time + delay * 1000) / 1000) * 1000
      const dates = {
        notBefore: new Date(begin).toISOString(),
        notAfter: new Date(begin + life * 1000).toISOString(),
      }
      return [issued(at, `a${made++}`, { ...dates, class: cls, profile: cls, algorithm: alg })]
    })
  })
}

test('check 45: figures folded step by step equal the independent recount, for every day and kind', async (t) => {
  let compared = 0
  await fc.assert(
    fc.asyncProperty(lives(), fc.nat(), async (plain, cut) => {
      // Folding in two sessions, with the state stored between them, is the same as in one.
      const first = fold(plain.slice(0, plain.length === 0 ? 0 : cut % plain.length))
      const state = fold(plain, JSON.parse(JSON.stringify(first)) as StatisticsState)
      t.deepEqual(state, fold(plain))
      const periods = Array.from({ length: 40 }, (_, day) => {
        const text = formatDay(parseDay('2026-01-01') + day)
        return { from: text, to: text }
      })
      periods.push({ from: '2026-01-03', to: '2026-02-05' }, { from: '2025-12-01', to: '2026-12-31' })
      const report = await verifyLog({
        leaves: plain.map((one, n) => encodeRecord(toRecord(one, n))),
        checkpoint: new Uint8Array(0),
        verifierKey: '',
        periods,
      })
      for (const counted of report.figures) {
        const figures = readFigures(state, counted.from, counted.to)
        t.deepEqual(figures.totals, counted.totals)
        const order = (rows: readonly { class: string; profile: string; algorithm: string }[]) =>
          [...rows].sort((a, b) =>
            JSON.stringify([a.class, a.algorithm]) < JSON.stringify([b.class, b.algorithm]) ? -1 : 1,
          )
        t.deepEqual(order(figures.rows), order(counted.rows))
        compared++
      }
    }),
    { numRuns: 120 },
  )
  t.is(compared, 120 * 42)
})

test('records some seconds out of order over midnight count the same in both', async (t) => {
  const plain = [
    issued('2026-01-01T01:00:00Z', '01'),
    issued('2026-01-01T01:00:00Z', '02'),
    changed('2026-01-02T16:00:10Z', 'held', '01'),
    changed('2026-01-02T15:59:50Z', 'released', '01'),
    changed('2026-01-03T16:00:10Z', 'held', '02'),
    changed('2026-01-03T15:59:50Z', 'revoked', '02'),
  ]
  const days = ['2026-01-02', '2026-01-03', '2026-01-04', '2026-01-05']
  const state = fold(plain)
  const { figures } = await verifyLog({
    leaves: plain.map((one, n) => encodeRecord(toRecord(one, n))),
    checkpoint: new Uint8Array(0),
    verifierKey: '',
    periods: days.map((day) => ({ from: day, to: day })),
  })
  t.deepEqual(
    days.map((day) => readFigures(state, day, day).totals),
    figures.map((counted) => counted.totals),
  )
  t.deepEqual(
    figures.map((counted) => counted.totals.validAtEnd),
    [2, 2, 1, 1],
  )
})

test('headline: 6,340,000,000 is 63.4亿, and +67.3% over 37.90亿; half-up', (t) => {
  t.is(formatYi(6_340_000_000), '63.4亿')
  t.is(formatYi(3_790_000_000), '37.9亿')
  t.is(formatGrowth(6_340_000_000, 3_790_000_000), '+67.3%')
  t.is(formatYi(6_345_000_000), '63.5亿')
  t.is(formatYi(6_344_999_999), '63.4亿')
  t.is(formatYi(0), '0.0亿')
  t.is(formatYi(5_000_000), '0.1亿')
  t.is(formatYi(4_999_999), '0.0亿')
  t.is(formatGrowth(50, 100), '-50.0%')
  t.is(formatGrowth(100, 100), '0.0%')
  t.is(formatGrowth(5, 0), null)
  t.is(formatGrowth(20_001, 20_000), '0.0%')
  t.is(formatGrowth(20_010, 20_000), '+0.1%')
  t.throws(() => formatYi(1.5), { code: 'STATISTICS_RANGE' })
  t.throws(() => formatYi(-1), { code: 'STATISTICS_RANGE' })
})

test('headline: 59 institutions add up to 63.4亿 from their own figures, whole numbers to the last', (t) => {
  const counts = Array.from({ length: 59 }, (_, at) => 107_457_627 + (at < 7 ? 1 : 0))
  const sum = counts.reduce((a, b) => a + b, 0)
  t.is(sum, 6_340_000_000)
  t.is(formatYi(sum), '63.4亿')
  t.is(Math.round(sum / 181 / 86_400), 405, 'a second, in the first half of 2025')
})
