// Small PDF files for tests, written as text so that they do not depend on the encoder they test.

/** Bytes of a text with one byte per character. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0))
}

/** The text of bytes, one character per byte. */
export function textOf(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 8192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return text
}

/** Pieces one after the other. */
export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** Objects by number, each as the text between `obj` and `endobj`. */
export type SampleObjects = Readonly<Record<number, string>>

/** One page, one stream of text, and a document information dictionary. */
export const SAMPLE_OBJECTS: SampleObjects = {
  1: '<</Type/Catalog/Pages 2 0 R>>',
  2: '<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 300 200]>>',
  3: '<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>',
  4: '<</Length 39>>\nstream\nBT /F 12 Tf 20 150 Td (TEST ONLY) Tj ET\nendstream',
  5: '<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>',
  6: '<</Title(TEST ONLY)>>',
}

const ID = '[<00112233445566778899aabbccddeeff><00112233445566778899aabbccddeeff>]'

/** A file with a cross-reference table. */
export function sampleTablePdf(objects: SampleObjects = SAMPLE_OBJECTS, trailer = ''): Uint8Array {
  const start = '%PDF-1.7\n%\xe2\xe3\xcf\xd3\n'
  const { body, offsets } = layOut(objects, start.length)
  const size = Math.max(...offsets.keys()) + 1
  let rows = '0000000000 65535 f \n'
  for (let num = 1; num < size; num++) {
    const offset = offsets.get(num)
    rows += `${String(offset ?? 0).padStart(10, '0')} 00000 ${offset === undefined ? 'f' : 'n'} \n`
  }
  const startxref = start.length + body.length
  const end = `trailer\n<</Size ${size}/Root 1 0 R/Info 6 0 R/ID${ID}${trailer}>>\nstartxref\n${startxref}\n%%EOF\n`
  return bytesOf(`${start}${body}xref\n0 ${size}\n${rows}${end}`)
}

/** A file with a cross-reference stream. */
export function sampleStreamPdf(objects: SampleObjects = SAMPLE_OBJECTS, trailer = ''): Uint8Array {
  const start = '%PDF-1.7\n%\xe2\xe3\xcf\xd3\n'
  const { body, offsets } = layOut(objects, start.length)
  const own = Math.max(...offsets.keys()) + 1
  offsets.set(own, start.length + body.length)
  let rows = ''
  for (let num = 0; num <= own; num++) {
    const offset = offsets.get(num)
    rows += offset === undefined ? '\0\0\0\xff' : String.fromCharCode(1, offset >> 8, offset & 255, 0)
  }
  const dict = `<</Type/XRef/W[1 2 1]/Size ${own + 1}/Root 1 0 R/Info 6 0 R/ID${ID}/Length ${rows.length}${trailer}>>`
  const end = `${own} 0 obj\n${dict}\nstream\n${rows}\nendstream\nendobj\nstartxref\n${start.length + body.length}\n%%EOF\n`
  return bytesOf(`${start}${body}${end}`)
}

/** An incremental update with a table, as any other writer would append it. */
export function appendSample(bytes: Uint8Array, objects: SampleObjects, root = '1 0 R'): Uint8Array {
  const { body, offsets } = layOut(objects, bytes.length)
  const previous = /startxref\s+(\d+)\s+%%EOF\s*$/.exec(textOf(bytes))?.[1] ?? '0'
  let rows = ''
  for (const [num, offset] of offsets) rows += `${num} 1\n${String(offset).padStart(10, '0')} 00000 n \n`
  const end = `trailer\n<</Size 99/Root ${root}/Prev ${previous}>>\nstartxref\n${bytes.length + body.length}\n%%EOF\n`
  return join(bytes, bytesOf(`${body}xref\n${rows}${end}`))
}

function layOut(objects: SampleObjects, from: number): { body: string; offsets: Map<number, number> } {
  let body = ''
  const offsets = new Map<number, number>()
  for (const [num, text] of Object.entries(objects)) {
    offsets.set(Number(num), from + body.length)
    body += `${num} 0 obj\n${text}\nendobj\n`
  }
  return { body, offsets }
}
