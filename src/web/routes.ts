/** All pages. */
import type { RouteDefinition } from '../http/route.ts'
import { assetRoute } from './assets.ts'
import { type PolicyTexts, cpsRoutes } from './cps.ts'
import { docsRoute } from './docs.ts'
import type { Institution } from './institution.ts'
import { landingRoute } from './landing.ts'
import { logRoute } from './log-page.ts'
import type { PolicyFacts } from './policy-values.ts'
import { problemRoutes } from './problems.ts'
import { type VerifyServices, verifyRoutes } from './verify-page.ts'

/** What the pages need of the services; `Services` fits. */
export interface PageServices extends VerifyServices {
  readonly log: {
    /** C2SP signed-note key of the log. */
    readonly verifierKey: string
    /** The current signed note. @throws LOG_CHECKPOINT_MISSING */
    readonly checkpoint: () => Promise<string>
  }
}

export interface PageDeps {
  readonly institution: Institution
  /** Address under which the service is reached, no slash at the end. */
  readonly baseUrl: string
  readonly documentLimitBytes: number
  readonly services: PageServices
  /** `readPolicyTexts()` */
  readonly policyTexts: PolicyTexts
  readonly policyFacts: PolicyFacts
  /** The OpenAPI document of all routes; a function, since it holds these pages too. */
  readonly openApi: () => Record<string, unknown>
}

/** Routes of all pages and their assets. @throws {CodedError} CONFIG_INVALID for a policy text with a hole */
export function pageRoutes(deps: PageDeps): readonly RouteDefinition[] {
  const { institution, baseUrl, services } = deps
  return [
    landingRoute(institution),
    ...verifyRoutes(deps),
    docsRoute({ institution, baseUrl, openApi: deps.openApi }),
    ...problemRoutes(institution),
    ...cpsRoutes(deps.policyTexts, deps.policyFacts),
    logRoute({ institution, baseUrl, log: services.log }),
    assetRoute(),
  ]
}
