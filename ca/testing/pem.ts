/** PEM as corpora and judges use it. Nothing but tests imports it. */

/** The blocks of one label, in their order; text around them and headers inside them are ignored. */
export function pemBlocks(bytes: Uint8Array, label: string): Uint8Array[] {
  const text = new TextDecoder('latin1').decode(bytes)
  const blocks = text.matchAll(new RegExp(`-----BEGIN ${label}-----([^-]+)-----`, 'g'))
  return [...blocks].map((match) =>
    Uint8Array.from(atob((match[1] ?? '').replace(/\s/g, '')), (character) => character.charCodeAt(0)),
  )
}

/** One block. */
export function encodePem(label: string, der: Uint8Array): string {
  const base64 = btoa(Array.from(der, (byte) => String.fromCharCode(byte)).join(''))
  return `-----BEGIN ${label}-----\n${base64.replace(/.{64}(?=.)/g, '$&\n')}\n-----END ${label}-----\n`
}
