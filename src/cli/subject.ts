/** Subjects as typed on a command line: `C=CN,O=示例公司,CN=…`; a comma inside a value is written `\,`. */
import { CodedError } from '../../ca/errors.ts'
import type { SubjectAttribute } from '../../ca/formats.ts'

/** @throws {CodedError} REQUEST_INVALID naming the part that is not TYPE=value */
export function parseSubject(text: string): SubjectAttribute[] {
  return text.split(/(?<!\\),/).map((part) => {
    const [, type, value] = /^\s*([A-Za-z]+)=(.+)$/s.exec(part) ?? []
    if (type === undefined || value === undefined)
      throw new CodedError('REQUEST_INVALID', `--subject: "${part}" is not TYPE=value`)
    return { type, value: value.replace(/\\,/g, ',') }
  })
}
