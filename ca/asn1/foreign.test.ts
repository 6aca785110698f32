import test from 'ava'
import fc from 'fast-check'

import { loadCases, readCorpusFile, skipNote } from '../../src/test/corpora.ts'
import { CodedError } from '../errors.ts'
import { berToDer } from './foreign.ts'
import { checkDer } from './reader.ts'
import { bitString, concat, integer, octetString, sequence, setOf, utf8String } from './writer.ts'

const of = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes)

const attempt = (bytes: Uint8Array): Uint8Array | string => {
  try {
    return berToDer(bytes)
  } catch (error) {
    if (error instanceof CodedError) return error.code
    throw error
  }
}

test('DER stays as it is', (t) => {
  const der = sequence(
    integer(-129n),
    setOf(utf8String('印'), octetString(of(0, 1))),
    bitString(of(1, 2)),
    of(0xa0, 3, 2, 1, 5),
    of(0x80, 2, 0xff, 0x00),
    of(5, 0),
    of(1, 1, 0xff),
  )
  t.deepEqual(berToDer(der), der)
})

test('indefinite lengths become definite', (t) => {
  const ber = of(0x30, 0x80, 0xa0, 0x80, 0x02, 0x01, 0x05, 0, 0, 0x30, 0x80, 0, 0, 0, 0)
  t.deepEqual(berToDer(ber), of(0x30, 7, 0xa0, 3, 2, 1, 5, 0x30, 0))
})

test('constructed strings become primitive', (t) => {
  const inner = concat(of(0x24, 0x80), octetString(of(1)), of(0x24, 0x03), octetString(of(2)), of(0, 0))
  t.deepEqual(berToDer(inner), octetString(of(1, 2)))
  t.deepEqual(berToDer(of(0x23, 8, 3, 2, 0, 0xaa, 3, 2, 4, 0xb0)), of(3, 3, 4, 0xaa, 0xb0))
  t.is(attempt(of(0x23, 8, 3, 2, 4, 0xa0, 3, 2, 4, 0xb0)), 'INPUT_MALFORMED')
  t.is(attempt(of(0x24, 3, 2, 1, 5)), 'INPUT_MALFORMED', 'segment of another type')
})

test('long length octets become short, SET OF is sorted', (t) => {
  t.deepEqual(berToDer(of(0x30, 0x82, 0, 3, 2, 1, 5)), of(0x30, 3, 2, 1, 5))
  t.deepEqual(berToDer(of(0x31, 6, 2, 1, 9, 2, 1, 5)), of(0x31, 6, 2, 1, 5, 2, 1, 9))
})

test('limits: bytes, nodes, depth, trailing bytes', (t) => {
  t.is(attempt(new Uint8Array(5 * 1024 * 1024)), 'INPUT_TOO_LARGE')
  t.is(attempt(sequence(...Array.from({ length: 60_000 }, () => of(5, 0)))), 'INPUT_MALFORMED')
  let deep = of(5, 0)
  for (let i = 0; i < 60; i++) deep = sequence(deep)
  t.is(attempt(deep), 'INPUT_MALFORMED')
  t.is(
    attempt(concat(of(0x30, 0x80).slice(), ...Array.from({ length: 5_000 }, () => of(0x30, 0x80)))),
    'INPUT_MALFORMED',
  )
  t.is(attempt(of(5, 0, 0)), 'INPUT_MALFORMED')
  t.is(attempt(of()), 'INPUT_MALFORMED')
})

test('more than 10,000 elements are read, which asn1js alone refuses', (t) => {
  const many = sequence(...Array.from({ length: 20_000 }, () => of(5, 0)))
  t.deepEqual(berToDer(many), many)
})

test('what comes out is DER, whatever went in', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const answer = attempt(bytes)
      if (typeof answer !== 'string') checkDer(answer)
    }),
    { numRuns: 2_000 },
  )
  const cases = loadCases('fuzz')
  if (!cases) return skipNote(t, 1491, 'corpora are absent')
  let read = 0
  for (const { files } of cases) {
    const answer = attempt(readCorpusFile('fuzz', String(files?.['input'])))
    if (typeof answer === 'string') continue
    checkDer(answer)
    read++
  }
  t.true(read > 400)
})
