import { crc32, deflateSync } from 'node:zlib'
import test from 'ava'
import fc from 'fast-check'
import { PNG } from 'pngjs'
import { isCoded } from '../../../ca/errors.ts'
import { buildSealPng } from '../../cli/demo/seal-image.ts'
import { IMAGE_LIMITS, readSealImage } from './png.ts'

test('images of every PNG kind are read', (t) => {
  const picture = new PNG({ width: 4, height: 3 })
  picture.data.set(Array.from({ length: 48 }, (_, index) => (index * 5) % 256))
  for (const colorType of [0, 2, 4, 6] as const) {
    for (const bitDepth of [8, 16] as const) {
      const bytes = PNG.sync.write(picture, { colorType, bitDepth, inputHasAlpha: true })
      const image = readSealImage(bytes)
      t.deepEqual([image.width, image.height], [4, 3])
      t.is(image.colorSpace, colorType === 0 || colorType === 4 ? 'DeviceGray' : 'DeviceRGB')
      t.is(image.alpha !== undefined, colorType === 4 || colorType === 6)
    }
  }
  const palette = png(
    { width: 2, height: 2, type: 3 },
    [0, 0, 1, 0, 1, 0],
    [
      ['PLTE', [255, 0, 0, 0, 255, 0]],
      ['tRNS', [255, 0]],
    ],
  )
  t.deepEqual(
    [readSealImage(palette).colorSpace, readSealImage(palette).alpha !== undefined],
    ['DeviceRGB', true],
  )
  const interlaced = png({ width: 1, height: 1, type: 0, interlace: 1 }, [0, 128])
  t.is(readSealImage(interlaced).colorSpace, 'DeviceGray')
})

/** A PNG from its parts, for what pngjs does not write. */
function png(
  ihdr: { width: number; height: number; type: number; interlace?: number },
  raw: number[] | Uint8Array,
  extra: [string, number[]][] = [],
): Uint8Array {
  const chunk = (kind: string, data: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(kind), data])
    const frame = Buffer.alloc(8)
    frame.writeUInt32BE(data.length)
    frame.writeUInt32BE(crc32(body), 4)
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(ihdr.width)
  header.writeUInt32BE(ihdr.height, 4)
  header.set([8, ihdr.type, 0, 0, ihdr.interlace ?? 0], 8)
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    ...extra.map(([kind, data]) => chunk(kind, Uint8Array.from(data))),
    chunk('IDAT', deflateSync(Uint8Array.from(raw))),
    chunk('IEND', new Uint8Array(0)),
  ])
}

test('images that are too large are refused before they are decoded', (t) => {
  const tooLarge = (bytes: Uint8Array): void => {
    t.true(
      isCoded(
        t.throws(() => readSealImage(bytes)),
        'APPEARANCE_IMAGE_TOO_LARGE',
      ),
    )
  }
  tooLarge(png({ width: 30_000, height: 30_000, type: 6 }, [0]))
  tooLarge(png({ width: 4000, height: 4000, type: 6 }, [0]))
  tooLarge(new Uint8Array(IMAGE_LIMITS.bytes + 1))
})

test('decompression bomb: a small image that unfolds beyond its size is refused', (t) => {
  for (const interlace of [0, 1]) {
    const bomb = png({ width: 8, height: 8, type: 6, interlace }, new Uint8Array(64_000_000))
    t.true(bomb.length < 100_000)
    const before = process.memoryUsage().rss
    try {
      readSealImage(bomb)
    } catch (error) {
      t.true(isCoded(error, 'APPEARANCE_IMAGE_INVALID'))
    }
    t.true(process.memoryUsage().rss - before < 48_000_000)
  }
})

test('whatever the image bytes are, the error has a code', (t) => {
  const image = buildSealPng({ size: 32 })
  const damaged = fc
    .tuple(fc.nat(image.length - 1), fc.integer({ min: 0, max: 255 }), fc.nat(image.length))
    .map(([at, value, end]) => {
      const copy = image.slice(0, Math.max(end, at + 1))
      copy[at] = value
      return copy
    })
  fc.assert(
    fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 200 })), (bytes) => {
      try {
        readSealImage(bytes)
        return true
      } catch (error) {
        return isCoded(error, 'APPEARANCE_IMAGE_INVALID') || isCoded(error, 'APPEARANCE_IMAGE_TOO_LARGE')
      }
    }),
    { numRuns: 300 },
  )
  t.pass()
})
