/** What the use cases are made of, and what they lend each other. Types only. */
import type { Ca } from '../../ca/ports.ts'
import type { NoteKey } from '../audit/note.ts'
import type { Config } from '../config.ts'
import type { FontFace } from '../formats/pades/font.ts'
import type { Store } from '../store/store.ts'
import type { Report } from '../verify/report.ts'
import type { Caller } from './tenancy.ts'
import type { VerifyInput } from './verification-engine.ts'

export interface ServiceLog {
  info(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** What the use cases are made of. */
export interface BaseDeps {
  readonly ca: Ca
  readonly store: Store
  readonly config: Config
  readonly now: () => Date
  readonly randomBytes: (count: number) => Uint8Array
  readonly log: ServiceLog
  readonly logKey: NoteKey
  readonly font: () => Promise<FontFace>
  /** The pure verifier with its evidence behind it. */
  readonly verify: (input: VerifyInput) => Promise<Report>
}

/** The same with what use cases lend each other. */
export interface ServiceDeps extends BaseDeps {
  readonly checkKeyOwner: (caller: Caller, keyId: string) => Promise<void>
  /** Text of the receipt of a record. */
  readonly receipt: (recordId: string) => Promise<string>
}
