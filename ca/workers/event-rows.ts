/** Event signatures as they cross between threads: rows of JSON, and octets one after the other. */
import type { KeyObject } from 'node:crypto'
import type { SignatureContent } from '../document-signature.ts'
import type { CertifyInput, EventSignature } from '../event-signature.ts'

/** Takes the next octets of a message. */
export type Take = (length: number) => Uint8Array

type Event = CertifyInput['event']

interface SlotRow {
  readonly policy: string
  readonly serial: number
  /** Decimal: JSON has no bigint. */
  readonly micros: string
}

/** An event as it is sent; its key goes beside it. */
export interface EventRow {
  readonly digestsHex: readonly string[]
  readonly contents: readonly (Omit<SignatureContent, 'contentSha256'> & { readonly digest: number })[]
  readonly at: number
  readonly slots: readonly SlotRow[]
  readonly takenAt: string
}

const slotRow = ({ policy, serial, genTimeMicros }: Event['slots'][number], parts: Uint8Array[]): SlotRow => {
  parts.push(serial)
  return { policy, serial: serial.length, micros: String(genTimeMicros) }
}

const slotOf = ({ policy, serial, micros }: SlotRow, take: Take): Event['slots'][number] => ({
  policy,
  serial: take(serial),
  genTimeMicros: BigInt(micros),
})

/** An event as it is sent. */
export function eventRow({ key, contents, at, slots, slotsTakenAt }: Event, parts: Uint8Array[]): EventRow {
  return {
    digestsHex: key.digestsHex,
    contents: contents.map(({ contentSha256, ...rest }) => {
      parts.push(contentSha256)
      return { ...rest, digest: contentSha256.length }
    }),
    at: at.getTime(),
    slots: slots.map((slot) => slotRow(slot, parts)),
    takenAt: String(slotsTakenAt),
  }
}

/** An event as it was. */
export const eventOf = (
  { digestsHex, contents, at, slots, takenAt }: EventRow,
  key: KeyObject,
  take: Take,
): Event => ({
  key: { key, digestsHex },
  contents: contents.map(({ digest, ...rest }) => ({ ...rest, contentSha256: take(digest) })),
  at: new Date(at),
  slots: slots.map((slot) => slotOf(slot, take)),
  slotsTakenAt: BigInt(takenAt),
})

/** A signature as it is sent. */
export interface MadeRow {
  readonly cms: number
  readonly value: number
  readonly at: number
  readonly token?: SlotRow & { readonly tstInfo: number }
}

/** A signature as it is sent. */
export function madeRow(
  { cmsDer, signatureValue, signingTime, token }: EventSignature,
  parts: Uint8Array[],
): MadeRow {
  parts.push(cmsDer, signatureValue)
  const row = { cms: cmsDer.length, value: signatureValue.length, at: signingTime.getTime() }
  if (!token) return row
  const slot = slotRow(token.slot, parts)
  parts.push(token.tstInfo)
  return { ...row, token: { ...slot, tstInfo: token.tstInfo.length } }
}

/** A signature as it was. */
export const madeOf = ({ cms, value, at, token }: MadeRow, take: Take): EventSignature => ({
  cmsDer: take(cms),
  signatureValue: take(value),
  signingTime: new Date(at),
  ...(token ? { token: { slot: slotOf(token, take), tstInfo: take(token.tstInfo) } } : {}),
})
