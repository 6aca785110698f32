/** PEM files as commands read them. */
import { parsePem } from '../lib/pem.ts'

/** DER of every block with this label, in order. @throws {INPUT_MALFORMED} */
export const derFromPem = (text: string, label: string): Uint8Array[] =>
  parsePem(text)
    .filter((block) => block.label === label)
    .map(({ bytes }) => bytes)
