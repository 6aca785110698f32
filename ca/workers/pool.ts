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
import type { Draft, Signed } from '../draft.ts'
import { CodedError } from '../errors.ts'
import type { IssuingWork } from '../work.ts'
import {
  type Job,
  type JobMessage,
  type OutcomeMessage,
  READY,
  type WorkerStart,
  fromPlain,
} from './messages.ts'

/** Jobs in one message: a few milliseconds of work. */
const MESSAGE_JOBS = 64
/** Messages that a worker has: one that it works on, and one that it finds when it is done. */
const IN_FLIGHT = 2
/** Jobs that wait; more are turned away at once. */
const MAX_WAITING = 20_000

interface Task {
  readonly job: Job
  readonly resolve: (outcome: Draft | Signed | CodedError) => void
}

interface Hand {
  readonly worker: Worker
  readonly messages: Map<number, readonly Task[]>
}

const start = (data: WorkerStart): Worker =>
  new Worker(join(import.meta.dirname, 'worker.ts'), {
    workerData: data,
    // A worker has no need of what the environment of the service may hold.
    env: {},
    execArgv: [],
  })

async function startReady(data: WorkerStart): Promise<Worker> {
  const worker = start(data)
  const [message] = (await once(worker, 'message')) as [unknown]
  if (message !== READY) throw new CodedError('KEY_UNAVAILABLE', 'a worker thread did not start')
  return worker
}

const failed = (): CodedError =>
  new CodedError('KEY_UNAVAILABLE', 'a worker thread ended while it worked on this')

/** Starts `count` threads and waits until all can work. */
export async function openWorkers(count: number, data: WorkerStart): Promise<IssuingWork> {
  const hands = new Set<Hand>()
  let waiting: Task[] = []
  let isScheduled = false
  let isClosed = false
  let lastId = 0

  const add = (worker: Worker): void => {
    const hand: Hand = { worker, messages: new Map() }
    hands.add(hand)
    worker.on('message', ({ id, outcomes }: OutcomeMessage) => {
      const tasks = hand.messages.get(id) ?? []
      hand.messages.delete(id)
      for (const [index, { resolve }] of tasks.entries()) {
        const outcome = outcomes[index]
        resolve(outcome === undefined ? failed() : fromPlain(outcome))
      }
      dispatch()
    })
    const end = (): void => {
      if (!hands.delete(hand)) return
      for (const tasks of hand.messages.values()) for (const { resolve } of tasks) resolve(failed())
      if (!isClosed) startReady(data).then(add, noHands)
    }
    worker.on('error', end)
    worker.on('exit', end)
    dispatch()
  }

  /** Without any worker nothing that waits will ever be done. */
  const noHands = (): void => {
    if (hands.size > 0) return
    for (const { resolve } of waiting) resolve(failed())
    waiting = []
  }

  const send = (hand: Hand, tasks: readonly Task[]): void => {
    const message: JobMessage = { id: ++lastId, jobs: tasks.map(({ job }) => job) }
    hand.messages.set(message.id, tasks)
    hand.worker.postMessage(message)
  }

  function dispatch(): void {
    for (let room = 0; room < IN_FLIGHT && waiting.length > 0; room++)
      for (const hand of hands) {
        if (waiting.length === 0 || hand.messages.size > room) continue
        const share = Math.min(MESSAGE_JOBS, Math.ceil(waiting.length / hands.size))
        send(hand, waiting.splice(0, share))
      }
  }

  const dispatchSoon = (): void => {
    if (isScheduled) return
    isScheduled = true
    // What this turn of the event loop still brings joins the message.
    setImmediate(() => {
      isScheduled = false
      dispatch()
    })
  }

  const run = <Outcome extends Draft | Signed>(jobs: readonly Job[]): Promise<(Outcome | CodedError)[]> => {
    if (isClosed || hands.size === 0) return Promise.resolve(jobs.map(failed))
    if (waiting.length > 0 && waiting.length + jobs.length > MAX_WAITING)
      return Promise.reject(
        new CodedError('CA_OVERLOADED', `more than ${MAX_WAITING} certificates wait; try again`),
      )
    const outcomes = jobs.map(
      (job) =>
        new Promise<Draft | Signed | CodedError>((resolve) => {
          waiting.push({ job, resolve })
        }),
    )
    dispatchSoon()
    // A draft job is answered with a draft, a sign job with what was signed.
    return Promise.all(outcomes) as Promise<(Outcome | CodedError)[]>
  }

  for (const worker of await Promise.all(Array.from({ length: count }, () => startReady(data)))) add(worker)
  return {
    drafts: (_core, inputs) => run<Draft>(inputs.map((draft) => ({ draft }))),
    signed: (_core, inputs) =>
      run<Signed>(
        inputs.map(({ issuerId, tbsDer, tbsSha256 }) => ({ sign: { issuerId, tbsDer, tbsSha256 } })),
      ),
    async close() {
      isClosed = true
      await Promise.all([...hands].map(({ worker }) => worker.terminate()))
    },
  }
}
