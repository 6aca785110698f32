/** Checks JSON against the schema of a route; every fault is named by JSON pointer and rule. */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { TSchema } from 'typebox'
import { CodedError } from '../../ca/errors.ts'

const ajv = new Ajv2020({ allErrors: true, strict: false, useDefaults: true, coerceTypes: false })
// ajv-formats is CommonJS: its default export is the plug-in itself.
;(addFormats as unknown as (instance: Ajv2020) => void)(ajv)
const queryAjv = new Ajv2020({ allErrors: true, strict: false, useDefaults: true, coerceTypes: true })
;(addFormats as unknown as (instance: Ajv2020) => void)(queryAjv)

const compiled = new WeakMap<TSchema, ValidateFunction>()

function compile(schema: TSchema, fromText: boolean): ValidateFunction {
  const known = compiled.get(schema)
  if (known) return known
  const validate = (fromText ? queryAjv : ajv).compile(schema)
  compiled.set(schema, validate)
  return validate
}

const describe = (prefix: string, error: ErrorObject): { pointer: string; rule: string } => {
  const extra = (error.params as { additionalProperty?: string }).additionalProperty
  const rule =
    extra === undefined ? (error.message ?? error.keyword) : `has a field that is not known: ${extra}`
  return { pointer: `${prefix}${error.instancePath}`, rule }
}

/**
 * @param where prefix of the pointers: `#` for a body, `query` or `path` for text values, which are coerced
 * @throws {CodedError} REQUEST_INVALID with `errors: [{ pointer, rule }]`
 */
export function checkShape(schema: TSchema, value: unknown, where: 'query' | 'path' | `#${string}`): void {
  const validate = compile(schema, !where.startsWith('#'))
  if (validate(value)) return
  const errors = (validate.errors ?? []).slice(0, 20).map((error) => describe(where, error))
  const first = errors[0]
  throw new CodedError('REQUEST_INVALID', `${first?.pointer ?? where} ${first?.rule ?? 'is not valid'}`, {
    extra: { errors },
  })
}

/** Faults of a response against its schema; used by the tests on every answer. */
export function responseFaults(schema: TSchema, value: unknown): string[] {
  const validate = compile(schema, false)
  return validate(value)
    ? []
    : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ''}`)
}
