/**
 * Structured logs on standard error: one JSON object per line. Nothing personal goes in: callers log codes, ids of
 * records and requests, and counts; an error is reduced to its name, code and stack.
 */
import { pino } from 'pino'
import { CodedError } from '../ca/errors.ts'

export interface Logger {
  info(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Messages of foreign errors may hold paths, queries or input; their stack without the message is enough to find the place. */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error }
  const code = error instanceof CodedError ? error.code : (error as NodeJS.ErrnoException).code
  const frames = (error.stack ?? '').split('\n').filter((line) => line.trimStart().startsWith('at '))
  return {
    name: error.name,
    code,
    ...(error instanceof CodedError ? { message: error.message } : {}),
    stack: frames.slice(0, 12).map((line) => line.trim()),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  }
}

/** Lines that wait to be written together, bytes and milliseconds: a system call for each would cost more than most requests. */
const BUFFER_BYTES = 8_192
const FLUSH_MS = 100

/**
 * Lines about requests reach the operator within a tenth of a second and at the end of the process; an error at once.
 *
 * @param level pino level, or `silent`
 */
export function createLogger(level: string): Logger {
  const destination = pino.destination({
    fd: 2,
    sync: true,
    minLength: BUFFER_BYTES,
    periodicFlush: FLUSH_MS,
  })
  process.on('exit', () => destination.flushSync())
  const logger = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: describeError } },
    destination,
  )
  return {
    info: (fields, message) => logger.info(fields, message),
    error(fields, message) {
      logger.error(fields, message)
      destination.flushSync()
    },
  }
}
