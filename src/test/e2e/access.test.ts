/** Who may do what: every route, every role, and the other business. A route that is not in the tables fails the test. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import type { Role } from '../../auth/permissions.ts'
import type { RouteDefinition } from '../../http/route.ts'
import { ApiError } from '../../sdk/client.ts'
import { sampleTablePdf } from '../sample-pdf.ts'
import { makeCsr } from './csr.ts'
import { addEvidence, makeObjects, subjectOf, type TenantObjects } from './objects.ts'
import { startService, type TestKey, type TestService } from './start.ts'

interface RolesFile {
  readonly roles: Readonly<Record<Role, { readonly grants: Readonly<Record<string, string>> }>>
}

const { roles: GRANTS } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../policies/access/roles.json'), 'utf8'),
) as RolesFile
const ROLE_NAMES = Object.keys(GRANTS) as Role[]

let service: TestService
let objects: TenantObjects

test.before(async () => {
  service = await startService('access')
  objects = await makeObjects(service.alpha, 'Alpha TEST ONLY')
  await service.sequenced()
})
test.after.always(() => service.close())

const SAMPLE: Readonly<Record<string, string>> = {
  shard: '0',
  code: 'NOT_FOUND',
  name: 'cps',
  file: 'site.css',
}

/** A request that reaches the permission check and, behind it, nothing. */
function request(route: RouteDefinition, authorization?: string): [string, RequestInit] {
  const path = route.path.replace(/\{(\w+)\}/g, (_all, name: string) => SAMPLE[name] ?? 'none')
  const headers = new Headers(authorization === undefined ? {} : { Authorization: authorization })
  if (route.method === 'POST') headers.set('Content-Type', 'application/json')
  return [
    service.address + path,
    { method: route.method, headers, ...(route.method === 'POST' ? { body: '{}' } : {}) },
  ]
}

/** From the file alone: staff grants are for keys of the institution. */
function isGranted(role: Role, permission: string, tenant: string | null): boolean {
  const scope = GRANTS[role].grants[permission]
  return scope !== undefined && (scope !== 'institution' || tenant === null)
}

const closedRoutes = (): RouteDefinition[] =>
  service.running.routes.filter(({ permission }) => permission !== 'public')

test('without a key, every route that is not public answers 401', async (t) => {
  t.true(closedRoutes().length > 20)
  for (const route of closedRoutes())
    for (const authorization of [undefined, 'Bearer yx_0000000000000000_wrong', 'Basic YTpi', 'Bearer ']) {
      const response = await service.fetch(...request(route, authorization))
      t.is(response.status, 401, `${route.operationId} with ${authorization ?? 'nothing'}`)
      t.truthy(response.headers.get('www-authenticate'))
    }
})

test('public routes ask for no key', async (t) => {
  for (const route of service.running.routes.filter(({ permission }) => permission === 'public')) {
    const { status } = await service.fetch(...request(route))
    t.false([401, 403, 500].includes(status), `${route.operationId} answers ${status}`)
  }
})

test('a wrong key is refused on a public route too, where members have something of their own', async (t) => {
  const members = service.running.routes.filter(({ memberPermission }) => memberPermission !== undefined)
  t.true(members.length > 0)
  for (const route of members)
    t.is((await service.fetch(...request(route, 'Bearer yx_wrong'))).status, 401, route.operationId)
})

test('a role that does not grant the permission gets 403, one that does gets past it', async (t) => {
  for (const tenant of [null, 'alpha'])
    for (const role of ROLE_NAMES.filter((name) => tenant === null || name !== 'regulator')) {
      const { text } = await service.key(tenant, [role])
      for (const route of closedRoutes()) {
        const { status } = await service.fetch(...request(route, `Bearer ${text}`))
        const isAllowed = isGranted(role, route.permission, tenant)
        const what = `${route.operationId} as ${role} of ${tenant ?? 'the institution'}: ${status}`
        if (isAllowed) t.false([401, 403, 500].includes(status), what)
        else t.is(status, 403, what)
      }
    }
})

test('revoked, expired and disabled keys are no keys', async (t) => {
  const expired = await service.key('alpha', ['signer'], new Date(Date.now() - 1000).toISOString())
  const revoked = await service.key('alpha', ['signer'])
  await service.staff.api.json('DELETE', `/v1/api-keys/${revoked.id}`)
  for (const { api } of [expired, revoked]) {
    const error = await t.throwsAsync(api.json('GET', '/v1/signatures'), { instanceOf: ApiError })
    t.is(error.problem.code, 'AUTH_REQUIRED')
  }
})

type Attempt = (foreign: TestKey) => Promise<unknown>

/** What a foreign key gets: an answer that does not tell "not yours" from "not there". */
const refused =
  (code: string, attempt: Attempt): Attempt =>
  async (foreign) => {
    try {
      await attempt(foreign)
    } catch (error) {
      if (error instanceof ApiError && error.problem.code === code) return
      throw error
    }
    throw new Error(`was let in; expected ${code}`)
  }

const hidden =
  (path: string, own: () => string): Attempt =>
  async (foreign) => {
    const text = new TextDecoder().decode(await foreign.api.bytes('GET', path))
    if (text.includes(own())) throw new Error(`${path} shows ${own()}`)
  }

const ofCertificate = (): string =>
  `/v1/certificates/${objects.certificate.issuerId}/${objects.certificate.serialHex}`

interface Refused {
  readonly problem?: { readonly code: string }
}

/** A key of the other business, and its identity evidence. */
async function stolenItems(foreign: TestKey): Promise<readonly object[]> {
  const subject = subjectOf('Beta TEST ONLY')
  const own = await addEvidence(foreign, 'Beta TEST ONLY')
  return [
    { profile: 'organisation', subject, keyId: objects.keyId, identityEvidenceId: own },
    {
      profile: 'organisation',
      subject: subjectOf('Alpha TEST ONLY'),
      csr: makeCsr(subject),
      identityEvidenceId: objects.evidenceId,
    },
  ]
}

function checkRefused(items: readonly Refused[], codes: readonly string[]): void {
  const found = items.map(({ problem }) => problem?.code).join()
  if (found !== codes.join()) throw new Error(`was let in: ${found}`)
}

/** Every route that reaches something of a tenant, tried with the key of another one. */
const FOREIGN: Readonly<Record<string, Attempt>> = {
  createSignature: async (foreign) => {
    const files = { document: { bytes: sampleTablePdf() } }
    const { issuerId, serialHex } = objects.certificate
    const certificate = { certificate: { issuerId, serialHex } }
    await refused('CERT_NOT_FOUND', ({ api }) =>
      api.json('POST', '/v1/signatures', { json: { signer: certificate }, files }),
    )(foreign)
    const event = { subject: subjectOf('Alpha TEST ONLY'), identityEvidenceId: objects.evidenceId }
    await refused('IDENTITY_EVIDENCE_MISMATCH', ({ api }) =>
      api.json('POST', '/v1/signatures', { json: { signer: { event } }, files }),
    )(foreign)
  },
  getSignature: refused('NOT_FOUND', ({ api }) => api.json('GET', `/v1/signatures/${objects.signature.id}`)),
  getSignatureReceipt: refused('NOT_FOUND', ({ api }) =>
    api.bytes('GET', `/v1/signatures/${objects.signature.id}/receipt`),
  ),
  getSignedDocument: refused('NOT_FOUND', ({ api }) =>
    api.bytes('GET', `/v1/signatures/${objects.signature.id}/document`),
  ),
  listSignatures: hidden('/v1/signatures', () => objects.signature.id),
  getVerification: refused('NOT_FOUND', ({ api }) =>
    api.json('GET', `/v1/verifications/${objects.verificationId}`),
  ),
  issueCertificate: async (foreign) => {
    const subject = subjectOf('Beta TEST ONLY')
    const identityEvidenceId = await addEvidence(foreign, 'Beta TEST ONLY')
    const json = { profile: 'organisation', subject, keyId: objects.keyId, identityEvidenceId }
    await refused('KEY_NOT_FOUND', ({ api }) => api.json('POST', '/v1/certificates', { json }))(foreign)
    const stolen = {
      profile: 'organisation',
      subject: subjectOf('Alpha TEST ONLY'),
      keyId: (await foreign.api.json<{ keyId: string }>('POST', '/v1/keys', { json: {} })).keyId,
      identityEvidenceId: objects.evidenceId,
    }
    await refused('IDENTITY_EVIDENCE_MISMATCH', ({ api }) =>
      api.json('POST', '/v1/certificates', { json: stolen }),
    )(foreign)
  },
  issueCertificates: async (foreign) => {
    const answer = await foreign.api.json<{ items: Refused[] }>('POST', '/v1/certificates/batch', {
      json: { items: await stolenItems(foreign) },
    })
    checkRefused(answer.items, ['KEY_NOT_FOUND', 'IDENTITY_EVIDENCE_MISMATCH'])
  },
  issueCertificatesBulk: async (foreign) => {
    const response = await service.fetch(`${service.address}/v1/certificates/bulk`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${foreign.text}`, 'Content-Type': 'application/x-ndjson' },
      body: (await stolenItems(foreign)).map((item) => `${JSON.stringify(item)}\n`).join(''),
    })
    const lines = (await response.text()).trim().split('\n')
    const items = lines.map((line) => JSON.parse(line) as Refused)
    checkRefused(items.slice(0, 2), ['KEY_NOT_FOUND', 'IDENTITY_EVIDENCE_MISMATCH'])
  },
  createEventSignatures: async (foreign) => {
    const item = {
      signer: { subject: subjectOf('Alpha TEST ONLY'), identityEvidenceId: objects.evidenceId },
      intent: { text: 'TEST ONLY' },
      digests: ['ab'.repeat(32)],
    }
    const answer = await foreign.api.json<{ items: Refused[] }>('POST', '/v1/event-signatures', {
      json: { items: [item] },
    })
    checkRefused(answer.items, ['IDENTITY_EVIDENCE_MISMATCH'])
  },
  searchCertificates: async (foreign) => {
    await hidden('/v1/certificates', () => objects.certificate.serialHex)(foreign)
    await hidden(
      `/v1/certificates?serialHex=${objects.certificate.serialHex}`,
      () => objects.certificate.certSha256,
    )(foreign)
    await refused('AUTH_FORBIDDEN', ({ api }) => api.json('GET', '/v1/certificates?tenant=alpha'))(foreign)
  },
  exportCertificates: async (foreign) => {
    await hidden('/v1/certificates/export', () => objects.certificate.serialHex)(foreign)
    await refused('AUTH_FORBIDDEN', ({ api }) => api.bytes('GET', '/v1/certificates/export?tenant=alpha'))(
      foreign,
    )
  },
  getCertificate: refused('CERT_NOT_FOUND', ({ api }) => api.json('GET', ofCertificate())),
  getCertificateReceipt: refused('CERT_NOT_FOUND', ({ api }) =>
    api.bytes('GET', `${ofCertificate()}/receipt`),
  ),
  revokeCertificate: refused('CERT_NOT_FOUND', ({ api }) =>
    api.json('POST', `${ofCertificate()}/revocation`, {
      json: { reason: 'unspecified', legalGround: 'holder-request' },
    }),
  ),
  listIdentityEvidence: hidden('/v1/identity-evidence', () => objects.evidenceId),
  getIdentityEvidence: refused('NOT_FOUND', ({ api }) =>
    api.json('GET', `/v1/identity-evidence/${objects.evidenceId}`),
  ),
  createCsr: refused('KEY_NOT_FOUND', ({ api }) =>
    api.json('POST', `/v1/keys/${objects.keyId}/csr`, { json: { subject: subjectOf('Beta TEST ONLY') } }),
  ),
  listKeys: hidden('/v1/keys', () => objects.keyId),
  destroyKey: refused('KEY_NOT_FOUND', ({ api }) => api.json('DELETE', `/v1/keys/${objects.keyId}`)),
  createApiKey: async (foreign) => {
    for (const tenant of ['alpha', null])
      await refused('AUTH_FORBIDDEN', ({ api }) =>
        api.json('POST', '/v1/api-keys', { json: { tenant, roles: ['signer'] } }),
      )(foreign)
  },
  listApiKeys: hidden('/v1/api-keys', () => service.alpha.id),
  revokeApiKey: refused('API_KEY_NOT_FOUND', ({ api }) =>
    api.json('DELETE', `/v1/api-keys/${service.alpha.id}`),
  ),
  createTenant: refused('AUTH_FORBIDDEN', ({ api }) =>
    api.json('POST', '/v1/tenants', { json: { id: 'gamma', name: 'gamma' } }),
  ),
  listTenants: refused('AUTH_FORBIDDEN', ({ api }) => api.json('GET', '/v1/tenants')),
  // Figures are those of the whole institution, other businesses included.
  regulatorStatistics: refused('AUTH_FORBIDDEN', ({ api }) =>
    api.json('GET', '/v1/regulator/statistics?from=2026-01-01&to=2026-01-01'),
  ),
  metrics: refused('AUTH_FORBIDDEN', ({ api }) => api.bytes('GET', '/metrics')),
}

/** Routes that make something new of the caller's own and name nothing that exists. */
const OWN_ONLY = ['addIdentityEvidence', 'createKey', 'importKey']

/** Routes without a tenant: pages, protocols, the log, operation. */
const PUBLIC = [
  ...['landingPage', 'verifyPage', 'verifyPagePost', 'docsPage', 'problemsPage', 'problemPage', 'cpsPage'],
  ...['policyPage', 'logPage'],
  ...['asset', 'logCheckpoint', 'logKey', 'logTile', 'logReceipt', 'logConsistency', 'ocspPost', 'ocspGet'],
  ...['timestamp', 'fullCrl', 'crlShard', 'issuerCertificate', 'health', 'ready', 'openApi'],
  'createVerification',
]

test('every route is in exactly one of the tables above', (t) => {
  const known = [...Object.keys(FOREIGN), ...OWN_ONLY, ...PUBLIC].sort()
  t.deepEqual(service.running.routes.map(({ operationId }) => operationId).sort(), known)
  for (const { operationId, permission } of service.running.routes)
    t.is(
      permission === 'public',
      PUBLIC.includes(operationId) || operationId === 'getVerification',
      operationId,
    )
})

test('the key of another business neither sees nor changes anything', async (t) => {
  for (const [operationId, attempt] of Object.entries(FOREIGN))
    await t.notThrowsAsync(attempt(service.beta), operationId)
  const { state } = await service.alpha.api.json<{ state: string }>('GET', ofCertificate())
  t.is(state, 'valid')
  const { items } = await service.alpha.api.json<{ items: { keyId: string; destroyedAt: string | null }[] }>(
    'GET',
    '/v1/keys',
  )
  t.is(items.find(({ keyId }) => keyId === objects.keyId)?.destroyedAt, null)
})

test('somebody without a key does not read the report of a business', async (t) => {
  const error = await t.throwsAsync(
    service.anonymous.json('GET', `/v1/verifications/${objects.verificationId}`),
    { instanceOf: ApiError },
  )
  t.is(error.problem.code, 'NOT_FOUND')
})

test('staff that sees all acts on what belongs to a business, and it stays with the business', async (t) => {
  const { staff, alpha } = service
  const { id } = await alpha.api.json<{ id: string }>('GET', `/v1/signatures/${objects.signature.id}`)
  t.is((await staff.api.json<{ id: string }>('GET', `/v1/signatures/${id}`)).id, id)
  const json = { reason: 'certificateHold', legalGround: 'holder-request' }
  const held = await staff.api.json<{ state: string }>('POST', `${ofCertificate()}/revocation`, { json })
  t.is(held.state, 'held')
  await staff.api.json('POST', `${ofCertificate()}/revocation`, {
    json: { ...json, reason: 'removeFromCRL' },
  })
  t.is((await alpha.api.json<{ state: string }>('GET', ofCertificate())).state, 'valid')
  const { keyId } = await alpha.api.json<{ keyId: string }>('POST', '/v1/keys', { json: {} })
  await staff.api.json('DELETE', `/v1/keys/${keyId}`)
  const { items } = await alpha.api.json<{ items: { keyId: string; destroyedAt: string | null }[] }>(
    'GET',
    '/v1/keys',
  )
  t.truthy(items.find((item) => item.keyId === keyId)?.destroyedAt)
})
