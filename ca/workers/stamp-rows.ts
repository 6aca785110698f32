/** Time stamps as they cross between threads: rows of JSON, and octets one after the other. */
import type { StampInput, Stamped } from '../timestamp-token.ts'
import type { Take } from './event-rows.ts'

/** What is stamped, as it is sent. */
export interface StampRow {
  /** Octets of the TSTInfo. */
  readonly stamp: number
  readonly certReq: boolean
  /** Place of its TSA among those of the message. */
  readonly tsa: number
}

/** A token as it is sent. */
export interface StampedRow {
  /** Its octets. */
  readonly token: number
}

/** What is stamped, as it is sent. */
export function stampRow({ tstInfo, certReq }: StampInput, tsa: number, parts: Uint8Array[]): StampRow {
  parts.push(tstInfo)
  return { stamp: tstInfo.length, certReq, tsa }
}

/** What is stamped, as it was. */
export const stampOf = ({ stamp, certReq }: StampRow, take: Take): StampInput => ({
  tstInfo: take(stamp),
  certReq,
})

/** A token as it is sent. */
export function stampedRow({ tokenDer }: Stamped, parts: Uint8Array[]): StampedRow {
  parts.push(tokenDer)
  return { token: tokenDer.length }
}

/** A token as it was. */
export const stampedOf = ({ token }: StampedRow, take: Take): Stamped => ({ tokenDer: take(token) })
