import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { readConfig, type Config } from '../../config.ts'
import { certificateEnds, type House, type OpenOptions, placesOf } from '../../house.ts'
import { composition, openHouse } from '../../main.ts'
import { operatorCaller } from '../../services/tenancy.ts'
import { serve } from '../../serve.ts'
import { commands } from '../commands.ts'
import { runCli } from '../run.ts'

const DAY = 24 * 3600_000
const START = new Date('2026-05-04T03:02:01.500Z')
const at = (days: number): Date => new Date(START.getTime() + days * DAY)

/** Cheap on purpose: the tests are not about how long a passphrase resists. */
const scryptCost = { n: 1024, r: 8, p: 1 }

interface Bed {
  readonly config: Config
  open(days: number, rotate?: OpenOptions['rotate']): Promise<House>
  cli(days: number, ...words: string[]): Promise<{ status: number; text: string }>
}

async function bed(t: ExecutionContext): Promise<Bed> {
  const dataDir = await mkdtemp(join(tmpdir(), 'yinxin-rotate-'))
  t.teardown(() => rm(dataDir, { recursive: true, force: true }))
  const config = readConfig({ YINXIN_LOG: 'silent', YINXIN_FETCH: '0' }, { dataDir, port: 0 })
  const openAt =
    (days: number) =>
    (one: Config, options: OpenOptions): Promise<House> =>
      openHouse(one, { ...options, scryptCost, now: () => at(days) })
  await (await openAt(0)(config, { serving: true })).close()
  return {
    config,
    open: (days, rotate) => openAt(days)(config, { serving: false, ...(rotate ? { rotate } : {}) }),
    async cli(days, ...words) {
      let text = ''
      const stream = { write: (chunk: string) => void (text += chunk) }
      const context = { ...composition, openHouse: openAt(days), env: { YINXIN_LOG: 'silent' }, root: '' }
      const all = [...words, '--data', dataDir]
      return { status: await runCli(commands, context, all, { out: stream, err: stream }), text }
    },
  }
}

const atStart = { actor: 'system', force: false }

const material = (config: Config): Promise<string> => readFile(placesOf(config).material, 'utf8')

const rotations = async ({ store }: House): Promise<string[]> =>
  (await store.records.search({ tenant: 'all', limit: 500 })).items
    .map(({ record }) => `${record.type} ${record.actor}`)
    .filter((text) => text.includes('rotated'))

test('a start leaves fresh certificates alone', async (t) => {
  const { config, open } = await bed(t)
  const before = await material(config)
  const house = await open(119, atStart)
  t.deepEqual(house.rotation, { rotated: [], failed: [] })
  t.is(await material(config), before)
  t.deepEqual(await rotations(house), [])
  await house.close()
})

test('a start renews what is due, saves it before it is used, and does so once', async (t) => {
  const { config, open } = await bed(t)
  const before = await material(config)
  const house = await open(121, atStart)
  t.deepEqual(
    house.rotation.rotated.map(({ name }) => name),
    ['ocsp-issuing-1'],
  )
  t.deepEqual(JSON.parse(await material(config)), house.material, 'what is served is what is saved')
  t.not(await material(config), before)
  t.deepEqual(await rotations(house), ['ocsp.responder_rotated system'])
  await house.close()
  const again = await open(122, atStart)
  t.deepEqual(again.rotation.rotated, [])
  t.deepEqual(again.material, house.material)
  await again.close()
})

test('a house that stands open renews what becomes due, and takes what yinxin rotate renewed beside it', async (t) => {
  const { config, cli } = await bed(t)
  let days = 119
  const house = await openHouse(config, { serving: false, scryptCost, now: () => at(days) })
  t.deepEqual(await house.renewServices(), { rotated: [], failed: [] })
  days = 121
  const { rotated } = await house.renewServices()
  t.deepEqual(
    rotated.map(({ name }) => name),
    ['ocsp-issuing-1'],
  )
  t.deepEqual(JSON.parse(await material(config)), house.material)
  const [ocsp] = certificateEnds(house.material).filter(({ name }) => name === 'ocsp-issuing-1')
  t.deepEqual(ocsp?.notAfter, rotated[0]?.notAfter)
  t.deepEqual((await house.renewServices()).rotated, [])
  const before = house.ca.services.tsaDer
  t.is((await cli(121, 'rotate', '--force')).status, 0)
  t.deepEqual((await house.renewServices()).rotated, [])
  t.notDeepEqual(house.ca.services.tsaDer, before)
  t.deepEqual(JSON.parse(await material(config)), house.material)
  await house.close()
})

test('other commands rotate nothing', async (t) => {
  const { config, open } = await bed(t)
  const before = await material(config)
  await (await open(121)).close()
  t.is(await material(config), before)
})

test('yinxin rotate: nothing, what is due, or everything, in the name of the operator', async (t) => {
  const { config, open, cli } = await bed(t)
  t.deepEqual(await cli(1, 'rotate'), { status: 0, text: 'Nothing is due.\n' })
  const due = await cli(121, 'rotate')
  t.is(due.status, 0, due.text)
  t.regex(
    due.text,
    /^Renewed ocsp-issuing-1: \w+ -> \w+, ends .*Z\nA running service uses them within a minute/,
  )
  const all = await cli(121, 'rotate', '--force', '--json')
  const lines = all.text.trim().split('\n')
  t.deepEqual(
    lines.map((line) => (JSON.parse(line) as { name: string }).name),
    ['ocsp-issuing-1', 'tsa'],
  )
  const { oldSerialHex } = JSON.parse(lines[1] ?? '') as { oldSerialHex: string }
  const reason = ['--reason', 'keyCompromise', '--ground', 'security-not-assured']
  const revoked = await cli(121, 'revoke', oldSerialHex, ...reason)
  t.is(revoked.status, 0, revoked.text)
  const house = await open(121)
  t.deepEqual(JSON.parse(await material(config)), house.material)
  const found = await rotations(house)
  t.is(found.length, 3)
  t.true(found.every((text) => / operator:/.test(text)))
  await house.close()
})

test('a backup of a rotated CA holds its keys', async (t) => {
  const { config, cli } = await bed(t)
  t.is((await cli(121, 'rotate')).status, 0)
  const folder = await mkdtemp(join(tmpdir(), 'yinxin-rotate-backup-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  t.is((await cli(121, 'backup', folder)).status, 0)
  const restored = await mkdtemp(join(tmpdir(), 'yinxin-rotate-restored-'))
  t.teardown(() => rm(restored, { recursive: true, force: true }))
  const other = readConfig({ YINXIN_LOG: 'silent' }, { dataDir: restored })
  t.is(
    await runCli(
      commands,
      { ...composition, env: { YINXIN_LOG: 'silent' }, root: '' },
      ['restore', folder, '--data', restored],
      { out: { write: () => true }, err: { write: () => true } },
    ),
    0,
  )
  await cp(join(config.dataDir, 'secrets'), join(restored, 'secrets'), { recursive: true })
  const house = await openHouse(other, { serving: false, scryptCost, now: () => at(121) })
  t.is(JSON.stringify(house.material), JSON.stringify(JSON.parse(await material(config))))
  await house.close()
})

test('metrics say how long each certificate of the service has left', async (t) => {
  const { open } = await bed(t)
  const house = await open(121)
  const running = await serve(house)
  const key = await house.services.apiKeys.create(operatorCaller('test'), {
    tenant: null,
    roles: ['auditor'],
  })
  const answer = await fetch(`${running.address}/metrics`, {
    headers: { authorization: `Bearer ${key.key ?? ''}` },
  })
  const text = await answer.text()
  t.is(answer.status, 200, text)
  const ends = [...text.matchAll(/^yinxin_certificate_ends_seconds\{name="([^"]+)"\} (-?\d+)$/gm)]
  t.deepEqual(
    ends.map(([, name, seconds]) => [name, Number(seconds)]),
    certificateEnds(house.material).map(({ name, notAfter }) => [
      name,
      Math.floor((notAfter.getTime() - at(121).getTime()) / 1000),
    ]),
  )
  const left = new Map(ends.map(([, name, seconds]) => [name, Number(seconds) / 86_400]))
  t.deepEqual([...left.keys()], ['root', 'issuing-1', 'ocsp-issuing-1', 'tsa'])
  t.true((left.get('ocsp-issuing-1') ?? 0) > 58 && (left.get('ocsp-issuing-1') ?? 0) < 60)
  await running.close()
  await house.close()
})
