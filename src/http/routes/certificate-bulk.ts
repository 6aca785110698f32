/** Certificates without end: a line in, a line out, in order. */
import { CodedError } from '../../../ca/errors.ts'
import type { Issued, IssueInput } from '../../services/issue-certificates.ts'
import type { Services } from '../../services/services.ts'
import type { Caller } from '../../services/tenancy.ts'
import { chainsOf, checkItem, outcomesOf } from '../batch.ts'
import { parseJson } from '../body.ts'
import { inOrder, type Line } from '../lines.ts'
import { type RouteDefinition, route } from '../route.ts'
import { BatchItem, outcomeOf } from './certificate-batch.ts'
import { ISSUE_ERRORS } from './certificates.ts'

/** A request for an RSA-4096 key in PEM, with names. */
const LINE_BYTES = 65_536
/** Lines that are worked on together. */
const GROUP_LINES = 200
/** Groups under way: one in each commit, and one that is checked meanwhile. */
const GROUPS = 3

const TYPE = 'application/x-ndjson'

interface Group {
  /** Place of the first line, from 0. */
  readonly start: number
  readonly lines: readonly Line[]
}

async function* numbered(groups: AsyncIterable<readonly Line[]>): AsyncGenerator<Group> {
  let start = 0
  for await (const lines of groups) {
    yield { start, lines }
    start += lines.length
  }
}

interface Parsed {
  readonly value: unknown
  readonly checked: IssueInput | CodedError
}

function parseLine(line: Line, index: number): Parsed {
  try {
    if (line === undefined)
      throw new CodedError('INPUT_TOO_LARGE', `line ${index} is larger than ${LINE_BYTES} bytes`)
    const value = parseJson(new TextDecoder().decode(line), `line ${index}`)
    return { value, checked: checkItem<IssueInput>(BatchItem, value, `#/${index}`) }
  } catch (error) {
    if (error instanceof CodedError) return { value: undefined, checked: error }
    throw error
  }
}

type Results = readonly (Issued | CodedError)[]

/** What concerns all of a group is said of each of its lines: the answer has begun, and the stream goes on. */
async function issueGroup(
  services: Services,
  caller: Caller,
  { start, lines }: Group,
): Promise<{ results: Results; text: string }> {
  const parsed = lines.map((line, n) => parseLine(line, start + n))
  const checked = parsed.map((one) => one.checked)
  const results: Results = await outcomesOf(checked, (items) => services.issueMany(caller, items)).catch(
    (error: unknown) => {
      if (!(error instanceof CodedError)) throw error
      return checked.map((one) => (one instanceof CodedError ? one : error))
    },
  )
  const outcomes = results.map((result, n) => outcomeOf(result, start + n, parsed[n]?.value))
  return { results, text: outcomes.map((outcome) => `${JSON.stringify(outcome)}\n`).join('') }
}

async function* answerLines(
  services: Services,
  caller: Caller,
  lines: AsyncIterable<readonly Line[]>,
): AsyncGenerator<string> {
  const counts = { issued: 0, repeated: 0, refused: 0 }
  const chains = new Map<string, readonly string[]>()
  const work = (group: Group) => issueGroup(services, caller, group)
  for await (const { results, text } of inOrder(numbered(lines), work, GROUPS)) {
    for (const result of results) {
      if (result instanceof CodedError) counts.refused++
      else counts[result.isRepeat ? 'repeated' : 'issued']++
    }
    const made = results.flatMap((one) => (one instanceof CodedError ? [] : [one.certificate]))
    for (const [issuerId, chain] of Object.entries(chainsOf(made))) chains.set(issuerId, chain)
    yield text
  }
  yield `${JSON.stringify({ done: true, ...counts, chains: Object.fromEntries(chains) })}\n`
}

/** `POST /v1/certificates/bulk`. */
export const certificateBulkRoutes = (services: Services): readonly RouteDefinition[] => [
  route({
    method: 'POST',
    path: '/v1/certificates/bulk',
    operationId: 'issueCertificatesBulk',
    tag: 'Certificates',
    summary: 'Issue certificates line by line, without end',
    description:
      `Each line (at most ${LINE_BYTES} bytes) is an item as in \`POST /v1/certificates/batch\`, and each line of the answer its outcome, in order, as soon as it is there; ` +
      'blank lines do not count. The last line has `done: true`, the counts and the chains: without it the stream was cut off, and its lines may be sent again. ' +
      'Read while you send: who does not read is not read from, and a connection that stands still for a minute is closed. A request ends after five minutes at most.',
    permission: 'certificate.issue',
    lines: { item: BatchItem, maxBytes: LINE_BYTES, maxLines: GROUP_LINES },
    responses: { 200: { description: 'One outcome per line, then the end', contentType: TYPE } },
    errors: [...ISSUE_ERRORS, 'CA_OVERLOADED', 'STORE_OVERLOADED'],
    handler: ({ lines, caller }) =>
      Promise.resolve({ status: 200, stream: answerLines(services, caller, lines), contentType: TYPE }),
  }),
]
