// The default policy from the repository, and a lenient one for material whose algorithms are of the past.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { type Policy, parsePolicy } from '../../verify/policy.ts'

const root = join(import.meta.dirname, '../../../policies')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** The policy that the product ships. */
export const defaultPolicy = (): Policy =>
  parsePolicy({
    validation: read('validation/default.json'),
    algorithms: read('algorithms/etsi-ts-119-312.json'),
    validationSchema: read('schema/validation.schema.json'),
    algorithmsSchema: read('schema/validation-algorithms.schema.json'),
  })
