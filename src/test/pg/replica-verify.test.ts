import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import type { Client } from '../../sdk/client.ts'
import { type CertificateJson, issueHeld, type SignatureJson } from '../e2e/objects.ts'
import { sampleTablePdf } from '../sample-pdf.ts'
import { useCluster } from './cluster.ts'
import { openMachines } from './machines.ts'

const NAME = 'Replica TEST ONLY'

interface VerificationJson {
  readonly report: { readonly indication: string; readonly signatures: { readonly subIndication?: string }[] }
}

test('verification and certificates on a machine with a replica that stands still: no pass that the primary would refuse', async (t) => {
  const cluster = await useCluster(t)
  if (!cluster) return
  const machines = await openMachines(await cluster.createDatabase('verify'))
  t.teardown(machines.close)
  const replica = await cluster.addReplica()
  const a = machines.apiOf(await machines.start('a'))
  const b = machines.apiOf(await machines.start('b', { YINXIN_DATABASE_REPLICA: replica.url('verify') }))
  const held = await issueHeld({ id: '', text: '', api: a }, NAME)
  const { issuerId, serialHex } = held
  const signature = await a.json<SignatureJson>('POST', '/v1/signatures', {
    json: { signer: { certificate: { issuerId, serialHex } }, level: 'B-B' },
    files: { document: { bytes: sampleTablePdf(), name: 'a.pdf' } },
  })
  const bytes = await a.bytes('GET', `/v1/signatures/${signature.id}/document`)
  const verdict = async (api: Client): Promise<string> => {
    const files = { document: { bytes, name: 'a.pdf' } }
    const { report } = await api.json<VerificationJson>('POST', '/v1/verifications', { files })
    return `${report.indication} ${report.signatures.map((one) => one.subIndication ?? '').join()}`.trim()
  }
  const state = async (api: Client): Promise<string> =>
    (await api.json<CertificateJson>('GET', `/v1/certificates/${issuerId}/${serialHex}`)).state
  const reads = async (): Promise<number> =>
    Number(
      await replica.sql(
        "SELECT sum(idx_scan) FROM pg_stat_user_indexes WHERE relname ~ '^(serials|certificates)'",
        'verify',
      ),
    )

  const before = await reads()
  t.is(await verdict(b), 'TOTAL-PASSED')
  t.is(await state(b), 'valid')
  for (let tries = 0; (await reads()) === before; tries++) {
    if (tries > 50) return t.fail('the replica was never asked')
    // A session tells the server what it counted at its next statement, once a second.
    await sleep(200)
    t.is(await state(b), 'valid')
  }

  await replica.sql('SELECT pg_wal_replay_pause()')
  await a.json('POST', `/v1/certificates/${issuerId}/${serialHex}/revocation`, {
    json: { reason: 'keyCompromise', legalGround: 'holder-request' },
  })
  // The rule of OCSP: what another machine revoked counts here half a second later.
  await sleep(600)
  const refused = await verdict(b)
  t.not(refused.split(' ')[0], 'TOTAL-PASSED')
  t.is(refused, await verdict(a))
  t.is(await state(b), 'revoked')
  // Not replicated, and known all the same.
  const young = await issueHeld({ id: '', text: '', api: a }, NAME)
  const found = await b.json<CertificateJson>('GET', `/v1/certificates/${young.issuerId}/${young.serialHex}`)
  t.is(found.certificatePem, young.certificatePem)
})
