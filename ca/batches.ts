/** Calls that arrive together are worked on together: they share a commit, and a message to each worker. */
import { CodedError } from './errors.ts'

interface Waiting<Input, Output> {
  readonly input: Input
  readonly resolve: (output: Output) => void
  readonly reject: (error: unknown) => void
}

/**
 * Makes of work on many a call for one. What one turn of the event loop brings is one batch; batches do not wait for
 * each other.
 *
 * @param work one outcome per input, in their order; what it throws concerns all of them
 */
export function inBatches<Input, Output extends object>(
  work: (inputs: readonly Input[]) => Promise<readonly (Output | CodedError)[]>,
): (input: Input) => Promise<Output> {
  let waiting: Waiting<Input, Output>[] = []

  async function flush(): Promise<void> {
    const batch = waiting
    waiting = []
    try {
      const outcomes = await work(batch.map(({ input }) => input))
      for (const [index, { resolve, reject }] of batch.entries()) {
        const outcome = outcomes[index] ?? new CodedError('KEY_UNAVAILABLE', 'there is no outcome')
        if (outcome instanceof CodedError) reject(outcome)
        else resolve(outcome)
      }
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  return (input) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(() => void flush())
      waiting.push({ input, resolve, reject })
    })
}
