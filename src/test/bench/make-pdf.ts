// A PDF of a wanted size: pages with random stream data, as scans and pictures are.
import { randomBytes } from 'node:crypto'

const encoder = new TextEncoder()

/** @param size bytes, met within a few per cent */
export function makePdf(size: number, pages: number): Uint8Array {
  const parts: Uint8Array[] = []
  const offsets: number[] = []
  let length = 0
  const put = (bytes: Uint8Array): void => {
    parts.push(bytes)
    length += bytes.length
  }
  const putObject = (number: number, ...body: readonly (string | Uint8Array)[]): void => {
    offsets[number] = length
    put(encoder.encode(`${number} 0 obj\n`))
    for (const part of body) put(typeof part === 'string' ? encoder.encode(part) : part)
    put(encoder.encode('\nendobj\n'))
  }
  put(new Uint8Array(Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n', 'latin1')))
  const kids = Array.from({ length: pages }, (_, page) => `${3 + 2 * page} 0 R`).join(' ')
  putObject(1, '<</Type/Catalog/Pages 2 0 R>>')
  putObject(2, `<</Type/Pages/Count ${pages}/MediaBox[0 0 595 842]/Kids[${kids}]>>`)
  const streamSize = Math.max(16, Math.floor(size / pages) - 190)
  for (let page = 0; page < pages; page++) {
    const number = 3 + 2 * page
    const image = '/Type/XObject/Subtype/Image/Width 64/Height 64/ColorSpace/DeviceGray/BitsPerComponent 8'
    putObject(number, `<</Type/Page/Parent 2 0 R/Resources<</XObject<</I ${number + 1} 0 R>>>>>>`)
    putObject(
      number + 1,
      `<<${image}/Length ${streamSize}>>\nstream\n`,
      randomBytes(streamSize),
      '\nendstream',
    )
  }
  const start = length
  const rows = offsets.slice(1).map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`)
  const trailer = `trailer\n<</Size ${offsets.length}/Root 1 0 R>>\nstartxref\n${start}\n%%EOF\n`
  put(encoder.encode(`xref\n0 ${offsets.length}\n0000000000 65535 f \n${rows.join('')}${trailer}`))
  return new Uint8Array(Buffer.concat(parts))
}
