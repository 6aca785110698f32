import { CodedError } from '../../../ca/errors.ts'
import { findElementLength } from '../pdf/der-length.ts'
import type { PadesState } from './prepare.ts'

/**
 * Puts the CMS into the place reserved for it.
 *
 * @param cms DER of the ContentInfo
 * @returns the signed document in pieces, to be written one after the other; the first is the document as it was given
 * @throws {PADES_CONTENTS_TOO_SMALL} where it does not fit; `extra.needed` and `extra.reserved` count bytes
 * @throws {INPUT_MALFORMED} where it is not one DER element
 */
export function finishPades(state: PadesState, cms: Uint8Array): Uint8Array[] {
  if (cms[0] !== 0x30 || findElementLength(cms) !== cms.length) {
    throw new CodedError('INPUT_MALFORMED', 'The CMS signature is not one DER element.')
  }
  if (cms.length > state.contentsSize) {
    throw new CodedError(
      'PADES_CONTENTS_TOO_SMALL',
      'The CMS signature is longer than the place reserved for it.',
      {
        extra: { needed: cms.length, reserved: state.contentsSize },
      },
    )
  }
  const tail = Uint8Array.from(state.tail)
  cms.forEach((byte, index) => {
    tail[state.digitsStart + 2 * index] = DIGITS.charCodeAt(byte >> 4)
    tail[state.digitsStart + 2 * index + 1] = DIGITS.charCodeAt(byte & 15)
  })
  return [state.base, tail]
}

const DIGITS = '0123456789abcdef'
