/** What the steps of the demonstration share. Types only. */
import type { Client } from '../../sdk/client.ts'
import type { Printer } from '../printer.ts'

export interface Demo {
  readonly client: Client
  readonly printer: Printer
  readonly contract: Uint8Array
  readonly issuerId: string
  readonly baseUrl: string
  /** Starts a numbered step, in Chinese and English. */
  step(zh: string, en: string): void
  /** A line below the step. */
  say(line: string): void
  /** Ends the demonstration unless it holds. */
  expect(holds: boolean, what: string): void
  /** Writes a file into the output folder and remembers it. */
  write(name: string, bytes: Uint8Array | string): Promise<string>
}
