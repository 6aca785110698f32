/**
 * `Idempotency-Key`: a repeat gets what the first request got. JSON answers are kept as they were; a signed document is
 * read again from where it is kept, so that the same bytes leave, or its erasure is said. A secret that is shown once is
 * not stored: its repeat says that it was shown.
 */
import type { Services } from '../services/services.ts'
import type { IdempotencyGate } from './app.ts'
import type { Reply } from './route.ts'

interface Kept {
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Signature whose document was the answer. */
  readonly signatureId?: string
}

export function createIdempotencyGate(
  services: Pick<Services, 'idempotency' | 'signatures' | 'now'>,
): IdempotencyGate {
  return {
    async run({ caller, key, route, bodySha256 }, act) {
      const claim = { owner: `${caller.tenant}/${caller.principal.id}`, key, route, bodySha256 }
      const found = await services.idempotency.begin(claim, services.now())
      if (found.state === 'done') {
        const { json, headers, signatureId } = JSON.parse(found.response) as Kept
        const replay = { status: found.status, headers: { ...headers, 'Idempotency-Replayed': 'true' } }
        if (signatureId === undefined) return { ...replay, json }
        const kept = await services.signatures.document({ ...caller, scope: caller.tenant }, signatureId)
        return { ...replay, stream: kept.bytes, sizeBytes: kept.sizeBytes, contentType: kept.mediaType }
      }
      const reply = await act().catch(async (error: unknown) => {
        await services.idempotency.abandon(claim)
        throw error
      })
      await services.idempotency.finish(claim, {
        status: reply.kept?.status ?? reply.status,
        response: JSON.stringify(keptOf(reply)),
      })
      return reply
    },
  }
}

const keptOf = ({ json, headers, signatureId, kept }: Reply): Kept => ({
  ...(kept ? { json: kept.json } : json === undefined ? {} : { json }),
  ...(headers ? { headers } : {}),
  ...(signatureId === undefined ? {} : { signatureId }),
})
