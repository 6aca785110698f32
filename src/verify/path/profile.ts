/** What RFC 5280 §4 asks of conforming CAs but a relying party may overlook; demanded in strict mode only. */
import { EXT } from '../../../ca/formats.ts'
import type { CertificateFacts } from './facts.ts'

interface ProfileRule {
  readonly clause: string
  readonly isBroken: (facts: CertificateFacts, isAnchor: boolean) => boolean
}

const isCa = (facts: CertificateFacts): boolean => facts.basicConstraints?.ca === true
const isCritical = (facts: CertificateFacts, oid: string): boolean =>
  facts.certificate.extensions.get(oid)?.critical === true
const has = (facts: CertificateFacts, oid: string): boolean => facts.certificate.extensions.has(oid)

const rules: readonly ProfileRule[] = [
  { clause: '4.1.2.1 version', isBroken: ({ certificate }) => certificate.version !== 3 },
  {
    clause: '4.1.2.2 serialNumber',
    isBroken: ({ certificate: { serial } }) =>
      serial.length > 20 || (serial[0] ?? 0x80) >= 0x80 || serial.every((byte) => byte === 0),
  },
  { clause: '4.1.2.4 issuer', isBroken: ({ certificate }) => certificate.issuer.rdns.length === 0 },
  {
    clause: '4.1.2.6 subject',
    isBroken: (facts) => isCa(facts) && facts.certificate.subject.rdns.length === 0,
  },
  {
    clause: '4.2.1.1 authorityKeyIdentifier',
    isBroken: (facts, isAnchor) => {
      const identifier = facts.authorityKeyIdentifier
      if (identifier === undefined) return !isAnchor && !(facts.isSelfIssued && isCa(facts) && isAnchor)
      return identifier.keyIdentifier === undefined && !isAnchor
    },
  },
  {
    clause: '4.2.1.1 authorityKeyIdentifier is critical',
    isBroken: (facts) => isCritical(facts, EXT.authorityKeyIdentifier),
  },
  {
    clause: '4.2.1.2 subjectKeyIdentifier',
    isBroken: (facts) =>
      isCritical(facts, EXT.subjectKeyIdentifier) || (isCa(facts) && !has(facts, EXT.subjectKeyIdentifier)),
  },
  {
    clause: '4.2.1.6 subjectAltName with an empty subject',
    isBroken: (facts) =>
      facts.certificate.subject.rdns.length === 0 && !isCritical(facts, EXT.subjectAltName),
  },
  {
    clause: '4.2.1.9 basicConstraints',
    isBroken: (facts) => isCa(facts) && !isCritical(facts, EXT.basicConstraints),
  },
  {
    clause: '4.2.1.9 keyCertSign without cA',
    isBroken: (facts) => facts.keyUsage?.has('keyCertSign') === true && !isCa(facts),
  },
  {
    clause: '4.2.1.10 nameConstraints',
    isBroken: (facts) =>
      has(facts, EXT.nameConstraints) && (!isCa(facts) || !isCritical(facts, EXT.nameConstraints)),
  },
]

/** Clauses of RFC 5280 that the certificate breaks. */
export const findProfileViolations = (facts: CertificateFacts, isAnchor: boolean): string[] =>
  rules.filter((rule) => rule.isBroken(facts, isAnchor)).map((rule) => rule.clause)
