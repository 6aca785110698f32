/** PEM files as commands read them. */
import { fromBase64 } from '../lib/bytes.ts'

/** DER of every block with this label, in order. */
export function derFromPem(text: string, label: string): Uint8Array[] {
  const blocks = text.matchAll(
    new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]+)-----END ${label}-----`, 'g'),
  )
  return [...blocks].map(([, body = '']) => fromBase64(body.replace(/\s+/g, '')))
}
