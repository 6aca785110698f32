/** JSON Schema (draft 2020-12) of the report, for OpenAPI and for whoever reads reports; a test holds it against the type. */

type Schema = { readonly [key: string]: unknown }

const nullable = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] })
const text: Schema = { type: 'string' }
const instant: Schema = { type: 'string', format: 'date-time' }
const count: Schema = { type: 'integer', minimum: 0 }
const sha256: Schema = { type: 'string', pattern: '^[0-9a-f]{64}$' }
const oneOf = (...values: readonly string[]): Schema => ({ type: 'string', enum: values })
const listOf = (items: Schema): Schema => ({ type: 'array', items })

/** Every field is required: what is not known is null. */
const object = (properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema => ({
  type: 'object',
  additionalProperties: false,
  required: Object.keys(properties).filter((key) => !optional.includes(key)),
  properties,
})

const indication = oneOf('TOTAL-PASSED', 'INDETERMINATE', 'TOTAL-FAILED')

const subIndication = nullable(
  oneOf(
    'FORMAT_FAILURE',
    'HASH_FAILURE',
    'SIG_CRYPTO_FAILURE',
    'REVOKED',
    'EXPIRED',
    'NOT_YET_VALID',
    'SIG_CONSTRAINTS_FAILURE',
    'CHAIN_CONSTRAINTS_FAILURE',
    'CERTIFICATE_CHAIN_GENERAL_FAILURE',
    'CRYPTO_CONSTRAINTS_FAILURE',
    'CRYPTO_CONSTRAINTS_FAILURE_NO_POE',
    'NO_SIGNING_CERTIFICATE_FOUND',
    'NO_CERTIFICATE_CHAIN_FOUND',
    'REVOKED_NO_POE',
    'REVOKED_CA_NO_POE',
    'OUT_OF_BOUNDS_NO_POE',
    'TRY_LATER',
    'SIGNED_DATA_NOT_FOUND',
    'TIMESTAMP_ORDER_FAILURE',
  ),
)

const bilingual = { key: { type: 'string', pattern: '^[A-Z0-9_]+$' }, zh: text, en: text, detail: text }
const reasonCertificate = object({ name: text, issuer: text, serialHex: text })
const reason = object({ ...bilingual, certificate: reasonCertificate }, ['detail', 'certificate'])
const reasons = listOf(reason)

const certificateFields = {
  subject: text,
  commonName: nullable(text),
  organisation: nullable(text),
  issuer: text,
  serialHex: text,
  sha256,
  notBefore: instant,
  notAfter: instant,
}
const certificate = object(certificateFields)

const revocation = object({
  status: oneOf('good', 'revoked', 'unknown', 'anchor', 'not-offered', 'not-checked'),
  source: nullable(oneOf('crl', 'ocsp')),
  thisUpdate: nullable(instant),
  nextUpdate: nullable(instant),
  signer: nullable(text),
  revokedAt: nullable(instant),
  revocationReason: nullable(text),
  reason: nullable(reason),
})
const chain = listOf(object({ ...certificateFields, revocation }))
const anchor = nullable(object({ name: text, source: text, jurisdiction: nullable(text), sha256 }))

const timestampKind = oneOf('signature-timestamp', 'content-timestamp', 'document-timestamp')
const timestamp = object({
  kind: timestampKind,
  indication,
  subIndication,
  time: nullable(instant),
  accuracyMs: nullable(count),
  policy: nullable(text),
  serialHex: nullable(text),
  authority: nullable(certificate),
  chain,
  anchor,
  reasons,
})

const coverage = object({
  wholeFile: { type: 'boolean' },
  bytesCovered: count,
  bytesTotal: count,
  revision: nullable(count),
  revisions: count,
})

const change = object({ ...bilingual, allowed: { type: 'boolean' }, revision: count, place: text }, [
  'detail',
])

const condition = object({
  number: { type: 'integer', enum: [1, 2, 3, 4] },
  result: oneOf('pass', 'fail', 'unknown'),
  zh: text,
  en: text,
  facts: reasons,
})

const signature = object({
  id: text,
  kind: oneOf('signature', 'document-timestamp'),
  field: nullable(text),
  format: oneOf('PAdES', 'CAdES', 'PKCS7', 'RFC3161', 'unknown'),
  subFilter: nullable(text),
  level: oneOf('B-B', 'B-T', 'other'),
  indication,
  subIndication,
  reasons,
  warnings: reasons,
  signer: nullable(certificate),
  claimedTime: nullable(instant),
  bestSignatureTime: instant,
  timeProof: nullable(object({ kind: timestampKind, authority: nullable(text) })),
  timestamps: listOf(timestamp),
  coverage: nullable(coverage),
  changes: listOf(change),
  chain,
  anchor,
  algorithms: object({
    signature: nullable(text),
    digest: nullable(text),
    key: nullable(text),
    acceptableUntil: nullable(text),
  }),
  conditions: listOf(condition),
})

/** Schema of `Report`. */
export const REPORT_SCHEMA: Schema = {
  title: 'Verification report',
  ...object({
    schema: { const: 'yinxin-verification-report-1' },
    indication: oneOf(
      'TOTAL-PASSED',
      'INDETERMINATE',
      'TOTAL-FAILED',
      'NO_SIGNATURE_FOUND',
      'NOT_VERIFIABLE',
    ),
    answer: reason,
    reasons,
    document: object({
      kind: oneOf('pdf', 'cms', 'other'),
      size: count,
      sha256,
      revisions: nullable(count),
      encrypted: { type: 'boolean' },
    }),
    content: nullable(object({ size: count, sha256 })),
    validationTime: instant,
    policy: object({ name: text, version: text, algorithms: text, sha256 }),
    validator: object({ name: text, version: text }),
    signatures: listOf(signature),
  }),
}
