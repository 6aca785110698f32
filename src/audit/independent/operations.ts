/** Rules of signatures, time stamps, CRL runs and keys: an intent first, one outcome, no use after destruction. */
import { type Entry, textOf } from './entry.ts'
import type { Report } from './finding.ts'

/** Handles the records about operations with keys. */
export type Operations = {
  readonly see: (entry: Entry, index: number) => void
  /** Every intent that still waits. */
  readonly open: () => { name: string; index: number; time: number }[]
}

type Waiting = { name: string; index: number; time: number }

// What names an operation in both of its records, best first.
const NAMES = ['intentId', 'digestHex', 'contentSha256', 'tbsSha256', 'serialHex']

const nameOf = (area: string, data: Entry['data']): string => {
  if (area === 'crl') {
    const number = data.crlNumber ?? data.number
    return `crl/${String(data.issuerId)}/${String(data.shard ?? null)}/${String(number)}`
  }
  for (const name of NAMES) {
    const value = textOf(data, name)
    if (value !== undefined) return `${area}/${name}/${value}`
  }
  return `${area}/?`
}

const OUTCOMES = new Set(['created', 'issued', 'published', 'refused'])
/** Areas in which a key of the institution signs, and so an intent comes first. */
const SIGNING = new Set(['signature', 'crl', 'timestamp'])

/** Uses of busy keys are counted over a period, and its record may follow the destruction. */
const isLateUse = (entry: Entry, destroyedAt: number): boolean => {
  const from = Date.parse(textOf(entry.data, 'from') ?? '')
  return Number.isNaN(from) || from > destroyedAt
}

/** Starts with nothing open. */
export function createOperations(report: Report): Operations {
  const waiting = new Map<string, Waiting[]>()
  const destroyed = new Map<string, Map<string, number>>()

  const end = (area: string, action: string, entry: Entry, index: number): void => {
    const name = nameOf(area, entry.data)
    const queue = waiting.get(name) ?? []
    const intent = queue.shift()
    if (queue.length === 0) waiting.delete(name)
    // A refusal may come before any intent; a time stamp's intent may be left out (its serial is the record).
    if (intent === undefined && action !== 'refused' && area !== 'timestamp') {
      report('outcome-without-intent', index, name)
    }
  }

  const seeKey = (action: string, entry: Entry, index: number): void => {
    const keyId = textOf(entry.data, 'keyId')
    if (keyId === undefined) return
    const shard = destroyed.get(keyId.slice(-2)) ?? new Map<string, number>()
    destroyed.set(keyId.slice(-2), shard)
    const end = shard.get(keyId)
    if (action === 'used' && end !== undefined && isLateUse(entry, end)) {
      report('key-used-after-destruction', index, keyId)
    }
    if (action === 'destroyed' && end === undefined) shard.set(keyId, entry.time)
  }

  return {
    see: (entry, index) => {
      const [area = '', action = ''] = entry.type.split('.')
      if (area === 'key') return seeKey(action, entry, index)
      if (!SIGNING.has(area)) return
      if (action === 'intent') {
        const name = nameOf(area, entry.data)
        waiting.set(name, [...(waiting.get(name) ?? []), { name, index, time: entry.time }])
      } else if (OUTCOMES.has(action)) {
        end(area, action, entry, index)
      }
    },
    open: () => [...waiting.values()].flat(),
  }
}
