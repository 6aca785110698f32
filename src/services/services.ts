/** All use cases of the product over one set of dependencies; `main.ts` builds it once. */
import type { Ca } from '../../ca/ports.ts'
import type { NoteKey } from '../audit/note.ts'
import type { Config } from '../config.ts'
import type { FontFace } from '../formats/pades/font.ts'
import type { Store } from '../store/store.ts'
import type { Report } from '../verify/report.ts'
import { createAuthorise } from './authorise.ts'
import { createCertificates } from './certificates.ts'
import { createIdentityEvidence } from './identity-evidence.ts'
import { createKeys } from './keys.ts'
import { createLogService } from './log.ts'
import { createReadiness, type ReadinessCheck } from './readiness.ts'
import { createSignDocument } from './sign-document.ts'
import { createSignatures } from './signatures.ts'
import { createStatistics } from './statistics.ts'
import { createStatus } from './status.ts'
import type { Caller } from './tenancy.ts'
import { createApiKeys, createTenants } from './tenants.ts'
import { createVerifications, createVerifyDocument } from './verify-document.ts'
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

export type Services = ReturnType<typeof createServices>

export function createServices(base: BaseDeps, checks: readonly ReadinessCheck[]) {
  const keys = createKeys(base)
  const log = createLogService(base)
  const deps: ServiceDeps = { ...base, checkKeyOwner: keys.checkOwner, receipt: log.receipt }
  return {
    now: base.now,
    config: base.config,
    ca: { issuers: base.ca.issuers, profiles: base.ca.profiles },
    authorise: createAuthorise(base),
    idempotency: base.store.idempotency,
    status: createStatus(base),
    log,
    certificates: createCertificates(deps),
    identityEvidence: createIdentityEvidence(deps),
    keys,
    tenants: createTenants(base),
    apiKeys: createApiKeys(base),
    signDocument: createSignDocument(deps),
    signatures: createSignatures(deps),
    verifyDocument: createVerifyDocument(deps),
    verifications: createVerifications(deps),
    statistics: createStatistics(base),
    readiness: createReadiness(checks),
  }
}
