/** Serves the pages on loopback with a real koa application and given verifications; for tests only. */
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { CodedError } from '../../../ca/errors.ts'
import { createApp } from '../../http/app.ts'
import { buildOpenApi } from '../../http/openapi.ts'
import type { RouteDefinition } from '../../http/route.ts'
import type { VerificationView } from '../../services/verify-document.ts'
import { readPolicyTexts } from '../cps.ts'
import { createErrorPage } from '../error-page.ts'
import type { Institution } from '../institution.ts'
import type { PolicyFacts, PolicyProfile } from '../policy-values.ts'
import { type PageDeps, pageRoutes } from '../routes.ts'
import type { VerifyInput } from '../verify-page.ts'

const TEST_INSTITUTION: Institution = {
  legalName: { zh: '仅供测试认证有限公司', en: 'TEST ONLY Certification Ltd.' },
  email: 'security@ca.example',
  evaluation: true,
}

const PROFILES = join(import.meta.dirname, '../../../policies/profiles')

/** The profiles as they lie in `policies/profiles`. */
export const readProfiles = (): readonly PolicyProfile[] =>
  readdirSync(PROFILES)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(PROFILES, name), 'utf8')) as PolicyProfile)

export const testFacts = (institution = TEST_INSTITUTION): PolicyFacts => ({
  institution,
  baseUrl: 'http://127.0.0.1:8080',
  policyArc: '1.3.6.1.4.1.55555.1',
  version: '0.1.0',
  crlRefreshSeconds: 3600,
  documentHours: 24,
  profiles: readProfiles(),
})

const CHECKPOINT =
  'ca.example/log\n1234567\nq1T2sV3pQ0m7Yq3x1o6Wc3l3yZ8sN2kq7d5b8m1r9tA=\n\n— ca.example/log AbCdEf==\n'

export type VerifyStub = (input: VerifyInput) => VerificationView

/** Dependencies of the pages with a verifier of the test's choice. */
export function testPageDeps(verify: VerifyStub, more: Partial<PageDeps> = {}): PageDeps {
  const stored = new Map<string, VerificationView>()
  const routes: RouteDefinition[] = []
  const deps: PageDeps = {
    institution: TEST_INSTITUTION,
    baseUrl: 'http://127.0.0.1:8080',
    documentLimitBytes: 5_000_000,
    services: {
      verifyDocument: async (_caller, input) => {
        const made = verify(input)
        stored.set(made.id, made)
        return made
      },
      verifications: {
        get: async (_caller, id) => {
          const found = stored.get(id)
          if (!found) throw new CodedError('NOT_FOUND', 'there is no such report')
          return found
        },
      },
      log: { verifierKey: 'ca.example/log+1a2b3c4d+AZ0123456789', checkpoint: async () => CHECKPOINT },
    },
    policyTexts: readPolicyTexts(),
    policyFacts: testFacts(),
    openApi: () => buildOpenApi(routes, 'http://127.0.0.1:8080', '0.1.0'),
    ...more,
  }
  routes.push(...pageRoutes(deps))
  return deps
}

export interface ServedPages {
  readonly url: string
  readonly close: () => Promise<void>
}

/** Listens on a free port of loopback. */
export async function servePages(deps: PageDeps): Promise<ServedPages> {
  const silent = { info: () => undefined, error: () => undefined }
  const app = createApp({
    trustedProxies: 0,
    routes: pageRoutes(deps),
    baseUrl: deps.baseUrl,
    limits: { documentBytes: deps.documentLimitBytes, jsonBytes: 100_000, appendRoom: 0 },
    log: silent,
    authorise: () => Promise.reject(new CodedError('AUTH_REQUIRED', 'no key')),
    idempotency: { run: (_claim, act) => act() },
    rateLimit: () => undefined,
    observe: () => undefined,
    errorPage: createErrorPage(deps.institution, deps.documentLimitBytes),
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
