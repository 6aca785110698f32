// NIST PKITS: RFC 5280 path validation with revocation.
import { type Crl, isCoded, parseCertificate, parseCrl } from '../../../ca/formats.ts'
import { validPaths } from '../../verify/path/build.ts'
import { ANY_PURPOSE } from '../../verify/path/purpose.ts'
import { checkPathRevocation } from '../../verify/revocation/check.ts'
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
  const crls = pathsOf(entry, 'crls').flatMap((path) => readCrl(corpus.read(path)))
  const search = { target, pool: [...chain.slice(1), ...others], anchors: [anchor] }
  let why = ''
  for (const { path, issues } of validPaths(search, options)) {
    why = issues.map((issue) => `${issue.key}@${issue.index} ${issue.detail ?? ''}`).join('; ')
    if (issues.length > 0) continue
    const statuses = checkPathRevocation(path, {
      crls,
      ocspResponses: [],
      pool: search.pool,
      anchor,
      at: options.at,
      pathOptions: { anchorConstraints: false },
    })
    if (statuses.every(({ kind }) => kind === 'good')) return { verdict: 'valid' }
    why = statuses.map((status) => (status.kind === 'unknown' ? status.key : status.kind)).join('; ')
  }
  return { verdict: 'invalid', why }
}

/** A CRL that cannot be read is evidence of nothing. */
function readCrl(der: Uint8Array): Crl[] {
  try {
    return [parseCrl(der)]
  } catch (error) {
    if (!isCoded(error)) throw error
    return []
  }
}
