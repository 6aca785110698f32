/** What clients were told, and what must therefore be true for ever, whatever kills the service. */
import type { SignatureJson } from '../e2e/objects.ts'

/** Everything answered so far. */
export interface Told {
  /** SHA-256 of the DER by issuer and serial. */
  readonly certificates: Map<string, string>
  readonly revoked: Set<string>
  readonly signatures: Map<string, Pick<SignatureJson, 'signedSha256'>>
  /** Texts of receipts, with the certificate that each is about. */
  readonly receipts: { readonly key: string; readonly text: Uint8Array }[]
  /** Requests without an answer, by their Idempotency-Key. */
  readonly unanswered: Map<string, Request>
  /** Checkpoints as they were served. */
  readonly checkpoints: Uint8Array[]
  /** Answers that contradict earlier ones. */
  readonly contradictions: string[]
}

/** A request that can be sent again. */
export interface Request {
  readonly path: string
  readonly json: object
}

/** Nothing yet. */
export const nothingTold = (): Told => ({
  certificates: new Map(),
  revoked: new Set(),
  signatures: new Map(),
  receipts: [],
  unanswered: new Map(),
  checkpoints: [],
  contradictions: [],
})
