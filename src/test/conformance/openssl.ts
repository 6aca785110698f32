// OpenSSL's own tests: `openssl verify` with purposes and options, and the checking of OCSP responses.
import { type Certificate, EKU, parseOcspResponse } from '../../../ca/formats.ts'
import { type PathSearch, findPath } from '../../verify/path/build.ts'
import { findSignatureAlgorithm, findSubjectKey } from '../../verify/path/facts.ts'
import { ANY_PURPOSE, type Purpose, TIME_STAMPING } from '../../verify/path/purpose.ts'
import { findResponder, isFromIssuer } from '../../verify/revocation/ocsp.ts'
import {
  type Corpus,
  type CorpusCase,
  type Said,
  pathOf,
  pathsOf,
  readCertificate,
  sayOrRefuse,
} from './cases.ts'

const tls = (oid: string): Purpose => ({
  extKeyUsage: { accepted: [oid], allowAny: true, required: false, cas: 'limited' },
})

const purposes: Readonly<Record<string, Purpose>> = {
  '': ANY_PURPOSE,
  sslserver: tls(EKU.serverAuth),
  sslclient: tls(EKU.clientAuth),
  timestampsign: TIME_STAMPING,
  codesign: {
    exactKeyUsage: ['digitalSignature'],
    extKeyUsage: { accepted: [EKU.codeSigning], allowAny: false, required: true, sole: true, cas: 'limited' },
  },
}

/** Security bits of RSA keys and of hashes by OpenSSL's levels 0 to 3 (SSL_CTX_set_security_level). */
const levels = [
  { rsa: 0, hashes: [] },
  { rsa: 1024, hashes: ['MD5', 'SHA-1'] },
  { rsa: 2048, hashes: ['MD5', 'SHA-1'] },
  { rsa: 3072, hashes: ['MD5', 'SHA-1', 'SHA-224'] },
]

function weaknessAt(level: number): (certificate: Certificate, issuer: Certificate) => string | undefined {
  const floor = levels[level] ?? { rsa: 0, hashes: [] }
  return (certificate, issuer) => {
    for (const key of [findSubjectKey(certificate), findSubjectKey(issuer)])
      if (key?.info.kind === 'rsa' && key.info.bits < floor.rsa) return `RSA of ${key.info.bits} bits`
    const hash = findSignatureAlgorithm(certificate)?.hash
    return hash !== undefined && (floor.hashes as string[]).includes(hash) ? hash : undefined
  }
}

const valueOf = (options: readonly string[], name: string): string | undefined => {
  const at = options.indexOf(name)
  return at < 0 ? undefined : options[at + 1]
}

/** When OpenSSL's certificates were made and run; some expire. */
const defaultTime = new Date('2024-01-01T00:00:00Z')

/** `valid` or `invalid`; undefined where the case asks for trust settings or certificates that only OpenSSL has. */
export function sayVerify(corpus: Corpus, entry: CorpusCase): Said | undefined {
  const options = entry['options'] as readonly string[]
  const purpose = purposes[String(entry['purpose'])]
  if (!purpose) return undefined
  const files = ['target', 'trusted', 'untrusted'].flatMap((role) => pathsOf(entry, role))
  if (files.some((path) => hasTrustSettings(corpus, path)) || options.includes('-allow_proxy_certs'))
    return undefined
  return sayOrRefuse('invalid', () => {
    const target = readCertificate(corpus, pathOf(entry, 'target'))
    const search: PathSearch = {
      target,
      pool: pathsOf(entry, 'untrusted').map((path) => readCertificate(corpus, path)),
      anchors: pathsOf(entry, 'trusted').map((path) => readCertificate(corpus, path)),
    }
    const seconds = valueOf(options, '-attime')
    const policy = valueOf(options, '-policy')
    const depth = valueOf(options, '-verify_depth')
    const { issues } = findPath(search, {
      at: seconds === undefined ? defaultTime : new Date(Number(seconds) * 1000),
      purpose,
      strict: options.includes('-x509_strict'),
      checkAlgorithm: weaknessAt(Number(valueOf(options, '-auth_level') ?? 1)),
      requireExplicitPolicy: options.includes('-explicit_policy'),
      ...(policy === undefined ? {} : { initialPolicies: new Set([policy]) }),
      ...(depth === undefined ? {} : { maxIntermediates: Number(depth) }),
    })
    const why = issues.map((issue) => `${issue.key}@${issue.index} ${issue.detail ?? ''}`).join('; ')
    return { verdict: issues.length === 0 ? 'valid' : 'invalid', why }
  })
}

const hasTrustSettings = (corpus: Corpus, path: string): boolean =>
  new TextDecoder('latin1').decode(corpus.read(path)).includes('BEGIN TRUSTED CERTIFICATE')

/** `valid` or `invalid` for an OCSP response under a CA that is trusted for what it is. */
export const sayOcspResponse = (corpus: Corpus, entry: CorpusCase): Said =>
  sayOrRefuse('invalid', () => {
    const text = new TextDecoder('latin1').decode(corpus.read(pathOf(entry, 'response')))
    const der = Uint8Array.from(atob(text.replace(/\s+/g, '')), (character) => character.charCodeAt(0))
    const { basic } = parseOcspResponse(der)
    const issuer = readCertificate(corpus, pathOf(entry, 'ca'))
    if (!basic) return { verdict: 'invalid', why: 'no basic response' }
    if (!basic.responses.every(({ certId }) => isFromIssuer(certId, issuer.subject.raw, issuer)))
      return { verdict: 'invalid', why: 'CertID names another issuer' }
    const responder = findResponder(basic, issuer, {
      crls: [],
      ocspResponses: [],
      pool: [],
      anchor: issuer,
      at: new Date(String(entry['time'])),
      responderMayLackStatus: true,
    })
    return { verdict: responder ? 'valid' : 'invalid' }
  })
