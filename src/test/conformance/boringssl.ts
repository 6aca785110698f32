// BoringSSL's PKI tests: paths, CRLs, OCSP responses, certificate parsing, signature algorithms.
import {
  type Certificate,
  EKU,
  TAG,
  bitString,
  contextConstructed,
  readSequence,
  sequence,
  parseCertificate,
  parseAlgorithmIdentifier,
  parseCrl,
  parseOcspResponse,
  parseDer,
  parseSpki,
  publicKeyObject,
  signatureAlgorithmOf,
  verifySignature,
} from '../../../ca/formats.ts'
import { type PathOptions, validatePath } from '../../verify/path/validate.ts'
import type { PemBlock } from '../../lib/pem.ts'
import { checkRevocation } from '../../verify/revocation/check.ts'
import type { RevocationContext } from '../../verify/revocation/status.ts'
import { factsOf, findSignatureAlgorithm, findSubjectKey } from '../../verify/path/facts.ts'
import { findProfileViolations } from '../../verify/path/profile.ts'
import { ANY_PURPOSE, type Purpose } from '../../verify/path/purpose.ts'
import { type Corpus, type CorpusCase, type Said, blockOf, pathOf, pemBlocks, sayOrRefuse } from './cases.ts'

type Rule = NonNullable<Purpose['extKeyUsage']>

const tls = (oid: string, more: Partial<Rule> = {}): Purpose => ({
  extKeyUsage: { accepted: [oid], allowAny: true, required: false, cas: 'limited', ...more },
  refusesCa: more.required === true,
})

const strict: Partial<Rule> = { allowAny: false, required: true, cas: 'same' }
const strictLeaf: Partial<Rule> = { allowAny: false, required: true, cas: 'limited' }
const rcsMlsClient = '2.23.146.2.1.3'

const purposes: Readonly<Record<string, Purpose>> = {
  ANY_EKU: ANY_PURPOSE,
  SERVER_AUTH: tls(EKU.serverAuth),
  SERVER_AUTH_STRICT: tls(EKU.serverAuth, strict),
  SERVER_AUTH_STRICT_LEAF: tls(EKU.serverAuth, strictLeaf),
  CLIENT_AUTH: tls(EKU.clientAuth),
  CLIENT_AUTH_STRICT: tls(EKU.clientAuth, strict),
  CLIENT_AUTH_STRICT_LEAF: tls(EKU.clientAuth, strictLeaf),
  MLS_CLIENT_AUTH: {
    exactKeyUsage: ['digitalSignature'],
    extKeyUsage: { accepted: [rcsMlsClient], allowAny: false, required: true, sole: true, cas: 'same' },
  },
}

const compactTime = (text: string): Date => {
  const [, yy, mm, dd, h, m, s] = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? []
  return new Date(`20${yy}-${mm}-${dd}T${h}:${m}:${s}Z`)
}

/** `valid` or `invalid`; undefined where the case asks for a rule of browsers that a signature validator lacks. */
export function sayPath(corpus: Corpus, entry: CorpusCase): Said | undefined {
  const purpose = purposes[String(entry['keyPurpose'])]
  const trust = String(entry['lastCertTrust'])
  if (!purpose) return undefined
  return sayOrRefuse('invalid', () => {
    const chain = pemBlocks(corpus, pathOf(entry, 'chain'))
      .filter(({ label }) => label === 'CERTIFICATE')
      .map(({ bytes }) => parseCertificate(bytes))
    if (trust === 'DISTRUSTED' || trust === 'UNSPECIFIED') return { verdict: 'invalid', why: 'not an anchor' }
    if (trust === 'TRUSTED_LEAF' && chain.length > 1) return { verdict: 'invalid', why: 'not an anchor' }
    if (trust.startsWith('TRUSTED_ANCHOR') && chain.length === 1 && !trust.endsWith('LEAF'))
      return { verdict: 'invalid', why: 'the target alone is no path' }
    const options: PathOptions = {
      at: compactTime(String(entry['time'])),
      purpose,
      anchorConstraints: trust.includes('CONSTRAINTS'),
      anchorValidity: trust.includes('EXPIRATION') || trust.includes('LEAF'),
      checkAlgorithm: weakness,
    }
    const { issues } = validatePath(chain, options)
    const why = issues.map((issue) => `${issue.key}@${issue.index} ${issue.detail ?? ''}`).join('; ')
    return { verdict: issues.length === 0 ? 'valid' : 'invalid', why }
  })
}

/** BoringSSL's own floor: RSA of 1024 bits, SHA-1 only where its case allows it (digest policy WEAK). */
function weakness(certificate: Certificate, issuer: Certificate): string | undefined {
  for (const key of [findSubjectKey(certificate), findSubjectKey(issuer)])
    if (key?.info.kind === 'rsa' && key.info.bits < 1024) return `RSA of ${key.info.bits} bits`
  const hash = findSignatureAlgorithm(certificate)?.hash
  return hash === 'MD5' || hash === 'SHA-1' ? hash : undefined
}

/** `parse` or `reject` for a case of parse_certificate_unittest. */
export function sayParse(corpus: Corpus, entry: CorpusCase): Said {
  return sayOrRefuse('reject', () => {
    const [block] = pemBlocks(corpus, pathOf(entry, 'input'))
    if (!block) throw new Error(`${entry.id} holds no block`)
    const certificate = parseCertificate(wholeCertificate(block))
    const facts = factsOf(certificate)
    const broken = [
      ...facts.malformed,
      ...findProfileViolations(facts, false).filter((r) => r.includes('2.1.6')),
    ]
    return broken.length > 0 ? { verdict: 'reject', why: broken.join() } : { verdict: 'parse' }
  })
}

/** Some cases hold the inner part only: a signature of nothing is put around it, for parsing judges none. */
function wholeCertificate({ label, bytes }: PemBlock): Uint8Array {
  if (label !== 'TBS CERTIFICATE') return bytes
  const reader = readSequence(bytes)
  reader.optional(contextConstructed(0))
  reader.next(TAG.integer)
  return sequence(bytes, reader.next(TAG.sequence).raw, bitString(Uint8Array.of(0)))
}

/** `SUCCESS` or `FAILURE`. */
export const saySignedData = (corpus: Corpus, entry: CorpusCase): Said =>
  sayOrRefuse('FAILURE', () => {
    const blocks = pemBlocks(corpus, pathOf(entry, 'bundle'))
    const algorithm = signatureAlgorithmOf(parseAlgorithmIdentifier(parseDer(blockOf(blocks, 'ALGORITHM'))))
    const signature = blockOf(blocks, 'SIGNATURE')
    const { spkiDer } = parseSpki(blockOf(blocks, 'PUBLIC KEY'))
    const octets = parseDer(signature).content.subarray(1)
    const good = verifySignature(algorithm, publicKeyObject(spkiDer), blockOf(blocks, 'DATA'), octets)
    return { verdict: good ? 'SUCCESS' : 'FAILURE' }
  })

/** `GOOD`, `REVOKED` or `UNKNOWN` by the CRL of the case. */
export const sayCrl = (corpus: Corpus, entry: CorpusCase): Said =>
  sayOrRefuse('UNKNOWN', () => {
    const blocks = pemBlocks(corpus, pathOf(entry, 'bundle'))
    const crls = blocks.filter(({ label }) => label === 'CRL').map(({ bytes }) => parseCrl(bytes))
    return sayStatus(entry, blocks, { crls, ocspResponses: [] })
  })

/** The same by its OCSP response. */
export const sayOcsp = (corpus: Corpus, entry: CorpusCase): Said =>
  sayOrRefuse('UNKNOWN', () => {
    const blocks = pemBlocks(corpus, pathOf(entry, 'bundle'))
    const ocspResponses = [parseOcspResponse(blockOf(blocks, 'OCSP RESPONSE'))]
    return sayStatus(entry, blocks, { crls: [], ocspResponses })
  })

function sayStatus(
  entry: CorpusCase,
  blocks: readonly PemBlock[],
  evidence: Pick<RevocationContext, 'crls' | 'ocspResponses'>,
): Said {
  const issuer = parseCertificate(blockOf(blocks, 'CA CERTIFICATE'))
  const second = blocks.find(({ label }) => label === 'CA CERTIFICATE 2')
  const certificate = parseCertificate(blockOf(blocks, 'CERTIFICATE'))
  const status = checkRevocation(certificate, issuer, {
    ...evidence,
    pool: [],
    anchor: second ? parseCertificate(second.bytes) : issuer,
    at: new Date(String(entry['time'])),
    maxAgeSeconds: Number(entry['maxAgeSeconds']),
    responderMayLackStatus: true,
  })
  return {
    verdict: status.kind === 'unknown' ? 'UNKNOWN' : status.kind.toUpperCase(),
    why: JSON.stringify(status),
  }
}
