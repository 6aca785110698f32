/** What crosses between the core and its worker threads: plain data, copied by the structured clone algorithm. */
import type { KeyObject } from 'node:crypto'
import type { Draft, DraftInput, Signed, SignInput } from '../drafts.ts'
import { CodedError } from '../errors.ts'
import type { CaMaterial } from '../material.ts'

/** What a worker starts with. Keys are handed over inside the process and never written anywhere. */
export interface WorkerStart {
  readonly material: CaMaterial
  readonly policiesFolder: string
  readonly keys: ReadonlyMap<string, KeyObject>
}

/** One thing to do. */
export type Job = { readonly draft: DraftInput } | { readonly sign: SignInput }

/** Several at once: a message costs more than a certificate's share of it. */
export interface JobMessage {
  readonly id: number
  readonly jobs: readonly Job[]
}

/** A CodedError does not survive the copy; its parts do. */
export interface PlainError {
  readonly code: string
  readonly message: string
  readonly extra: Readonly<Record<string, unknown>>
}

/** One outcome per job, in their order. */
export interface OutcomeMessage {
  readonly id: number
  readonly outcomes: readonly (Draft | Signed | { readonly error: PlainError })[]
}

/** Sent once, when a worker can work. */
export const READY = 'ready'

/** An outcome as it is sent. */
export const toPlain = <T extends object>(outcome: T | CodedError): T | { readonly error: PlainError } => {
  if (!(outcome instanceof CodedError)) return outcome
  const { code, message, extra } = outcome
  return { error: { code, message, extra } }
}

/** An outcome as it was before it was sent. */
export const fromPlain = <T extends object>(outcome: T | { readonly error: PlainError }): T | CodedError => {
  if (!('error' in outcome)) return outcome
  const { code, message, extra } = outcome.error
  return new CodedError(code, message, { extra })
}
