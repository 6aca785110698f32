/**
 * Every stable code of the product: those of the trusted core and those of the service.
 *
 * A code is never renamed and never reused; `http/problem.ts` holds one row for each, so a code without a
 * status does not compile.
 */
import type { CaErrorCode } from '../../ca/errors.ts'

/** Codes of the audit log. `LOG_*` mean that the log itself may not be trusted until somebody looks. */
export type AuditErrorCode =
  | 'AUDIT_UNAVAILABLE'
  | 'AUDIT_RECORD_INVALID'
  | 'LOG_CONFLICT'
  | 'LOG_FORK'
  | 'LOG_STORE_OLDER'
  | 'LOG_CHECKPOINT_MISSING'
  | 'LOG_CORRUPT'
  | 'LOG_RANGE'
  | 'STATISTICS_RANGE'
  | 'STATISTICS_STATE'

/** Codes of the visible appearance of a signature. */
export type AppearanceErrorCode =
  'APPEARANCE_INVALID' | 'APPEARANCE_FONT_INVALID' | 'APPEARANCE_IMAGE_INVALID' | 'APPEARANCE_IMAGE_TOO_LARGE'

/** Codes of reading and appending PDF files. */
export type PdfErrorCode =
  | 'PDF_MALFORMED'
  | 'PDF_TOO_LARGE'
  | 'PDF_ENCRYPTED'
  | 'PDF_ENCRYPTION_UNSUPPORTED'
  | 'PDF_NOT_PERMITTED'
  | 'PDF_DAMAGED_SIGNED'
  | 'PDF_CERTIFIED_NO_CHANGES'
  | 'PDF_FIELD_LOCKED'
  | 'PDF_XFA_DYNAMIC'

/** Codes of making PAdES signatures. */
export type PadesErrorCode =
  | 'PADES_CONTENTS_TOO_SMALL'
  | 'PADES_OPTION_INVALID'
  | 'PADES_PAGE_OUT_OF_RANGE'
  | 'PADES_FIELD_INVALID'
  | 'PADES_FIELD_SIGNED'
  | 'PADES_SEED_VALUE_UNSUPPORTED'
  | 'PADES_CERTIFY_NOT_FIRST'

/** Codes of the service: requests, access, and work that cannot be done now. */
export type ServiceErrorCode =
  | 'REQUEST_INVALID'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'MEDIA_TYPE_UNSUPPORTED'
  | 'RATE_LIMITED'
  | 'AUTH_REQUIRED'
  | 'AUTH_FORBIDDEN'
  | 'IDENTITY_EVIDENCE_REQUIRED'
  | 'IDENTITY_EVIDENCE_MISMATCH'
  | 'SELF_CHECK_FAILED'
  | 'DOCUMENT_ERASED'
  | 'SHUTTING_DOWN'
  | 'CRL_EXPIRED'
  | 'EVIDENCE_UNAVAILABLE'
  | 'CONFIG_INVALID'
  | 'VALIDATION_POLICY_INVALID'
  | 'TRUST_LIST_INVALID'

/** Codes of the database and of what it holds. */
export type StoreErrorCode =
  | 'STORE_OVERLOADED'
  | 'STORE_CLOSED'
  | 'STORE_SCHEMA_NEWER'
  | 'STORE_BACKUP_FAILED'
  | 'STORE_OLDER_THAN_CHECKPOINT'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'IDEMPOTENCY_IN_PROGRESS'
  | 'TENANT_NOT_FOUND'
  | 'TENANT_EXISTS'
  | 'API_KEY_MALFORMED'
  | 'API_KEY_NOT_FOUND'
  | 'IDENTITY_EVIDENCE_NOT_FOUND'
  | 'DOCUMENT_NOT_FOUND'
  | 'SIGNATURE_NOT_FOUND'
  | 'VERIFICATION_NOT_FOUND'
  | 'RETENTION_NOT_OVER'
  | 'CURSOR_INVALID'
  | 'ACCESS_POLICY_INVALID'

/** Every stable error code. */
export type ErrorCode =
  | PdfErrorCode
  | PadesErrorCode
  | CaErrorCode
  | StoreErrorCode
  | AuditErrorCode
  | AppearanceErrorCode
  | ServiceErrorCode
