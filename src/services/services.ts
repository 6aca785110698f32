/** All use cases of the product over one set of dependencies; `main.ts` builds it once. */
import type { CodedError } from '../../ca/errors.ts'
import { createAuthorise } from './authorise.ts'
import { createCertificates } from './certificates.ts'
import { createCrlWatch } from './crl-watch.ts'
import type { BaseDeps, ServiceDeps } from './deps.ts'
import { createIdentityEvidence } from './identity-evidence.ts'
import { type Issued, type IssueInput, issueMany } from './issue-certificates.ts'
import { createKeys } from './keys.ts'
import { createLogService } from './log.ts'
import { createReconciler } from './reconcile.ts'
import { createReadiness, type ReadinessCheck } from './readiness.ts'
import { createSignDocument } from './sign-document.ts'
import { createSignEvents } from './sign-event.ts'
import { createSignatures } from './signatures.ts'
import { createStatistics } from './statistics.ts'
import { createStatus } from './status.ts'
import type { Caller } from './tenancy.ts'
import { createApiKeys, createTenants } from './tenants.ts'
import { createVerifications, createVerifyDocument } from './verify-document.ts'

export type Services = ReturnType<typeof createServices>

export function createServices(base: BaseDeps, checks: readonly ReadinessCheck[]) {
  const keys = createKeys(base)
  const log = createLogService(base)
  const crlWatch = createCrlWatch(base)
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
    issueMany: (caller: Caller, inputs: readonly IssueInput[]): Promise<(Issued | CodedError)[]> =>
      issueMany(deps, caller, inputs),
    identityEvidence: createIdentityEvidence(deps),
    keys,
    tenants: createTenants(base),
    apiKeys: createApiKeys(base),
    signDocument: createSignDocument(deps),
    signEvents: createSignEvents(deps),
    signatures: createSignatures(deps),
    verifyDocument: createVerifyDocument(deps),
    verifications: createVerifications(deps),
    statistics: createStatistics(base),
    reconciler: createReconciler(base),
    crlEnds: crlWatch.ends,
    readiness: createReadiness([...checks, ...crlWatch.checks]),
  }
}
