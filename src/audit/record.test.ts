import test from 'ava'
import fc from 'fast-check'
import { isCoded } from '../../ca/errors.ts'
import { encodeCanonicalJson } from '../lib/canonical-json.ts'
import { type AuditRecord, buildRecordId, encodeRecord, parseRecord, RECORD_TYPES } from './record.ts'

const record: AuditRecord = {
  v: 1,
  id: '019aaaaaaaaa00112233445566778899aabb',
  at: '2026-01-31T12:00:00.000Z',
  type: 'service.started',
  actor: 'system',
  tenant: null,
  data: { version: '0.1.0' },
}

test('a record is canonical JSON, and comes back equal', (t) => {
  const leaf = encodeRecord(record)
  t.deepEqual(leaf, encodeCanonicalJson(record))
  t.is(
    new TextDecoder().decode(leaf),
    '{"actor":"system","at":"2026-01-31T12:00:00.000Z","data":{"version":"0.1.0"},"id":"019aaaaaaaaa00112233445566778899aabb","tenant":null,"type":"service.started","v":1}',
  )
  t.deepEqual(parseRecord(leaf), record)
  t.is(new Set(RECORD_TYPES).size, RECORD_TYPES.length)
})

test('every envelope field is checked and named', (t) => {
  const bad: [string, Partial<Record<keyof AuditRecord | 'more', unknown>>][] = [
    ['v', { v: 2 }],
    ['id', { id: 'UPPER-CASE' }],
    ['at', { at: '2026-02-30T12:00:00.000Z' }],
    ['at', { at: '2026-01-31T12:00:00Z' }],
    ['at', { at: '2026-01-31T20:00:00.000+08:00' }],
    ['type', { type: 'certificate.unheard' }],
    ['type', { type: 'constructor' }],
    ['actor', { actor: 'operator:' }],
    ['actor', { actor: 'operator:张三' }],
    ['tenant', { tenant: '' }],
    ['data', { data: [] }],
    ['more', { more: 1 }],
  ]
  for (const [field, change] of bad) {
    const error = t.throws(() => encodeRecord({ ...record, ...change } as AuditRecord), {
      code: 'AUDIT_RECORD_INVALID',
    })
    t.like(error, { extra: { pointer: `#/${field}` } })
  }
})

test('an entry has at most 65,535 bytes: exactly that fits, one more does not', (t) => {
  const frame = encodeRecord({ ...record, data: { x: '' } }).length
  t.is(encodeRecord({ ...record, data: { x: 'a'.repeat(65_535 - frame) } }).length, 65_535)
  t.throws(() => encodeRecord({ ...record, data: { x: 'a'.repeat(65_536 - frame) } }), {
    code: 'INPUT_TOO_LARGE',
  })
  t.throws(() => parseRecord(new Uint8Array(65_536)), { code: 'INPUT_TOO_LARGE' })
})

test('ids sort by time and are valid', (t) => {
  const random = new Uint8Array(10).fill(0xff)
  const early = buildRecordId(new Date('2026-01-01T00:00:00Z'), random)
  const late = buildRecordId(new Date('2026-01-01T00:00:00.001Z'), new Uint8Array(10))
  t.true(early < late)
  t.notThrows(() => encodeRecord({ ...record, id: early }))
  t.throws(() => buildRecordId(new Date(0), new Uint8Array(9)), { code: 'AUDIT_RECORD_INVALID' })
})

test('check 49: fuzzed leaves give typed errors only', (t) => {
  const leaf = encodeRecord(record)
  fc.assert(
    fc.property(fc.nat(), fc.nat({ max: 255 }), fc.nat(), (at, value, cut) => {
      const bytes = Uint8Array.from(leaf)
      bytes[at % bytes.length] = value
      try {
        parseRecord(cut % 4 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes)
      } catch (error) {
        t.true(isCoded(error))
      }
    }),
    { numRuns: 1000 },
  )
  t.pass()
})
