/** Signatures over digests: the documents stay with the caller, the keys live for one request. */
import { Type } from 'typebox'
import { CodedError } from '../../../ca/errors.ts'
import type { EventSignatures } from '../../../ca/ports.ts'
import { toBase64, toHex } from '../../lib/bytes.ts'
import { toPem } from '../../lib/pem.ts'
import type { EventInput, EventItem } from '../../services/sign-event.ts'
import type { Services } from '../../services/services.ts'
import {
  Chains,
  chainsOf,
  checkItem,
  itemsOf,
  outcomesOf,
  place,
  placeOf,
  Ref,
  Refused,
  refusedItem,
} from '../batch.ts'
import { type RouteDefinition, route } from '../route.ts'
import { closed, Identifier, Instant, SerialHex, Sha256Hex, SubjectAttributes } from '../schemas.ts'

const MAX_SIGNERS = 100
const MAX_DIGESTS = 100
/** Of all signers together: some seconds of work. */
const MAX_SIGNATURES = 1_000
const BODY_BYTES = 2_097_152

const Signer = Type.Object(
  {
    profile: Type.Optional(Type.String({ maxLength: 64, default: 'event' })),
    issuerId: Type.Optional(Identifier),
    subject: SubjectAttributes,
    identityEvidenceId: Type.Optional(Type.String({ maxLength: 80 })),
    validitySeconds: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  closed,
)

const Intent = Type.Union(
  [
    Type.Object({ text: Type.String({ minLength: 1, maxLength: 2_000 }) }, closed),
    Type.Object({ sha256: Sha256Hex }, closed),
  ],
  {
    description:
      'What the signer agreed to: the text, or the SHA-256 of its UTF-8 octets. The log keeps SHA-256(`recordSalt` ‖ that SHA-256) and nothing else of it',
  },
)

const Event = Type.Object(
  {
    ref: Ref,
    signer: Signer,
    intent: Intent,
    digests: Type.Array(Sha256Hex, {
      minItems: 1,
      maxItems: MAX_DIGESTS,
      uniqueItems: true,
      description: 'SHA-256 of each document; for PAdES of the octets in its ByteRange',
    }),
    format: Type.Optional(
      Type.Enum(['cades', 'pades'], {
        description: '`cades` (default): for any file. `pades`: to be put into a PDF by the caller',
      }),
    ),
    level: Type.Optional(
      Type.Enum(['B-T', 'B-B'], { description: '`B-T` (default) adds a signature time-stamp' }),
    ),
    commitment: Type.Optional(
      Type.Enum(['origin', 'receipt', 'delivery', 'sender', 'approval', 'creation'], {
        description: 'Commitment type that the signature itself states (EN 319 122-1 §5.2.3)',
      }),
    ),
  },
  closed,
)

const Body = Type.Object({ items: itemsOf(Event, MAX_SIGNERS) }, closed)

const RecordId = Type.String({ description: 'Its receipt is at `/log/receipt/{recordId}`' })

const Signed = Type.Object(
  {
    ...place,
    outcome: Type.Literal('signed'),
    issuerId: Type.String(),
    serialHex: SerialHex,
    notBefore: Instant,
    notAfter: Instant,
    certificatePem: Type.String(),
    issuedRecordId: RecordId,
    keyDestroyedRecordId: RecordId,
    recordSalt: Type.String({
      description: 'Hexadecimal; with it the hashes of subject and intent in the log can be proved',
    }),
    signatures: Type.Array(
      Type.Object(
        {
          digest: Sha256Hex,
          cms: Type.String({ description: 'Detached CMS signature, Base64 of its DER' }),
          signedAt: Instant,
          timestampedAt: Type.Union([Instant, Type.Null()]),
          recordId: RecordId,
        },
        closed,
      ),
      { description: 'One per digest, in their order' },
    ),
  },
  closed,
)

const Answer = Type.Object(
  {
    signed: Type.Integer(),
    refused: Type.Integer(),
    items: Type.Array(Type.Union([Signed, Refused]), { description: 'One outcome per item, in their order' }),
    chains: Chains,
  },
  closed,
)

function signedItem(made: EventSignatures, value: EventInput, index: number) {
  const { certificate, signatures, recordSalt, issuedRecordId, destroyedRecordId } = made
  return {
    ...placeOf(value, index),
    outcome: 'signed' as const,
    issuerId: certificate.issuerId,
    serialHex: certificate.serialHex,
    notBefore: certificate.notBefore.toISOString(),
    notAfter: certificate.notAfter.toISOString(),
    certificatePem: toPem('CERTIFICATE', certificate.certDer),
    issuedRecordId,
    keyDestroyedRecordId: destroyedRecordId,
    recordSalt: toHex(recordSalt),
    signatures: signatures.map(({ cmsDer, signingTime, timestampedAt, recordId }, n) => ({
      digest: value.digests[n] ?? '',
      cms: toBase64(cmsDer),
      signedAt: signingTime.toISOString(),
      timestampedAt: timestampedAt?.toISOString() ?? null,
      recordId,
    })),
  }
}

/** Items of the right shape; too many signatures in all concern the whole request. @throws {REQUEST_INVALID} */
function checkItems(items: readonly unknown[]): (EventItem | CodedError)[] {
  const checked = items.map((value, index): EventItem | CodedError => {
    const at = `#/items/${index}` as const
    const input = checkItem<EventInput>(Event, value, at)
    return input instanceof CodedError ? input : { input, at }
  })
  const count = checked.reduce(
    (sum, one) => sum + (one instanceof CodedError ? 0 : one.input.digests.length),
    0,
  )
  if (count > MAX_SIGNATURES)
    throw new CodedError('REQUEST_INVALID', `#/items holds more than ${MAX_SIGNATURES} digests`)
  return checked
}

/** `POST /v1/event-signatures`. */
export const eventSignatureRoutes = (services: Services): readonly RouteDefinition[] => [
  route({
    method: 'POST',
    path: '/v1/event-signatures',
    operationId: 'createEventSignatures',
    tag: 'Signatures',
    summary: 'Sign digests for up to 100 signers',
    description:
      'Each signer gets a key and an event certificate for exactly these digests; the key signs each of them once and is destroyed before the answer leaves. ' +
      'Each item succeeds or fails by itself. With an `Idempotency-Key`, a request whose answer was lost gets the same answer again.',
    permission: 'document.sign',
    creates: true,
    body: Body,
    jsonBytes: BODY_BYTES,
    responses: { 200: { description: 'One outcome per item', schema: Answer } },
    errors: [
      'PROFILE_UNKNOWN',
      'PROFILE_VIOLATION',
      'LINT_FAILED',
      'IDENTITY_EVIDENCE_REQUIRED',
      'IDENTITY_EVIDENCE_MISMATCH',
      'ISSUER_UNKNOWN',
      'CA_OVERLOADED',
      'STORE_OVERLOADED',
    ],
    handler: async ({ body, caller }) => {
      const checked = checkItems(body.items)
      const results = await outcomesOf(checked, (items) => services.signEvents(caller, items))
      const made: EventSignatures[] = []
      const items = results.map((result, index) => {
        if (result instanceof CodedError) return refusedItem(result, body.items[index], index)
        made.push(result)
        return signedItem(result, body.items[index] as EventInput, index)
      })
      return {
        status: 200,
        json: {
          signed: made.length,
          refused: items.length - made.length,
          items,
          chains: chainsOf(made.map(({ certificate }) => certificate)),
        },
      }
    },
  }),
]
