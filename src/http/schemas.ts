/** JSON shapes shared by several routes (JSON Schema 2020-12, as OpenAPI 3.1 uses it). */
import { Type } from 'typebox'

/** Objects are closed: a field that nobody reads is a mistake of the caller, and is named. */
export const closed = { additionalProperties: false } as const

export const Instant = Type.String({
  format: 'date-time',
  description: 'RFC 3339, UTC',
  examples: ['2026-11-24T08:00:00.000Z'],
})
export const Sha256Hex = Type.String({
  pattern: '^[0-9a-f]{64}$',
  description: 'SHA-256, lower-case hexadecimal',
})
export const SerialHex = Type.String({
  pattern: '^[0-9a-f]{1,40}$',
  description: 'Serial number, lower-case hexadecimal',
})
export const Base64 = Type.String({
  pattern: '^[A-Za-z0-9+/]*={0,2}$',
  maxLength: 200_000,
  description: 'Base64 (RFC 4648 §4)',
})
export const Identifier = Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$' })

export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'Address of the page that explains this code' }),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'Stable; never renamed' }),
    detail: Type.String(),
    instance: Type.String(),
    requestId: Type.String(),
    errors: Type.Optional(
      Type.Array(
        Type.Object(
          { pointer: Type.String(), rule: Type.String(), source: Type.Optional(Type.String()) },
          closed,
        ),
      ),
    ),
  },
  { additionalProperties: true, description: 'RFC 9457 problem document' },
)

export const SubjectAttributes = Type.Array(
  Type.Object(
    { type: Type.String({ maxLength: 32 }), value: Type.String({ minLength: 1, maxLength: 256 }) },
    closed,
  ),
  {
    minItems: 1,
    maxItems: 16,
    description:
      'Distinguished name in order, for example [{"type":"C","value":"CN"},{"type":"O","value":"…"},{"type":"CN","value":"…"}]',
  },
)

export const SubjectAltNames = Type.Array(
  Type.Object(
    { type: Type.Enum(['email', 'dns', 'uri', 'ip']), value: Type.String({ maxLength: 255 }) },
    closed,
  ),
  { maxItems: 20 },
)

/** Cursor paging: `next` is absent on the last page. */
export const Paging = {
  cursor: Type.Optional(Type.String({ maxLength: 200, description: 'Value of `next` of the page before' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50 })),
}
