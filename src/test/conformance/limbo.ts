// C2SP x509-limbo: chain building and the profile of RFC 5280 (strict mode).
import { EKU, parseCertificate, type Certificate } from '../../../ca/formats.ts'
import { findPath } from '../../verify/path/build.ts'
import type { Purpose } from '../../verify/path/purpose.ts'
import { parsePem } from '../../lib/pem.ts'
import { type Corpus, type CorpusCase, type Said, pathOf, sayOrRefuse } from './cases.ts'

type Testcase = {
  readonly id: string
  readonly trusted_certs: readonly string[]
  readonly untrusted_intermediates: readonly string[]
  readonly peer_certificate: string
  readonly validation_kind: string
  readonly validation_time: string | null
  readonly max_chain_depth: number | null
}

const suites = new WeakMap<Corpus, ReadonlyMap<string, Testcase>>()

/** The suite is one file; ids lead to its test cases. */
function testcaseOf(corpus: Corpus, entry: CorpusCase): Testcase {
  let suite = suites.get(corpus)
  if (!suite) {
    const text = new TextDecoder().decode(corpus.read(pathOf(entry, 'suite')))
    const { testcases } = JSON.parse(text) as { testcases: Testcase[] }
    suites.set(corpus, (suite = new Map(testcases.map((testcase) => [testcase.id, testcase]))))
  }
  const found = suite.get(entry.id)
  if (!found) throw new Error(`${entry.id} is not in the suite`)
  return found
}

/** When the corpus was made; cases without a time mean "now". */
const defaultTime = new Date('2023-12-15T00:00:00Z')

/** `SUCCESS` or `FAILURE`; undefined for rules about server names, which a signature validator does not have. */
export function sayLimbo(corpus: Corpus, entry: CorpusCase): Said | undefined {
  if (entry['scope'] !== 'rfc5280-generic') return undefined
  return sayOrRefuse('FAILURE', () => {
    const testcase = testcaseOf(corpus, entry)
    const certificates = (list: readonly string[]): Certificate[] =>
      list.flatMap(parsePem).map(({ bytes }) => parseCertificate(bytes))
    const [target] = certificates([testcase.peer_certificate])
    if (!target) throw new Error(`${entry.id} has no peer certificate`)
    const { issues } = findPath(
      {
        target,
        pool: certificates(testcase.untrusted_intermediates),
        anchors: certificates(testcase.trusted_certs),
      },
      {
        at: testcase.validation_time ? new Date(testcase.validation_time) : defaultTime,
        purpose: purposeOf(testcase),
        strict: true,
        ...(testcase.max_chain_depth === null ? {} : { maxIntermediates: testcase.max_chain_depth }),
      },
    )
    const why = issues.map((issue) => `${issue.key}@${issue.index} ${issue.detail ?? ''}`).join('; ')
    return { verdict: issues.length === 0 ? 'SUCCESS' : 'FAILURE', why }
  })
}

const purposeOf = ({ validation_kind: kind }: Testcase): Purpose => ({
  extKeyUsage: {
    accepted: [kind === 'CLIENT' ? EKU.clientAuth : EKU.serverAuth],
    allowAny: true,
    required: false,
    cas: 'limited',
  },
})
