/** A disk that becomes read-only or full under the service, and one that is read-only when it starts. */
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { ApiError, createClient } from '../../sdk/client.ts'
import { checkHouse } from '../check-house/check-house.ts'
import { type ServingChild, serveChild, yinxin } from '../e2e/child.ts'
import { makeCsr } from '../e2e/csr.ts'
import { addEvidence, type CertificateJson, subjectOf } from '../e2e/objects.ts'
import { prepareDataDir } from '../e2e/start.ts'
import { absent, run } from '../judges.ts'
import { makeTempFolder } from '../temp-store.ts'
import { buildFailingCalls } from './failing-calls.ts'

const NAME = 'Read Only TEST ONLY'

const filesOf = async (dataDir: string) => ({
  database: join(dataDir, 'yinxin.sqlite'),
  checkpoint: join(dataDir, 'published/checkpoint'),
  verifierKey: (await readFile(join(dataDir, 'published/verifier-key'), 'utf8')).trim(),
})

const statusOf = async ({ address }: ServingChild, path: string): Promise<number> =>
  (await fetch(`${address}${path}`)).status

async function clientOf(child: ServingChild, apiKey: string) {
  const api = createClient({ baseUrl: child.address, apiKey })
  const identityEvidenceId = await addEvidence({ id: '', text: '', api }, NAME)
  const subject = subjectOf(NAME)
  return async (): Promise<CertificateJson | string> => {
    const json = { profile: 'organisation', subject, csr: makeCsr(subject), identityEvidenceId }
    try {
      return await api.json<CertificateJson>('POST', '/v1/certificates', { json })
    } catch (error) {
      if (error instanceof ApiError) return `${error.problem.status} ${error.problem.code}`
      throw error
    }
  }
}

async function failAndRecover(t: ExecutionContext, error: 'EROFS' | 'ENOSPC'): Promise<void> {
  const dataDir = await prepareDataDir('read-only')
  t.teardown(() => rm(dataDir, { recursive: true, force: true }))
  const calls = await buildFailingCalls(await makeTempFolder(t), dataDir)
  if (calls === undefined) return void absent(t, 'no C compiler: calls cannot be made to fail')
  t.teardown(calls.close)
  const child = await serveChild(dataDir, { ...calls.env, YINXIN_LOG: 'silent' })
  t.teardown(() => child.crash())
  const issue = await clientOf(child, child.apiKey ?? '')
  const made = [await issue()]
  calls.arm({ call: 'any', at: 1, isPersisted: false, isLasting: true, error })
  for (let n = 0; n < 3; n++) t.is(await issue(), '503 STORE_UNAVAILABLE')
  t.is(await statusOf(child, '/readyz'), 503, 'not ready')
  t.is(await statusOf(child, '/healthz'), 200)
  t.true(calls.hits() > 0)
  calls.disarm()
  for (let tries = 0; (await statusOf(child, '/readyz')) !== 200; tries++) {
    if (tries > 300) return t.fail('it is not ready again')
    await sleep(100)
  }
  made.push(await issue())
  await child.crash()
  const again = await serveChild(dataDir)
  t.is(await again.stop(), 0)
  const { findings, stored } = await checkHouse(await filesOf(dataDir))
  t.deepEqual(findings, [])
  for (const one of made) {
    if (typeof one === 'string') t.fail(one)
    else t.true(stored.has(`${one.issuerId}/${one.serialHex}`))
  }
  t.is(stored.size, (await issuedBefore(dataDir)) + made.length, 'a refused certificate is there')
}

/** Certificates that no client of this test asked for: those of the ceremony. */
const issuedBefore = async (dataDir: string): Promise<number> => {
  const { issuers, ocsp } = JSON.parse(await readFile(join(dataDir, 'ca.json'), 'utf8')) as Record<string, unknown[]> // prettier-ignore
  return (issuers?.length ?? 0) + (ocsp?.length ?? 0) + 1
}

test.serial(
  'a disk that becomes read-only: 503 and not ready, nothing signed; writable again, it goes on',
  (t) => failAndRecover(t, 'EROFS'),
)

test.serial(
  'check 18: a disk that is full: 503 and not ready, nothing signed; with room again, it goes on',
  (t) => failAndRecover(t, 'ENOSPC'),
)

test.serial(
  'a data folder on a read-only mount: a start is refused in words, and an audit reads it',
  async (t) => {
    const dataDir = await prepareDataDir('mounted')
    t.teardown(() => rm(dataDir, { recursive: true, force: true }))
    t.is(await (await serveChild(dataDir)).stop(), 0)
    const mounted = join(await makeTempFolder(t), 'data')
    await mkdir(mounted)
    const bound = await run('mount', ['--bind', dataDir, mounted]).catch(() => ({ status: -1 }))
    const locked = bound.status === 0 ? await run('mount', ['-o', 'remount,bind,ro', mounted]) : bound
    t.teardown(async () => {
      if (bound.status === 0) await run('umount', [mounted])
    })
    if (locked.status !== 0) {
      t.log('skipped: nothing may be mounted here')
      return t.pass()
    }
    const refused = await yinxin(mounted, ['serve', '--port', '0'])
    t.not(refused.status, 0)
    t.regex(refused.stderr, /read-only|cannot be opened|EROFS/i)
    t.notRegex(refused.stderr, /\n\s+at /, 'no stack')
    const audit = await yinxin(mounted, ['audit', 'verify'])
    t.is(audit.status, 0, audit.stderr)
  },
)
