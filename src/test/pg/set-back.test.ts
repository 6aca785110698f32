/** A database that was set back under running machines: a backup put in its place, a standby that lagged. */
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { ApiError, type Client } from '../../sdk/client.ts'
import type { ServingChild } from '../e2e/child.ts'
import { makeCsr } from '../e2e/csr.ts'
import { addEvidence, type CertificateJson, subjectOf } from '../e2e/objects.ts'
import { type Cluster, useCluster } from './cluster.ts'
import { askOcsp, openMachines } from './machines.ts'

const NAME = 'Set Back TEST ONLY'

/** Does something to a database that nobody is connected to, which breaks every connection to it. */
async function alone(cluster: Cluster, ...statements: readonly string[]): Promise<void> {
  await cluster.sql('ALTER DATABASE live ALLOW_CONNECTIONS false')
  await cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'live'")
  for (const statement of statements) await retried(() => cluster.sql(statement))
  await cluster.sql('ALTER DATABASE live ALLOW_CONNECTIONS true')
}

/** Connections that were ended are gone a moment later. */
async function retried(work: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; ; tries++)
    try {
      await work()
      return
    } catch (error) {
      if (tries > 50) throw error
      await sleep(50)
    }
}

const issue = (api: Client, identityEvidenceId: string): Promise<CertificateJson> =>
  api.json<CertificateJson>('POST', '/v1/certificates', {
    json: {
      profile: 'organisation',
      subject: subjectOf(NAME),
      csr: makeCsr(subjectOf(NAME)),
      identityEvidenceId,
    },
  })

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => {
      if (error instanceof ApiError) return error.problem.code
      throw error
    },
  )

/** Asks again while the machine reconnects. */
async function settled(ask: () => Promise<string>): Promise<string> {
  for (let tries = 0; ; tries++) {
    const code = await ask()
    if (!['STORE_UNAVAILABLE', 'INTERNAL'].includes(code) || tries > 100) return code
    await sleep(50)
  }
}

interface Ready {
  ready: boolean
  checks: { name: string; ok: boolean; detail?: string }[]
}

async function readiness({ address }: ServingChild): Promise<{ status: number; log: string }> {
  const response = await fetch(`${address}/readyz`)
  const { checks } = (await response.json()) as Ready
  const log = checks.find(({ name }) => name === 'log')
  return { status: response.status, log: log?.ok === true ? 'ok' : (log?.detail ?? 'none') }
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await isSo()); tries++) {
    if (tries > 900) throw new Error(`waited in vain: ${what}`)
    await sleep(100)
  }
}

const COUNTS = `SELECT (SELECT count(*) FROM audit_records), (SELECT count(*) FROM serials),
  (SELECT count(*) FROM leases), (SELECT size FROM log_states)`
const UNSEQUENCED =
  'SELECT count(*) FROM audit_records WHERE seq >= (SELECT coalesce(max(first_row + count), 0) FROM log_runs)'

test('check 48: a database set back under two machines: both stop to issue and say so, a start is refused, and put right they go on', async (t) => {
  const cluster = await useCluster(t)
  if (!cluster) return
  const machines = await openMachines(await cluster.createDatabase('live'))
  t.teardown(machines.close)
  const all = [await machines.start('a'), await machines.start('b')]
  const apis = all.map(machines.apiOf)
  const evidenceId = await addEvidence({ id: '', text: '', api: apis[0]! }, NAME)
  const certificate = await issue(apis[0]!, evidenceId)
  const isSequenced = async (): Promise<boolean> => (await cluster.sql(UNSEQUENCED, 'live')) === '0'
  await until('the log', isSequenced)
  await alone(cluster, 'CREATE DATABASE older TEMPLATE live')

  // Revoked after the copy was made: the older database would call it good.
  await until('the machines', async () => (await readiness(all[0]!)).status === 200)
  const revoked = await settled(() =>
    codeOf(
      apis[0]!.json('POST', `/v1/certificates/${certificate.issuerId}/${certificate.serialHex}/revocation`, {
        json: { reason: 'superseded', legalGround: 'holder-request' },
      }),
    ),
  )
  t.true(['done', 'REVOCATION_CONFLICT'].includes(revoked), revoked)
  for (const api of apis) t.is(await settled(() => codeOf(issue(api, evidenceId))), 'done')
  await until('the log', isSequenced)
  for (const child of all) t.deepEqual(await readiness(child), { status: 200, log: 'ok' })
  await alone(cluster, 'ALTER DATABASE live RENAME TO newer', 'ALTER DATABASE older RENAME TO live')
  const before = await cluster.sql(COUNTS, 'live')

  for (const api of apis) t.is(await settled(() => codeOf(issue(api, evidenceId))), 'LOG_STORE_OLDER')
  for (const child of all) {
    t.deepEqual(await readiness(child), { status: 503, log: 'LOG_STORE_OLDER' })
    t.is(await askOcsp(child, certificate), 'internalError')
  }
  const refused = await machines.start('c').then(
    () => 'serves',
    (error: unknown) => String(error),
  )
  t.regex(refused, /LOG_STORE_OLDER|was set back|are published/)
  t.is(await cluster.sql(COUNTS, 'live'), before, 'nothing was written to it')

  await alone(cluster, 'ALTER DATABASE live RENAME TO older', 'ALTER DATABASE newer RENAME TO live')
  for (const child of all) await until('ready again', async () => (await readiness(child)).status === 200)
  for (const api of apis) t.is(await settled(() => codeOf(issue(api, evidenceId))), 'done')
  for (const child of all) t.is(await askOcsp(child, certificate), 'revoked')
  const audit = await machines.command('a', ['audit', 'verify', '--json'])
  t.is(audit.status, 0, audit.stdout + audit.stderr)
})
