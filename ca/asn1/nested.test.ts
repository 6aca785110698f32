import test from 'ava'
import { TAG, contextConstructed } from './tags.ts'
import { encodeNested, nested } from './nested.ts'
import { octetString, oid, sequence, tlv } from './writer.ts'

test('an element written at once has the octets of one written from the inside out', (t) => {
  const name = oid('1.2.840.113549.1.7.2')
  for (const size of [0, 1, 100, 127, 128, 255, 256, 65_535, 65_536, 70_000]) {
    const octets = new Uint8Array(size).fill(7)
    const element = nested(TAG.sequence, name, nested(contextConstructed(0), nested(TAG.octetString, octets)))
    t.deepEqual(encodeNested(element), sequence(name, tlv(contextConstructed(0), octetString(octets))))
  }
})

test('lengths are minimal at every boundary', (t) => {
  const heads = [
    [127, '047f'],
    [128, '048180'],
    [255, '0481ff'],
    [256, '04820100'],
    [65_535, '0482ffff'],
    [65_536, '0483010000'],
    [16_777_216, '048401000000'],
  ] as const
  for (const [size, head] of heads) {
    const der = octetString(new Uint8Array(size))
    t.is(Buffer.from(der.subarray(0, head.length / 2)).toString('hex'), head)
    t.is(der.length, size + head.length / 2)
  }
})
