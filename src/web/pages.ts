/** The pages of an open house. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { ErrorPage } from '../http/problem.ts'
import type { RouteDefinition } from '../http/route.ts'
import { readPolicyTexts } from './cps.ts'
import { createErrorPage } from './error-page.ts'
import type { Institution } from './institution.ts'
import type { PolicyProfile } from './policy-values.ts'
import { type PageServices, pageRoutes } from './routes.ts'

const PROFILES = join(import.meta.dirname, '../../policies/profiles')

/** What an evaluation CA says about itself. */
const EVALUATION: Institution = {
  legalName: { zh: '印信（评估用）', en: 'Yinxin (evaluation only)' },
  evaluation: true,
}

/** What the pages need of an open house; `House` of main fits, which is not imported since it stands above. */
interface PageHouse {
  readonly services: PageServices
  readonly config: Pick<Config, 'baseUrl' | 'documentLimitBytes' | 'crlRefreshSeconds' | 'documentHours'>
  readonly material: { readonly policyArc: string }
}

const readProfiles = (): PolicyProfile[] =>
  readdirSync(PROFILES)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(PROFILES, name), 'utf8')) as PolicyProfile)

/** @param institutionText JSON of what the institution publishes, see `Institution`; an evaluation CA when left out */
export function pagesOf(
  { services, config, material }: PageHouse,
  openApi: () => Record<string, unknown>,
  version: string,
  institutionText?: string,
): readonly RouteDefinition[] {
  const institution = institutionOf(institutionText)
  return pageRoutes({
    institution,
    baseUrl: config.baseUrl,
    documentLimitBytes: config.documentLimitBytes,
    services,
    policyTexts: readPolicyTexts(),
    policyFacts: {
      institution,
      baseUrl: config.baseUrl,
      policyArc: material.policyArc,
      version,
      crlRefreshSeconds: config.crlRefreshSeconds,
      documentHours: config.documentHours,
      profiles: readProfiles(),
    },
    openApi,
  })
}

const institutionOf = (text: string | undefined): Institution =>
  text === undefined ? EVALUATION : (JSON.parse(text) as Institution)

/** Problems as pages, for `HttpDeps.errorPage`. */
export const errorPageOf = ({ config }: Pick<PageHouse, 'config'>, institutionText?: string): ErrorPage =>
  createErrorPage(institutionOf(institutionText), config.documentLimitBytes)
