/** Evidence that is made during a validation belongs to it, also when the second ends in between. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { issueHeld, type SignatureJson } from '../test/e2e/objects.ts'
import { startService } from '../test/e2e/start.ts'
import { sampleTablePdf } from '../test/sample-pdf.ts'
import { loadPolicy } from '../verify/policy.ts'
import { createVerificationEngine } from './verification-engine.ts'

const policies = join(import.meta.dirname, '../../policies')

test('an OCSP response that is produced while its validation runs is not from the future', async (t) => {
  t.timeout(60_000)
  const service = await startService('engine')
  t.teardown(() => service.close())
  const { ca, store } = service.house
  const { issuerId, serialHex } = await issueHeld(service.alpha, 'TEST ONLY')
  const { id } = await service.alpha.api.json<SignatureJson>('POST', '/v1/signatures', {
    json: { signer: { certificate: { issuerId, serialHex } }, level: 'B-B' },
    files: { document: { bytes: sampleTablePdf(), name: 'a.pdf', type: 'application/pdf' } },
  })
  const document = await service.alpha.api.bytes('GET', `/v1/signatures/${id}/document`)
  // The second before the responder says anything: what is then asked for comes from the one after.
  let clock = new Date(Date.now() - 5_000)
  let asked = 0
  const verify = createVerificationEngine({
    ca: {
      issuers: ca.issuers,
      services: ca.services,
      async ocsp(request) {
        asked++
        const answer = await ca.ocsp(request)
        clock = new Date()
        return answer
      },
    },
    store,
    now: () => clock,
    ownPrefixes: [service.house.config.baseUrl, service.house.material.baseUrl],
    trust: ca.issuers
      .filter(({ role }) => role === 'root')
      .map(({ certDer }) => ({ certDer, name: 'root', source: 'test', jurisdiction: 'CN' })),
    policy: await loadPolicy((path) => readFile(join(policies, path), 'utf8')),
    fetchAllowed: false,
  })
  const { signatures, indication } = await verify({ document })
  t.true(asked > 0)
  t.is(indication, 'TOTAL-PASSED', JSON.stringify(signatures[0]?.reasons.map(({ key }) => key)))
})
