/**
 * Calls that share work: what is asked in one turn of the event loop, or while as much as may be is under way already,
 * goes on together. A hop to another thread or to the disk costs the same for one as for many.
 */
import { CodedError } from './errors.ts'

/** How calls are joined. */
export interface JoinLimits {
  /** Calls that go on together. */
  readonly atMost: number
  /** Groups that are under way at a time. */
  readonly underWay: number
  /** Calls that may wait; more are turned away at once. */
  readonly waiting: number
  /** Code of the error for those. */
  readonly overloaded: 'CA_OVERLOADED' | 'STORE_OVERLOADED'
}

interface Call<Input, Output> {
  readonly input: Input
  readonly resolve: (output: Output) => void
  readonly reject: (error: unknown) => void
}

/**
 * Makes a function for one out of a function for many.
 *
 * @param many works on a group; its outputs are in the order of the inputs, and what it throws concerns all of them
 * @returns the function for one: its work begins after the call, never before
 */
export function joinCalls<Input, Output>(
  many: (inputs: readonly Input[]) => Promise<readonly Output[]>,
  { atMost, underWay, waiting: mayWait, overloaded }: JoinLimits,
): (input: Input) => Promise<Output> {
  const waiting: Call<Input, Output>[] = []
  let running = 0
  let isScheduled = false

  const work = async (calls: readonly Call<Input, Output>[]): Promise<void> => {
    try {
      const outputs = await many(calls.map(({ input }) => input))
      if (outputs.length !== calls.length) throw new Error('a group of calls has another number of outputs')
      for (const [index, { resolve }] of calls.entries()) resolve(outputs[index] as Output)
    } catch (error) {
      for (const { reject } of calls) reject(error)
    } finally {
      running--
      if (waiting.length > 0) startSoon()
    }
  }
  const start = (): void => {
    isScheduled = false
    while (waiting.length > 0 && running < underWay) {
      running++
      void work(waiting.splice(0, atMost))
    }
  }
  const startSoon = (): void => {
    if (isScheduled || running >= underWay) return
    isScheduled = true
    setImmediate(start)
  }

  return (input) => {
    if (waiting.length >= mayWait)
      return Promise.reject(new CodedError(overloaded, `more than ${mayWait} requests wait; try again`))
    const { promise, resolve, reject } = Promise.withResolvers<Output>()
    waiting.push({ input, resolve, reject })
    startSoon()
    return promise
  }
}
