// The other end of runInProcess: does one piece of work, answers, and ends.
import { join } from 'node:path'

type Work = (input: unknown) => Promise<unknown>

const [module = '', name = ''] = process.argv.slice(2)

process.once('message', (message: { readonly input: unknown }) => void answer(message.input))

async function answer(input: unknown): Promise<void> {
  const work = (await import(join(import.meta.dirname, module))) as Record<string, Work>
  const reply = await (work[name]?.(input) ?? Promise.reject(new Error('there is no such function'))).then(
    (result) => ({ result }),
    (error: unknown) => ({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  )
  process.send?.(reply, () => process.disconnect())
}
