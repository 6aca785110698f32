import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import {
  crl,
  crlImported,
  crlIntent,
  type Draft,
  intent,
  issued,
  serial,
  SHA,
  START,
  status,
  toLeaves,
  writeLog,
} from '../test/audit-log.ts'
import type { RecordType } from './record.ts'
import { type LogReport, verifyLog, type VerifyLogInput } from './verify-log.ts'

const kinds = (report: LogReport): string[] =>
  [...new Set(report.findings.map((finding) => finding.kind))].sort()

const verifyDrafts = async (
  drafts: readonly Draft[],
  more: Partial<VerifyLogInput> = {},
): Promise<LogReport> => await verifyLog({ ...(await writeLog(toLeaves(drafts))).input, ...more })

const SOUND: Draft[] = [
  { type: 'service.started', data: {} },
  intent(1),
  issued(1),
  intent(2),
  issued(2),
  intent(3),
  { type: 'certificate.orphaned', data: { serialHex: serial(3), issuerId: 'ca1', code: 'KEY_UNAVAILABLE' } },
  { type: 'key.created', data: { keyId: 'k1' } },
  { type: 'signature.intent', data: { intentId: 's1', keyId: 'k1', digestAlg: 'sha256', digestHex: SHA } },
  { type: 'key.used', data: { keyId: 'k1' } },
  { type: 'signature.created', data: { intentId: 's1' } },
  { type: 'key.destroyed', data: { keyId: 'k1' } },
  status('held', 1),
  status('released', 1),
  status('revoked', 2),
  crlIntent('1'),
  crl('1', [serial(2)], [], 1),
]

test('check 44: a sound log passes, and every count is given', async (t) => {
  const report = await verifyDrafts(SOUND, { periods: [{ from: '2026-03-01', to: '2026-03-01' }] })
  t.deepEqual(report.findings, [])
  t.true(report.ok)
  t.is(report.size, SOUND.length)
  t.is(report.checkpoint?.rootHex, report.rootHex)
  t.is(report.counts['certificate.issued'], 2)
  t.like(report.figures[0]?.totals, {
    issued: 2,
    revoked: 1,
    suspended: 1,
    resumed: 1,
    validAtEnd: 1,
    onHoldAtEnd: 0,
  })
  t.is(report.inFlight, 0)
})

test('changes recorded ahead of a list count when it is published, and not when it was refused', async (t) => {
  const changes = (crlNumber: string, added: string[], removed: string[]): Draft => ({
    type: 'crl.changes',
    data: { issuerId: 'ca1', shard: null, crlNumber, added, removed },
  })
  const refused: Draft = {
    type: 'crl.refused',
    data: { issuerId: 'ca1', shard: null, crlNumber: '1', code: 'REVOCATION_CONFLICT' },
  }
  const revoked = [intent(1), issued(1), intent(2), issued(2), status('revoked', 1), status('revoked', 2)]
  const first = [crlIntent('1'), changes('1', [serial(1)], []), refused]
  const second = [crlIntent('2'), changes('2', [serial(1)], []), changes('2', [serial(2)], [])]
  const report = await verifyDrafts([...revoked, ...first, ...second, crl('2', [], [], 2)])
  t.deepEqual(report.findings, [])
  const lost = await verifyDrafts([...revoked, ...first, crlIntent('2'), crl('2', [serial(2)], [], 2)])
  t.deepEqual(
    lost.findings.map(({ kind }) => kind),
    ['crl-count-differs'],
  )
})

test('check 44: the verifier imports nothing of the writer', (t) => {
  const seen = new Set<string>()
  const visit = (file: string): void => {
    if (seen.has(file)) return
    seen.add(file)
    const source = readFileSync(file, 'utf8')
    t.notRegex(source, /\b(import|require)\s*\(/, `${file} loads something while it runs`)
    for (const [, from = ''] of source.matchAll(/^(?:import|export)\b[^;'"]*?'([^']+)'$/gm)) {
      if (from.startsWith('.')) visit(resolve(dirname(file), from))
      else t.is(from, 'node:crypto', `${file} imports ${from}`)
    }
  }
  visit(resolve(import.meta.dirname, 'verify-log.ts'))
  t.true(seen.size > 8)
  for (const file of seen) t.regex(file, /audit\/(verify-log|independent\/[a-z-]+)\.ts$/)
})

const ATTACKS: [string, Draft[], string[]][] = [
  ['a certificate issued without an intent', [issued(1)], ['outcome-without-intent']],
  ['a serial used twice', [intent(1), issued(1), intent(1), issued(1)], ['serial-repeated']],
  [
    'another certificate issued than was intended',
    [intent(1), issued(1, { tbsSha256: 'cd'.repeat(32) })],
    ['issued-differs-from-intent'],
  ],
  [
    'an intent with two outcomes',
    [
      intent(1),
      { type: 'certificate.orphaned', data: { serialHex: serial(1), issuerId: 'ca1', code: 'X' } },
      issued(1),
    ],
    ['outcome-repeated'],
  ],
  ['a revocation of a certificate never issued', [status('revoked', 9)], ['status-of-unknown-serial']],
  [
    'a revocation taken back',
    [intent(1), issued(1), status('revoked', 1), status('released', 1)],
    ['status-step-wrong'],
  ],
  ['a release without a hold', [intent(1), issued(1), status('released', 1)], ['status-step-wrong']],
  [
    'a signature without an intent',
    [{ type: 'signature.created', data: { intentId: 's9' } }],
    ['outcome-without-intent'],
  ],
  [
    'a destroyed key used again',
    [
      { type: 'key.destroyed', data: { keyId: 'k1' } },
      { type: 'key.used', data: { keyId: 'k1' } },
    ],
    ['key-used-after-destruction'],
  ],
  ['a CRL without an intent', [crl('1', [], [], 0)], ['outcome-without-intent']],
  [
    'a CRL number that repeats',
    [crlIntent('5'), crl('5', [], [], 0), crlIntent('5'), crl('5', [], [], 0)],
    ['crl-number-not-increasing'],
  ],
  [
    'a CRL entry that no record revoked',
    [intent(1), issued(1), crlIntent('1'), crl('1', [serial(1)], [], 1)],
    ['crl-entry-without-revocation'],
  ],
  [
    'a revoked certificate dropped from the CRL',
    [
      intent(1),
      issued(1),
      status('revoked', 1),
      crlIntent('1'),
      crl('1', [serial(1)], [], 1),
      crlIntent('2'),
      crl('2', [], [serial(1)], 0),
    ],
    ['crl-entry-removed'],
  ],
  [
    'a CRL that lost an entry silently',
    [intent(1), issued(1), status('revoked', 1), crlIntent('1'), crl('1', [serial(1)], [], 0)],
    ['crl-count-differs'],
  ],
  [
    'a CRL older than the last',
    [
      crlIntent('1'),
      crl('1', [], [], 0, START + 50_000),
      crlIntent('2', START + 50_000),
      { ...crl('2', [], [], 0, START + 40_000), at: START + 50_001 },
    ],
    ['crl-time-went-back'],
  ],
  [
    'a revocation that reaches no CRL',
    [
      intent(1),
      issued(1),
      status('revoked', 1),
      crlIntent('1', START + 7_300_000),
      crl('1', [], [], 0, START + 7_300_000),
    ],
    ['revocation-not-in-crl'],
  ],
  [
    'a list of the offline root that is not newer',
    [crlImported('5', [], [], 0), crlImported('5', [], [], 0)],
    ['crl-number-not-increasing'],
  ],
  [
    'a list of the offline root whose entries do not add up',
    [crlImported('5', ['0a'], [], 1), crlImported('6', [], ['0b'], 1)],
    ['crl-entry-removed'],
  ],
  [
    'a certificate issued by a CA that its root revoked',
    [
      crlImported('5', ['0a'], [], 1, { revokedIssuers: ['ca1'] }),
      crlImported('6', [], [], 1, { revokedIssuers: ['ca1'] }),
      { ...intent(1), at: START + 100_000 },
      { ...issued(1), at: START + 100_001 },
    ],
    ['issued-by-revoked-issuer'],
  ],
  [
    'an intent nobody answered for',
    [intent(1), { type: 'service.stopped', data: {}, at: START + 3_600_000 }],
    ['intent-without-outcome'],
  ],
  [
    'a clock that went back two minutes',
    [
      { type: 'service.started', data: {}, at: START + 120_000 },
      { type: 'service.stopped', data: {}, at: START },
    ],
    ['time-went-back'],
  ],
  [
    'a reported figure that is too high',
    [
      intent(1),
      issued(1),
      {
        type: 'statistics.reported',
        at: START + 86_400_000,
        data: { from: '2026-03-01', to: '2026-03-01', totals: { issued: 2, revoked: 0, validAtEnd: 1 } },
      },
    ],
    ['report-differs'],
  ],
]

for (const [name, drafts, expected] of ATTACKS) {
  test(`attack: ${name} is found`, async (t) => {
    const report = await verifyDrafts(drafts)
    t.false(report.ok)
    t.deepEqual(kinds(report), expected)
    for (const finding of report.findings) t.true(finding.en.length > 5 && finding.zh.length > 3)
  })
}

test('a status that changes while a CRL is made, and uses counted over a period, are no faults', async (t) => {
  const during = START + 60_500
  const report = await verifyDrafts([
    intent(1),
    issued(1),
    { type: 'key.created', data: { keyId: 'ocsp-key' } },
    status('held', 1),
    crlIntent('1'),
    { ...status('released', 1), at: during },
    { ...crl('1', [serial(1)], [], 1), at: during + 1 },
    { type: 'key.destroyed', data: { keyId: 'ocsp-key' }, at: during + 2 },
    {
      type: 'key.used',
      data: { keyId: 'ocsp-key', count: 9, from: new Date(START).toISOString() },
      at: during + 3,
    },
  ])
  t.deepEqual(report.findings, [])
})

test('check 45: a reported figure that is right passes; one on a day not yet over is left undecided', async (t) => {
  const reported = (at: number): Draft => ({
    type: 'statistics.reported',
    at,
    data: { from: '2026-03-01', to: '2026-03-01', totals: { issued: 1, revoked: 0, validAtEnd: 1 } },
  })
  const later = await verifyDrafts([intent(1), issued(1), reported(START + 86_400_000)])
  t.deepEqual([later.ok, later.undecided.reports], [true, 0])
  const early = await verifyDrafts([intent(1), issued(1), reported(START + 5_000)])
  t.deepEqual([early.ok, early.undecided.reports], [true, 1])
})

test('what is legal passes: a young intent, a hold that leaves the CRL, an expired entry that leaves', async (t) => {
  const young = await verifyDrafts([intent(1)])
  t.deepEqual([young.ok, young.inFlight], [true, 1])
  const short = { notAfter: '2026-03-02T00:00:00Z' }
  const leaving = await verifyDrafts([
    intent(1),
    issued(1),
    intent(2),
    issued(2, short),
    status('held', 1),
    status('revoked', 2),
    crlIntent('1'),
    crl('1', [serial(1), serial(2)], [], 2),
    { ...status('released', 1), at: START + 60_000 },
    crlIntent('2', START + 86_400_000),
    crl('2', [], [serial(1), serial(2)], 0, START + 86_400_000),
  ])
  t.deepEqual(leaving.findings, [])
})

test('attack: hostile data in well-formed records (odd types, __proto__, huge numbers) is no exception', async (t) => {
  const odd = fc.oneof(
    fc.constantFrom<unknown>(
      null,
      true,
      -1,
      '',
      '__proto__',
      'ca1',
      serial(1),
      [],
      [1],
      {},
      ['x'],
      '99999999',
    ),
    fc.string(),
  )
  const data = fc.dictionary(
    fc.constantFrom(
      'issuerId',
      'serialHex',
      'crlNumber',
      'shard',
      'added',
      'removed',
      'thisUpdate',
      'from',
      'to',
      'totals',
      'keyId',
      'intentId',
      'notAfter',
      'class',
      '__proto__',
    ),
    odd.filter((value) => typeof value !== 'string' || value.isWellFormed()),
  )
  const type = fc.constantFrom<RecordType>(
    'certificate.intent',
    'certificate.issued',
    'certificate.revoked',
    'certificate.held',
    'certificate.refused',
    'crl.intent',
    'crl.changes',
    'crl.published',
    'key.used',
    'key.destroyed',
    'signature.created',
    'statistics.reported',
  )
  await fc.assert(
    fc.asyncProperty(fc.array(fc.record({ type, data }), { minLength: 1, maxLength: 20 }), async (drafts) => {
      const report = await verifyDrafts(drafts as Draft[], {
        periods: [
          { from: '2026-03-01', to: '2026-03-02' },
          { from: 'x', to: '' },
        ],
      })
      t.is(report.size, drafts.length)
      t.is(report.checkpoint?.rootHex, report.rootHex)
    }),
    { numRuns: 150 },
  )
})
