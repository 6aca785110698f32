/**
 * Worker threads that draft and sign. Whatever waits when a worker is free goes to it together, so that single requests
 * that arrive at the same time share a message as the items of a batch do.
 *
 * A worker that dies takes nothing along but its jobs: they fail by name, their intents are closed like any other, and a
 * new worker takes its place.
 */
import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { encodeBase64 } from '../asn1/octets.ts'
import type { EventCore, IssuingWork, ServiceIdentity } from '../core.ts'
import type { Draft, Signed } from '../drafts.ts'
import { CodedError } from '../errors.ts'
import type { Certified } from '../event-signature.ts'
import type { Stamped } from '../timestamp-token.ts'
import { workHere } from '../work.ts'
import {
  type Job,
  type JobOutcome,
  type Packed,
  type TsaHandle,
  READY,
  type WorkerStart,
  packJobs,
  unpackOutcomes,
} from './messages.ts'

/** Jobs in one message: a few milliseconds of work. */
const MESSAGE_JOBS = 64
/** Messages that a worker has: one that it works on, and one that it finds when it is done. */
const IN_FLIGHT = 2
/** Jobs that wait; more are turned away at once. */
const MAX_WAITING = 20_000

/** Jobs that were handed over together, and what has become of them so far. */
interface Order {
  readonly outcomes: (JobOutcome | undefined)[]
  left: number
  readonly done: (outcomes: JobOutcome[]) => void
}

interface Task {
  readonly job: Job
  readonly order: Order
  /** Place in the order. */
  readonly index: number
}

interface Hand {
  readonly worker: Worker
  readonly messages: Map<number, readonly Task[]>
  /** What it has got. */
  readonly tsas: Set<TsaHandle>
}

interface State {
  readonly data: WorkerStart
  readonly hands: Set<Hand>
  waiting: Task[]
  /** Goes before what waits: a time stamp takes no time, and nobody asks for thousands at once. */
  urgent: Task[]
  isScheduled: boolean
  isClosed: boolean
  lastId: number
}

async function startReady(data: WorkerStart): Promise<Worker> {
  // A worker has no need of what the environment of the service may hold.
  const worker = new Worker(join(import.meta.dirname, 'worker.ts'), {
    workerData: data,
    env: {},
    execArgv: [],
  })
  const [message] = (await once(worker, 'message')) as [unknown]
  if (message !== READY) throw new CodedError('KEY_UNAVAILABLE', 'a worker thread did not start')
  return worker
}

const failed = (): CodedError =>
  new CodedError('KEY_UNAVAILABLE', 'a worker thread ended while it worked on this')

function settle({ order, index }: Task, outcome: JobOutcome): void {
  order.outcomes[index] = outcome
  if (--order.left === 0) order.done(order.outcomes.map((one) => one ?? failed()))
}

const failAll = (tasks: readonly Task[]): void => {
  for (const task of tasks) settle(task, failed())
}

function addHand(state: State, worker: Worker): void {
  const hand: Hand = { worker, messages: new Map(), tsas: new Set() }
  state.hands.add(hand)
  worker.on('message', (message: Packed) => {
    const tasks = hand.messages.get(message.id) ?? []
    hand.messages.delete(message.id)
    // The worker goes on while its answer is read.
    dispatch(state)
    const outcomes = unpackOutcomes(message)
    for (const [index, task] of tasks.entries()) settle(task, outcomes[index] ?? failed())
  })
  const end = (): void => {
    if (!state.hands.delete(hand)) return
    for (const tasks of hand.messages.values()) failAll(tasks)
    if (!state.isClosed) void replace(state)
  }
  worker.on('error', end)
  worker.on('exit', end)
  dispatch(state)
}

/** A new worker for one that died; while there is none at all, nothing waits for ever. */
async function replace(state: State): Promise<void> {
  try {
    addHand(state, await startReady(state.data))
  } catch {
    if (state.hands.size > 0) return
    failAll([...state.urgent, ...state.waiting])
    state.urgent = []
    state.waiting = []
  }
}

function dispatch(state: State): void {
  const { hands, urgent, waiting } = state
  for (let room = 0; room < IN_FLIGHT; room++)
    for (const hand of hands) {
      const count = urgent.length + waiting.length
      if (count === 0) return
      if (hand.messages.size > room) continue
      const share = Math.min(MESSAGE_JOBS, Math.ceil(count / hands.size))
      const first = urgent.splice(0, share)
      send(state, hand, [...first, ...waiting.splice(0, share - first.length)])
    }
}

function send(state: State, hand: Hand, tasks: readonly Task[]): void {
  const id = ++state.lastId
  hand.messages.set(id, tasks)
  hand.worker.postMessage(
    packJobs(
      id,
      tasks.map(({ job }) => job),
      hand.tsas,
    ),
  )
}

function dispatchSoon(state: State): void {
  if (state.isScheduled) return
  state.isScheduled = true
  // What this turn of the event loop still brings joins the message.
  setImmediate(() => {
    state.isScheduled = false
    dispatch(state)
  })
}

function run(state: State, jobs: readonly Job[], isUrgent = false): Promise<JobOutcome[]> {
  const waiting = isUrgent ? state.urgent : state.waiting
  if (jobs.length === 0) return Promise.resolve([])
  if (state.isClosed || state.hands.size === 0) return Promise.resolve(jobs.map(failed))
  if (waiting.length > 0 && waiting.length + jobs.length > MAX_WAITING)
    return Promise.reject(
      new CodedError('CA_OVERLOADED', `more than ${MAX_WAITING} signatures wait; try again`),
    )
  const { promise, resolve } = Promise.withResolvers<JobOutcome[]>()
  const order: Order = { outcomes: [], left: jobs.length, done: resolve }
  for (const [index, job] of jobs.entries()) waiting.push({ job, order, index })
  dispatchSoon(state)
  return promise
}

const handles = new WeakMap<ServiceIdentity, TsaHandle>()
let lastHandle = 0

/** The TSA of now for the workers; undefined where its key stays in a device. */
async function handleOf({ tsa, keys }: EventCore): Promise<TsaHandle | undefined> {
  const known = handles.get(tsa)
  if (known || !keys.share) return known
  const { issuerId, keyId, certDer } = tsa
  const key = await keys.share(keyId)
  const handle = { id: ++lastHandle, issuerId, keyId, certificate: encodeBase64(certDer), key }
  handles.set(tsa, handle)
  return handle
}

/** Starts `count` threads and waits until all can work. */
export async function openWorkers(count: number, data: WorkerStart): Promise<IssuingWork> {
  const state: State = {
    data,
    hands: new Set(),
    waiting: [],
    urgent: [],
    isScheduled: false,
    isClosed: false,
    lastId: 0,
  }
  for (const worker of await Promise.all(Array.from({ length: count }, () => startReady(data))))
    addHand(state, worker)
  return {
    // A draft job is answered with a draft, a sign job with what was signed.
    drafts: (_core, inputs) =>
      run(
        state,
        inputs.map((draft) => ({ draft })),
      ) as Promise<(Draft | CodedError)[]>,
    signed: (_core, inputs) =>
      run(
        state,
        inputs.map(({ issuerId, tbsDer, tbsSha256 }) => ({ sign: { issuerId, tbsDer, tbsSha256 } })),
      ) as Promise<(Signed | CodedError)[]>,
    async certified(core, inputs) {
      const tsa = await handleOf(core)
      if (!tsa) return workHere.certified(core, inputs)
      const jobs = inputs.map((certify) => ({ certify, tsa }))
      return (await run(state, jobs)) as (Certified | CodedError)[]
    },
    async stamped(core, inputs) {
      const tsa = await handleOf(core)
      if (!tsa) return workHere.stamped(core, inputs)
      const jobs = inputs.map((stamp) => ({ stamp, tsa }))
      return (await run(state, jobs, true)) as (Stamped | CodedError)[]
    },
    async close() {
      state.isClosed = true
      await Promise.all([...state.hands].map(({ worker }) => worker.terminate()))
    },
  }
}
