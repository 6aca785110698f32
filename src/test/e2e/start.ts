/** Starts the whole service in this process for a test, and a `fetch` that holds every answer to its definition. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ROLES, type Role } from '../../auth/permissions.ts'
import { type Config, readConfig } from '../../config.ts'
import { HOUSE_TENANT, operatorCaller } from '../../services/tenancy.ts'
import type { House, OpenOptions } from '../../house.ts'
import { openHouse } from '../../main.ts'
import { type Client, createClient } from '../../sdk/client.ts'
import { type Running, serve } from '../../serve.ts'
import { checkedFetch } from './checked-fetch.ts'

/** Cheap on purpose: the tests are not about how long a passphrase resists. */
const SCRYPT_COST = { n: 1024, r: 8, p: 1 }

/** A key of one role set: the text, and a client that uses it. */
export interface TestKey {
  readonly id: string
  readonly text: string
  readonly api: Client
}

export interface TestService {
  readonly address: string
  readonly dataDir: string
  readonly house: House
  readonly running: Running
  /** Every answer is held to the definition of its route. */
  readonly fetch: typeof fetch
  /** Institution with every role. */
  readonly staff: TestKey
  /** Two businesses, each with the roles a business can have. */
  readonly alpha: TestKey
  readonly beta: TestKey
  readonly anonymous: Client
  key(tenant: string | null, roles: readonly Role[], expiresAt?: string): Promise<TestKey>
  /** Everything that was recorded so far is in the published log afterwards. */
  sequenced(): Promise<void>
  close(): Promise<void>
}

export const BUSINESS_ROLES = ROLES.filter((role) => role !== 'regulator')

/** A data folder with an evaluation CA whose keys open quickly, for this process and for children. */
export async function prepareDataDir(name: string): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), `yinxin-${name}-`))
  const config = readConfig({ YINXIN_LOG: 'silent' }, { dataDir, threads: 0 })
  const house = await openHouse(config, { serving: true, scryptCost: SCRYPT_COST })
  await house.close()
  return dataDir
}

async function waitUntilSequenced(house: House): Promise<void> {
  const [last] = (await house.store.records.search({ tenant: 'all', limit: 1 })).items
  const deadline = Date.now() + 60_000
  while (last && Date.now() < deadline) {
    const index = (await house.store.log.findIndexes([last.record.id])).get(last.record.id)
    if (index !== undefined && index < (await house.services.log.head()).size) return
    await sleep(25)
  }
  throw new Error('the log did not catch up')
}

/** Starts on a new data folder and a free port; logs are silent unless YINXIN_TEST_LOG says otherwise. */
export async function startService(
  name: string,
  overrides: Partial<Config> = {},
  options: Pick<OpenOptions, 'now'> = {},
): Promise<TestService> {
  const dataDir = await mkdtemp(join(tmpdir(), `yinxin-${name}-`))
  const config = readConfig(
    { YINXIN_LOG: process.env['YINXIN_TEST_LOG'] ?? 'silent', YINXIN_RATE: '100000', YINXIN_FETCH: '0' },
    { dataDir, port: 0, threads: 0, ...overrides },
  )
  const house = await openHouse(config, { serving: true, scryptCost: SCRYPT_COST, ...options })
  const running = await serve(house)
  const { address } = running
  const call = checkedFetch(running.routes, address)
  const operator = operatorCaller('test')
  const key: TestService['key'] = async (tenant, roles, expiresAt) => {
    const made = await house.services.apiKeys.create(operator, {
      tenant,
      roles,
      ...(expiresAt === undefined ? {} : { expiresAt }),
    })
    const text = made.key ?? ''
    return { id: made.id, text, api: createClient({ baseUrl: address, apiKey: text, fetch: call }) }
  }
  for (const id of [HOUSE_TENANT, 'alpha', 'beta'])
    if (!(await house.store.tenants.find(id))) await house.services.tenants.create(operator, { id, name: id })
  return {
    address,
    dataDir,
    house,
    running,
    fetch: call,
    staff: await key(null, ROLES),
    alpha: await key('alpha', BUSINESS_ROLES),
    beta: await key('beta', BUSINESS_ROLES),
    anonymous: createClient({ baseUrl: address, fetch: call }),
    key,
    sequenced: () => waitUntilSequenced(house),
    async close() {
      await running.close()
      await house.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
