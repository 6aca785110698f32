/** HTTP and the jobs over an open house; the second half of the composition. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { CodedError } from '../ca/errors.ts'
import { openSequencer, type Sequencer } from './audit/sequencer.ts'
import { checkStart } from './audit/sequencer-start.ts'
import { createApp } from './http/app.ts'
import { apiRoutes } from './http/api-routes.ts'
import { onClientError } from './http/client-error.ts'
import { createIdempotencyGate } from './http/idempotency.ts'
import { serveMessages } from './http/message-endpoint.ts'
import { createMetrics } from './http/metrics.ts'
import { buildOpenApi } from './http/openapi.ts'
import { createRateLimit } from './http/rate-limit.ts'
import type { RouteDefinition } from './http/route.ts'
import { operationRoutes } from './http/routes/operation.ts'
import { createCheckpointJob, withDoubt } from './jobs/checkpoint-job.ts'
import { createCrlJob } from './jobs/crl-job.ts'
import { createPartitionJob } from './jobs/partition-job.ts'
import { createRenewalJob } from './jobs/renewal-job.ts'
import { createRetentionJob } from './jobs/retention-job.ts'
import { type Job, type Schedule, startJobs } from './jobs/schedule.ts'
import { createSequencerJob, type SequencerJob } from './jobs/sequencer-job.ts'
import { certificateEnds, type House } from './house.ts'
import { recordConfiguration } from './services/configuration.ts'
import { errorPageOf, pagesOf } from './web/pages.ts'

export interface Running {
  readonly address: string
  readonly routes: readonly RouteDefinition[]
  /** Lets requests in progress end, sequences what they wrote, and stops; the house stays open. */
  close(): Promise<void>
}

const JSON_LIMIT = 1_048_576
/** Room for a signed revision behind an uploaded document: CMS, appearance, font subset, image. */
const APPEND_ROOM = 1_048_576
/** A request that is not over by then is cut off at shutdown. */
const SHUTDOWN_MS = 20_000

const version = (
  JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as { version: string }
).version

function routesOf(
  house: House,
  schedule: () => Schedule,
): { routes: RouteDefinition[]; observe: (operation: string, status: number, seconds: number) => void } {
  const { services, config } = house
  const metrics = createMetrics({
    jobs: () => schedule().health(),
    logSize: async () => (await services.log.head()).size,
    certificates: () => certificateEnds(house.material),
    crlEnds: services.crlEnds,
    now: services.now,
  })
  const routes: RouteDefinition[] = []
  let openApi: Record<string, unknown> | undefined
  const document = (): Record<string, unknown> => (openApi ??= buildOpenApi(routes, config.baseUrl, version))
  routes.push(
    ...pagesOf(house, document, version),
    ...apiRoutes(services),
    ...operationRoutes(services, metrics.text, document),
  )
  return { routes, observe: metrics.observe }
}

/** Who extends the log, and who looks at it meanwhile; what either of them doubts stops the store. */
function logJobsOf(
  { store, sequencer: ports, services: { now } }: House,
  acquire: (ms: number) => Promise<object | undefined>,
): { checkpoint: Job; sequencer: SequencerJob } {
  const onDoubt = store.floor.doubt
  const open = (): Promise<Sequencer> => withDoubt(() => openSequencer(ports), onDoubt)
  const sequencer = createSequencerJob({ acquire, open, now })
  const isSequencer = (): boolean => sequencer.isOpen()
  return {
    sequencer,
    checkpoint: createCheckpointJob(ports, { isSequencer, isShared: store.isShared, onDoubt }),
  }
}

function jobsOf(house: House): { jobs: Job[]; sequencer: SequencerJob; release: () => Promise<void> } {
  const { store, ca, config } = house
  const { now } = house.services
  const holder = `${hostname()}:${process.pid}:${now().getTime()}`
  const acquire = (name: string) => (ms: number) => store.leases.acquire(name, holder, now(), ms)
  const { checkpoint, sequencer } = logJobsOf(house, acquire('sequencer'))
  const crl = createCrlJob({
    ca,
    store: store.ca,
    acquire: acquire('crl'),
    now,
    refreshMs: config.crlRefreshSeconds * 1000,
  })
  const retention = createRetentionJob({ store, acquire: acquire('retention'), now })
  const reconcile: Job = {
    name: 'reconcile',
    // Each run reads what came since the last; a start after a crash reads as much, and is awaited.
    everyMs: 5_000,
    async run() {
      if (await acquire('reconcile')(60_000)) await house.services.reconciler.closeAbandoned()
    },
  }
  const statistics: Job = {
    name: 'statistics',
    everyMs: 30_000,
    async run() {
      // Folding for everybody is one process's work; the others go on from what it saved.
      if (await acquire('statistics')(300_000)) await house.services.statistics.catchUp()
    },
  }
  const renewal = createRenewalJob(() => house.renewServices())
  const crlWatch: Job = {
    name: 'crl-watch',
    everyMs: 6 * 3_600_000,
    async run() {
      for (const { name, nextUpdate, isNear } of await house.services.crlEnds())
        if (isNear) house.log.error({ crl: name, nextUpdate }, 'a CRL needs a successor soon')
    },
  }
  const partitions = createPartitionJob({
    store,
    instanceByte: house.material.instanceByte,
    acquire: acquire('partitions'),
    now,
  })
  const jobs = [sequencer, checkpoint, crl, crlWatch, renewal, retention, reconcile, statistics]
  return {
    jobs: store.isShared ? [...jobs, partitions] : jobs,
    sequencer,
    release: () => store.leases.release(holder),
  }
}

/** Starts to serve on the configured host and port; port 0 takes a free one. */
export async function serve(house: House): Promise<Running> {
  const { now } = house.services
  const { config, log } = house
  await house.store.exclusively(() => prepareToServe(house))
  const { jobs, sequencer, release } = jobsOf(house)
  const schedule = startJobs(jobs, now, log)
  const { routes, observe } = routesOf(house, () => schedule)
  const { server, stop } = await listen(house, routes, observe).catch(async (error: unknown) => {
    // Jobs that went on would keep a process that serves nothing alive, and the leases with it.
    await schedule.stop()
    await sequencer.close()
    throw error
  })
  const { port } = server.address() as AddressInfo
  await house.store.ca.record([
    { type: 'service.started', at: now(), actor: 'system', tenant: null, data: { version } },
  ])
  return {
    address: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`,
    routes,
    async close() {
      await stop()
      try {
        await house.store.ca.record([
          { type: 'service.stopped', at: now(), actor: 'system', tenant: null, data: { version } },
        ])
      } finally {
        // Where nothing can be written any more, the jobs end all the same.
        await schedule.stop()
        await sequencer.run().finally(() => sequencer.close())
      }
      await release()
    },
  }
}

/** What must be so before anything new is issued. */
async function prepareToServe(house: House): Promise<void> {
  const { ca, config, store, services, material, log } = house
  // Before anything is written: a database that was set back gets no record of ours (check 48).
  await checkStart(house.sequencer)
  // Without a partition of its own a month goes to the rest: slower later, and nothing is lost.
  await store.partitions
    .makeAhead(material.instanceByte, services.now())
    .catch((err: unknown) => log.error({ err }, 'a monthly partition is missing'))
  await recordConfiguration({ ca, config, store, now: services.now })
  // What a crash left open; where others may be at work on it, only time tells.
  const { reconciler } = services
  const orphans = await (store.isShared ? reconciler.closeAbandoned() : reconciler.atStart())
  if (orphans > 0) log.info({ orphans }, 'intents that a crash left open were closed')
  // The first signature after a start is verified against them.
  await services.status.publishDueCrls()
}

/** The server over the routes, listening; `stop` lets the requests in progress end. @throws {CodedError} CONFIG_INVALID */
async function listen(
  house: House,
  routes: readonly RouteDefinition[],
  observe: (operation: string, status: number, seconds: number) => void,
): Promise<{ server: Server; stop: () => Promise<void> }> {
  const { services, config, log } = house
  const shared = {
    routes,
    baseUrl: config.baseUrl,
    trustedProxies: config.trustedProxies,
    log,
    rateLimit: createRateLimit(config.requestsPerSecond, () => performance.now()),
    observe,
  }
  const app = createApp({
    ...shared,
    limits: { documentBytes: config.documentLimitBytes, jsonBytes: JSON_LIMIT, appendRoom: APPEND_ROOM },
    authorise: services.authorise,
    idempotency: createIdempotencyGate(services),
    errorPage: errorPageOf(house),
  })
  const handle = app.callback()
  const takeMessage = serveMessages(shared)
  let isStopping = false
  const server = createServer((request, response) => {
    // A client that keeps its connection busy would keep the service running.
    if (isStopping) response.setHeader('Connection', 'close')
    if (!takeMessage(request, response)) void handle(request, response)
  })
  server.on('clientError', onClientError(config.baseUrl))
  try {
    server.listen(config.port, config.host)
    await once(server, 'listening')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new CodedError(
      'CONFIG_INVALID',
      `YINXIN_PORT: another program listens on port ${config.port} of ${config.host}`,
    )
  }
  const stop = (): Promise<void> => {
    isStopping = true
    return closeServer(server)
  }
  return { server, stop }
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  const idle = setInterval(() => server.closeIdleConnections(), 50)
  const timer = setTimeout(() => server.closeAllConnections(), SHUTDOWN_MS)
  await closed
  clearInterval(idle)
  clearTimeout(timer)
}
