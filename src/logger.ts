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

/** @param level pino level, or `silent` */
export function createLogger(level: string): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: describeError } },
    pino.destination({ fd: 2, sync: true }),
  )
}
