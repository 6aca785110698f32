import { CodedError } from '../errors.ts'

/** Refuses a key; `rule` goes to the applicant, who must know what to change. */
export function weak(rule: string, source: string): never {
  throw new CodedError('KEY_WEAK', `public key: ${rule}`, { extra: { pointer: '#/csr', rule, source } })
}
