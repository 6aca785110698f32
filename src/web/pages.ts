/** The pages of an open house. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { CodedError } from '../../ca/errors.ts'
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
  readonly config: Pick<
    Config,
    'baseUrl' | 'documentLimitBytes' | 'crlRefreshSeconds' | 'documentHours' | 'institutionFile'
  >
  readonly material: { readonly policyArc: string }
}

const readProfiles = (): PolicyProfile[] =>
  readdirSync(PROFILES)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(PROFILES, name), 'utf8')) as PolicyProfile)

/** @throws {CodedError} CONFIG_INVALID when the institution's file cannot be used */
export function pagesOf(
  { services, config, material }: PageHouse,
  openApi: () => Record<string, unknown>,
  version: string,
): readonly RouteDefinition[] {
  const institution = institutionOf(config.institutionFile)
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

/** What the institution publishes about itself; without a file it is an evaluation institution, and says so everywhere. */
function institutionOf(file: string | undefined): Institution {
  if (file === undefined) return EVALUATION
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Institution
  } catch (cause) {
    throw new CodedError('CONFIG_INVALID', 'YINXIN_INSTITUTION names no readable JSON file', { cause })
  }
}

/** Problems as pages, for `HttpDeps.errorPage`. */
export const errorPageOf = ({ config }: Pick<PageHouse, 'config'>): ErrorPage =>
  createErrorPage(institutionOf(config.institutionFile), config.documentLimitBytes)
