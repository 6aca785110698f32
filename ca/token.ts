/**
 * The one-time token between prepare and issue: whoever holds one can have exactly this
 * TBSCertificate signed, once, by this issuer, before it expires. Unlinted content cannot be signed,
 * because nothing else than a token is accepted and only `prepare.ts` (and `self-signed.ts` for a root)
 * makes them.
 */
import type { Draft } from './drafts.ts'
import { CodedError } from './errors.ts'
import type { IntentRow, IssuanceToken, IssueRequest } from './ports.ts'

/** What prepare decided; nothing of it can change any more. */
export interface PreparedIssuance {
  readonly intent: IntentRow
  readonly request: IssueRequest
  readonly draft: Draft
  readonly keyId: string | null
}

/** Minutes rather than hours: what was checked must still be true when it is signed. */
export const TOKEN_LIFETIME_MS = 5 * 60_000

class Token {
  #prepared: PreparedIssuance | undefined
  readonly serialHex: string
  readonly issuerId: string

  constructor(prepared: PreparedIssuance) {
    this.#prepared = prepared
    this.serialHex = prepared.intent.serialHex
    this.issuerId = prepared.intent.issuerId
    Object.freeze(this)
  }

  /** Empties the token; a second call finds nothing. */
  static take(token: object): PreparedIssuance | undefined {
    if (!(#prepared in token)) return undefined
    const prepared = token.#prepared
    token.#prepared = undefined
    return prepared
  }
}

/** Called after the intent is durable, never before. */
export const makeToken = (prepared: PreparedIssuance): IssuanceToken =>
  new Token(prepared) as unknown as IssuanceToken

/**
 * Redeems a token: from here on it is spent, whatever happens next.
 *
 * @throws {TOKEN_REJECTED} when it was used before, has expired or was not made by this core
 */
export function takeToken(token: IssuanceToken, now: Date): PreparedIssuance {
  const prepared = typeof token === 'object' && token !== null ? Token.take(token) : undefined
  if (!prepared) throw new CodedError('TOKEN_REJECTED', 'issuance token was used before or is not ours')
  const age = now.getTime() - prepared.intent.at.getTime()
  if (age < 0 || age > TOKEN_LIFETIME_MS)
    throw new CodedError(
      'TOKEN_REJECTED',
      `issuance token is older than ${TOKEN_LIFETIME_MS / 60_000} minutes`,
      // Its intent is still open, and will never be fulfilled.
      { extra: { expired: true } },
    )
  return prepared
}
