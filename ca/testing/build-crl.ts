/** A CRL in one piece, for tests. Nothing but tests imports it. */
import { concat } from '../asn1/writer.ts'
import { collect } from '../x509/crl-content.ts'
import {
  type CrlEntryFields,
  type CrlFields,
  type CrlTemplate,
  buildCrlFrame,
  buildTbsFrame,
  encodeCrlEntries,
} from '../x509/crl-writer.ts'

/** Encoded entries in one piece. */
export async function encodeAllEntries(
  entries: AsyncIterable<CrlEntryFields> | Iterable<CrlEntryFields>,
): Promise<Uint8Array> {
  return concat(...(await collect(encodeCrlEntries(entries))).map(({ bytes }) => bytes))
}

/** A whole list. */
export async function buildCrl(
  template: CrlTemplate,
  fields: CrlFields,
  entries: AsyncIterable<CrlEntryFields> | Iterable<CrlEntryFields>,
  sign: (tbs: Uint8Array) => Uint8Array | Promise<Uint8Array>,
): Promise<Uint8Array> {
  const bytes = await encodeAllEntries(entries)
  const tbs = buildTbsFrame(template, fields, bytes.length)
  const signature = await sign(concat(tbs.head, bytes, tbs.tail))
  const crl = buildCrlFrame(tbs, template.algorithmDer, signature)
  return concat(crl.head, bytes, crl.tail)
}
