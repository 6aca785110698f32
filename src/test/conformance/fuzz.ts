// Fuzzing corpora of OpenSSL and BoringSSL through every parser of the kind: typed errors only, no hang.
import {
  childrenOf,
  checkDer,
  crlEntries,
  findCrlEntry,
  isCoded,
  parseAuthorityKeyIdentifier,
  parseBasicResponse,
  parseCertId,
  parseCertificate,
  parseCrl,
  parseDer,
  parseDistributionPoints,
  parseName,
  parseOcspRequest,
  parseOcspResponse,
  parseSpki,
  parseTimeStampToken,
} from '../../../ca/formats.ts'
import { normaliseBer } from '../../verify/ber.ts'
import { checkCms, parseCms } from '../../verify/cms.ts'
import { factsOf, findSubjectKey } from '../../verify/path/facts.ts'
import { findProfileViolations } from '../../verify/path/profile.ts'
import { parsePem } from '../../lib/pem.ts'
import { verify } from '../../verify/verify.ts'
import { type Corpus, type CorpusCase, type Said, pathOf } from './cases.ts'
import { defaultPolicy } from './policy.ts'

const policy = defaultPolicy()
const at = new Date('2026-01-01T00:00:00Z')

const readCertificate = (bytes: Uint8Array): void => {
  const certificate = parseCertificate(bytes)
  findProfileViolations(factsOf(certificate), false)
  findSubjectKey(certificate)
}

const readCms = (bytes: Uint8Array): void => {
  const message = parseCms(bytes)
  message.signedData.signerInfos.forEach((_, index) => checkCms({ message, index, content: [], pool: [] }))
}

const readList = (bytes: Uint8Array): void => {
  const crl = parseCrl(bytes)
  for (const { serial } of crlEntries(crl)) findCrlEntry(crl, serial)
}

const everything: readonly ((bytes: Uint8Array) => unknown)[] = [
  readCertificate,
  readCms,
  readList,
  checkDer,
  normaliseBer,
  parseOcspResponse,
  parseOcspRequest,
  parseTimeStampToken,
  parseSpki,
  parseName,
  (bytes) => verify({ document: bytes, evidence: {}, trust: [], policy, at, final: true }),
  (bytes) =>
    verify({
      document: bytes,
      evidence: { certificates: [bytes], crls: [bytes], ocspResponses: [bytes] },
      trust: [],
      policy,
      at,
    }),
]

const more: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  pem: (bytes) => parsePem(new TextDecoder('latin1').decode(bytes)),
  'ext-aki': parseAuthorityKeyIdentifier,
  'ext-idp': parseDistributionPoints,
  'ocsp-responsedata': parseBasicResponse,
  'ocsp-certid': (bytes) => parseCertId(parseDer(bytes)),
  'ocsp-single': (bytes) => childrenOf(parseDer(bytes)),
}

/** `no-crash`, or what was thrown that is no typed error. */
export function sayFuzz(corpus: Corpus, entry: CorpusCase): Said {
  const bytes = corpus.read(pathOf(entry, 'input'))
  const started = performance.now()
  for (const parse of [...everything, ...(more[entry.kind ?? ''] ? [more[entry.kind ?? '']] : [])]) {
    try {
      parse?.(bytes)
    } catch (error) {
      if (!isCoded(error)) return { verdict: 'crash', why: String(error) }
    }
  }
  // A hang, as the corpus defines it, is a second for one parser; all of them share a generous bound here.
  const seconds = (performance.now() - started) / 1000
  return seconds > 10 ? { verdict: 'hang', why: `${seconds.toFixed(1)} s` } : { verdict: 'no-crash' }
}
