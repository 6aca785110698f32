import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { ApiError, type Client } from '../../sdk/client.ts'
import { makeCsr } from '../e2e/csr.ts'
import { addEvidence, type CertificateJson, subjectOf } from '../e2e/objects.ts'
import { type Cluster, useCluster } from './cluster.ts'
import { askOcsp, type Machines, openMachines } from './machines.ts'

const NAME = 'Machines TEST ONLY'

async function setUp(t: ExecutionContext, cluster: Cluster) {
  const database = await cluster.createDatabase('machines')
  const machines = await openMachines(database)
  t.teardown(machines.close)
  const a = await machines.start('a')
  const b = await machines.start('b')
  const [apiA, apiB] = [machines.apiOf(a), machines.apiOf(b)]
  const evidenceId = await addEvidence({ id: '', text: '', api: apiA }, NAME)
  return { machines, a, b, apiA, apiB, evidenceId }
}

const requestOf = (identityEvidenceId: string) => ({
  profile: 'organisation',
  subject: subjectOf(NAME),
  csr: makeCsr(subjectOf(NAME)),
  identityEvidenceId,
})

const issue = (api: Client, evidenceId: string): Promise<CertificateJson> =>
  api.json<CertificateJson>('POST', '/v1/certificates', { json: requestOf(evidenceId) })

const keyOf = ({ issuerId, serialHex }: { issuerId: string; serialHex: string }): string =>
  `${issuerId}/${serialHex}`

const revoke = (api: Client, certificate: CertificateJson): Promise<unknown> =>
  api.json('POST', `/v1/certificates/${keyOf(certificate)}/revocation`, {
    json: { reason: 'superseded', legalGround: 'holder-request' },
  })

/** Issues until the machine dies; what it answered must stay. */
async function issueUntilEnd(
  api: Client,
  evidenceId: string,
  told: CertificateJson[],
  isDone: () => boolean,
) {
  while (!isDone()) {
    try {
      told.push(await issue(api, evidenceId))
    } catch (error) {
      if (!(error instanceof ApiError)) return
      throw error
    }
  }
}

const number = async (cluster: Cluster, sql: string): Promise<number> =>
  Number(await cluster.sql(sql, 'machines'))

const UNSEQUENCED = `SELECT count(*) FROM audit_records WHERE seq >=
  (SELECT coalesce(max(first_row + count), 0) FROM log_runs)`

/** Everything recorded so far has its place. */
async function waitForLog(cluster: Cluster): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if ((await number(cluster, UNSEQUENCED)) === 0) return
    await sleep(100)
  }
  throw new Error('the log stands still')
}

async function checkAudit(t: ExecutionContext, machines: Machines, cluster: Cluster): Promise<void> {
  const audit = await machines.command('b', ['audit', 'verify', '--json'])
  t.is(audit.status, 0, audit.stdout + audit.stderr)
  const { ok, counts } = JSON.parse(audit.stdout) as { ok: boolean; counts: Record<string, number> }
  t.true(ok)
  t.is(await number(cluster, 'SELECT count(*) FROM certificates'), counts['certificate.issued'] ?? 0)
  t.is(await number(cluster, 'SELECT count(*) FROM serials'), counts['certificate.intent'] ?? 0)
  t.is(await number(cluster, 'SELECT count(*) FROM revocations'), counts['certificate.revoked'] ?? 0)
  const twice =
    'SELECT count(*) FROM (SELECT 1 FROM serials GROUP BY issuer_id, serial_hex HAVING count(*) > 1) s'
  t.is(await number(cluster, twice), 0)
}

test('check 20: two machines, the sequencer is killed: the other goes on with the log, and nothing is lost', async (t) => {
  const cluster = await useCluster(t)
  if (!cluster) return
  const { machines, a, apiA, apiB, evidenceId } = await setUp(t, cluster)
  await waitForLog(cluster)
  const sequencer = "SELECT holder FROM leases WHERE name = 'sequencer'"
  const first = await cluster.sql(sequencer, 'machines')
  t.true(first.includes(`:${String(a.process.pid)}:`), 'the first machine has the lease')
  let isDone = false
  const [toldA, toldB]: CertificateJson[][] = [[], []]
  const work = [apiA, apiA, apiB, apiB].map((api) =>
    issueUntilEnd(api, evidenceId, api === apiA ? toldA! : toldB!, () => isDone),
  )
  await sleep(2_500)
  await a.crash()
  await sleep(2_500)
  isDone = true
  await Promise.all(work)
  t.true(toldA!.length > 0 && toldB!.length > 0)
  await waitForLog(cluster)
  t.not(await cluster.sql(sequencer, 'machines'), first)
  for (const told of [...toldA!, ...toldB!]) {
    const found = await apiB.json<CertificateJson>('GET', `/v1/certificates/${keyOf(told)}`)
    t.is(found.certificatePem, told.certificatePem)
    t.is(found.state, 'valid')
  }
  await revoke(apiB, toldA![0]!)
  // The machine comes back with the checkpoint that it held when it died, which must be a prefix of the log by now.
  const again = await machines.start('a')
  const late = await issue(machines.apiOf(again), evidenceId)
  t.is((await apiB.json<CertificateJson>('GET', `/v1/certificates/${keyOf(late)}`)).state, 'valid')
  t.is(await again.stop(), 0)
  await waitForLog(cluster)
  await checkAudit(t, machines, cluster)
  t.log(`${toldA!.length} certificates of the machine that died, ${toldB!.length} of the other`)
})

test('what one machine revokes the other shows within a second, and a repeat reaches either', async (t) => {
  const cluster = await useCluster(t)
  if (!cluster) return
  const { a, b, apiA, apiB, evidenceId } = await setUp(t, cluster)
  const certificate = await issue(apiA, evidenceId)
  // Check 31: good at once, also where it was not issued.
  t.is(await askOcsp(b, certificate), 'good')
  t.is(await askOcsp(b, certificate), 'good', 'from the cache')
  await revoke(apiA, certificate)
  await sleep(1_000)
  t.is(await askOcsp(b, certificate), 'revoked')
  t.is(await askOcsp(a, certificate), 'revoked')
  const held = requestOf(evidenceId)
  const ask = (api: Client) =>
    api
      .json<CertificateJson>('POST', '/v1/certificates', { json: held, idempotencyKey: 'same' })
      .catch((error: unknown) => (error as ApiError).problem.code)
  const answers = await Promise.all([apiA, apiB, apiA, apiB].map(ask))
  const made = answers.filter((answer) => typeof answer !== 'string')
  t.is(new Set(made.map(({ serialHex }) => serialHex)).size, 1, JSON.stringify(answers))
  t.true(answers.every((answer) => typeof answer !== 'string' || answer === 'IDEMPOTENCY_IN_PROGRESS'))
  t.deepEqual(await ask(apiB), made[0])
})
