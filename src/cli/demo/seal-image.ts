import { PNG } from 'pngjs'

type Rgb = readonly [number, number, number]
const RED: Rgb = [204, 24, 30]

/**
 * Draws a round red company seal for demonstrations: a ring with a thin inner line and a five-pointed star,
 * on a transparent ground. The name of the company belongs into the text beside it.
 *
 * @param options.size side of the square in pixels (32 to 2048)
 * @returns PNG bytes
 */
export function buildSealPng(options: { size?: number; colour?: Rgb } = {}): Uint8Array {
  const size = Math.min(2048, Math.max(32, Math.round(options.size ?? 400)))
  const [red, green, blue] = options.colour ?? RED
  const png = new PNG({ width: size, height: size })
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const at = (row * size + column) * 4
      png.data[at] = red
      png.data[at + 1] = green
      png.data[at + 2] = blue
      png.data[at + 3] = Math.round(255 * coverage(column, row, size))
    }
  }
  return PNG.sync.write(png, { colorType: 6, deflateLevel: 6 })
}

/** Share of a pixel that is inked, from sixteen samples. */
function coverage(column: number, row: number, size: number): number {
  let inked = 0
  for (let sample = 0; sample < 16; sample++) {
    const x = (2 * (column + ((sample % 4) + 0.5) / 4)) / size - 1
    const y = 1 - (2 * (row + (Math.floor(sample / 4) + 0.5) / 4)) / size
    if (isInked(x, y)) inked++
  }
  return inked / 16
}

/** Whether a point of the square from -1 to 1 is inked. */
function isInked(x: number, y: number): boolean {
  const radius = Math.hypot(x, y)
  if (radius > 0.5) return (radius >= 0.9 && radius <= 0.98) || (radius >= 0.84 && radius <= 0.855)
  return isInStar(x, y, radius, 0.48)
}

/** A regular pentagram: the edge of a tip, folded into the sector between a tip and the next notch. */
function isInStar(x: number, y: number, radius: number, outer: number): boolean {
  const sector = (2 * Math.PI) / 5
  const turned = Math.atan2(x, y)
  const angle = Math.abs(((((turned + sector / 2) % sector) + sector) % sector) - sector / 2)
  const inner = (outer * Math.cos(sector)) / Math.cos(sector / 2)
  const notch = { x: inner * Math.sin(sector / 2), y: inner * Math.cos(sector / 2) }
  const point = { x: radius * Math.sin(angle), y: radius * Math.cos(angle) }
  return point.x * (outer - notch.y) <= notch.x * (outer - point.y)
}
