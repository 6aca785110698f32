// NIST PKITS: RFC 5280 path validation with revocation.
import { parseCertificate } from '../../../ca/formats.ts'
import { validPaths } from '../../verify/path/build.ts'
import { ANY_PURPOSE } from '../../verify/path/purpose.ts'
import { type Corpus, type CorpusCase, type Said, pathsOf, sayOrRefuse } from './cases.ts'

type Params = {
  readonly initialPolicySet: readonly string[]
  readonly requireExplicitPolicy: boolean
  readonly inhibitPolicyMapping: boolean
  readonly inhibitAnyPolicy: boolean
}

/** The verdict on one PKITS test. */
export const sayPkits = (corpus: Corpus, entry: CorpusCase): Said =>
  sayOrRefuse('invalid', () => say(corpus, entry))

function say(corpus: Corpus, entry: CorpusCase): Said {
  const chain = pathsOf(entry, 'chain').map((path) => parseCertificate(corpus.read(path)))
  const others = pathsOf(entry, 'otherCerts').map((path) => parseCertificate(corpus.read(path)))
  const params = entry['params'] as Params
  const [anchor] = chain
  const target = chain.at(-1)
  if (!anchor || !target) throw new Error(`${entry.id} has no chain`)
  const options = {
    at: new Date(String(entry['time'])),
    purpose: ANY_PURPOSE,
    initialPolicies: new Set(params.initialPolicySet),
    requireExplicitPolicy: params.requireExplicitPolicy,
    inhibitPolicyMapping: params.inhibitPolicyMapping,
    inhibitAnyPolicy: params.inhibitAnyPolicy,
    anchorConstraints: false,
  }
  const search = { target, pool: [...chain.slice(1), ...others], anchors: [anchor] }
  let why = ''
  for (const { issues } of validPaths(search, options)) {
    why = issues.map((issue) => `${issue.key}@${issue.index} ${issue.detail ?? ''}`).join('; ')
    if (issues.length === 0) return { verdict: 'valid' }
  }
  return { verdict: 'invalid', why }
}
