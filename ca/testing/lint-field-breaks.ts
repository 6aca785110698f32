/** Certificates whose fields break a lint rule, and those that break the law. Nothing but tests imports it. */
import { getSignatureAlgorithm } from '../algorithms/signatures.ts'
import {
  bitString,
  boolean,
  explicit,
  generalizedTime,
  integer,
  nullValue,
  octetString,
  oid,
  printableString,
  sequence,
  setOf,
  time,
  utf8String,
} from '../asn1/writer.ts'
import { encodeKeyUsage } from '../x509/encode-extensions.ts'
import { EXT } from '../x509/oids.ts'
import { WELL_FORMED } from '../lint/index.ts'
import {
  type Parts,
  issuer,
  rdn,
  set,
  drop,
  validity,
  named,
  country,
  cn,
  seconds,
  serial,
  fifteen,
} from './certificate-parts.ts'

/** What is bent, the profile, and how. */
export type Break = readonly [what: string, profile: string, bend: (parts: Parts) => void]

/** Rule → certificates that it must find. */
export const FIELD_BREAKS: Readonly<Record<string, readonly Break[]>> = {
  'version-3': [
    [
      'v2',
      'event',
      (p) => {
        p.version = explicit(0, integer(1))
        p.bare = true
      },
    ],
  ],
  'serial-number': [
    ['negative', 'event', serial(0x80, ...fifteen)],
    ['zero', 'event', serial(0)],
    ['21 octets', 'event', serial(1, ...fifteen, 1, 2, 3, 4, 5)],
    ['8 octets', 'event', serial(1, 2, 3, 4, 5, 6, 7, 8)],
    ['another instance', 'event', serial(2, ...fifteen)],
  ],
  'signature-algorithm': [
    [
      'SHA-384 with a P-256 issuer',
      'event',
      (p) => void (p.algorithm = getSignatureAlgorithm('ecdsa-sha384').identifierDer),
    ],
    [
      'NULL parameters with ECDSA',
      'event',
      (p) => void (p.algorithm = sequence(oid('1.2.840.10045.4.3.2'), nullValue())),
    ],
  ],
  'issuer-name': [
    [
      'another string type',
      'event',
      (p) =>
        void (p.issuer = sequence(
          country,
          rdn('2.5.4.10', printableString('TEST ONLY')),
          rdn('2.5.4.3', printableString('TEST ONLY issuing')),
        )),
    ],
  ],
  'validity-encoding': [
    [
      'GeneralizedTime before 2050',
      'event',
      (p) => void (p.validity = sequence(generalizedTime(seconds(0)), generalizedTime(seconds(3599)))),
    ],
    [
      'UTCTime and GeneralizedTime',
      'event',
      (p) => void (p.validity = sequence(time(seconds(0)), generalizedTime(seconds(3599)))),
    ],
  ],
  'validity-period': [
    ['one second over a day', 'event', validity(seconds(0), seconds(86_400))],
    ['too short', 'event', validity(seconds(0), seconds(298))],
    ['dated back too far', 'event', validity(seconds(-120), seconds(3000))],
    ['in the future', 'event', validity(seconds(60), seconds(3000))],
  ],
  'validity-within-issuer': [
    [
      'ends after its issuer',
      'individual',
      validity(seconds(0), new Date(issuer.certificate.notAfter.getTime() + 1000)),
    ],
    [
      'starts before its issuer',
      'individual',
      validity(new Date(issuer.certificate.notBefore.getTime() - 1000), seconds(3600)),
    ],
  ],
  'subject-attributes': [
    ['a required attribute is missing', 'event', named(cn)],
    [
      'one that the profile does not have',
      'event',
      named(country, rdn('0.9.2342.19200300.100.1.1', utf8String('x')), cn),
    ],
    ['one that nobody knows', 'event', named(country, rdn('1.2.3.4', utf8String('x')), cn)],
    ['in another order', 'event', named(cn, country)],
    ['twice', 'event', named(country, cn, cn)],
    [
      'two in one RDN',
      'event',
      named(
        setOf(sequence(oid('2.5.4.6'), printableString('CN')), sequence(oid('2.5.4.3'), utf8String('x'))),
      ),
    ],
  ],
  'subject-encoding': [
    ['CN as PrintableString', 'event', named(country, rdn('2.5.4.3', printableString('x')))],
    ['C as UTF8String', 'event', named(rdn('2.5.4.6', utf8String('CN')), cn)],
    ['C in small letters', 'event', named(rdn('2.5.4.6', printableString('cn')), cn)],
    ['65 characters', 'event', named(country, rdn('2.5.4.3', utf8String('印'.repeat(65))))],
    ['empty', 'event', named(country, rdn('2.5.4.3', utf8String('')))],
    ['a space at the end', 'event', named(country, rdn('2.5.4.3', utf8String('x ')))],
    ['a control character', 'event', named(country, rdn('2.5.4.3', utf8String('x\u0007y')))],
  ],
  'public-key': [
    [
      'a curve that the profile does not have',
      'event',
      (p) =>
        void (p.spki = sequence(
          sequence(oid('1.2.840.10045.2.1'), oid('1.3.132.0.35')),
          bitString(new Uint8Array(133).fill(4)),
        )),
    ],
    [
      'Ed25519 with NULL',
      'event',
      (p) =>
        void (p.spki = sequence(sequence(oid('1.3.101.112'), nullValue()), bitString(new Uint8Array(32)))),
    ],
    [
      'Ed25519 for a TSA',
      'tsa',
      (p) => void (p.spki = sequence(sequence(oid('1.3.101.112')), bitString(new Uint8Array(32)))),
    ],
    [
      'RSA without NULL',
      'event',
      (p) =>
        void (p.spki = sequence(
          sequence(oid('1.2.840.113549.1.1.1')),
          bitString(sequence(integer((1n << 2047n) + 1n), integer(65537))),
        )),
    ],
  ],
  'unique-identifiers': [
    ['an issuerUniqueID', 'event', (p) => void (p.uniqueId = Uint8Array.of(0x81, 2, 0, 1))],
    ['a subjectUniqueID', 'event', (p) => void (p.uniqueId = Uint8Array.of(0x82, 2, 0, 1))],
  ],
  'certificate-size': [
    ['5 KiB of nothing', 'event', set('1.2.3.4', false, octetString(new Uint8Array(5000)))],
  ],
  'art21-1-issuer': [['issuer without O', 'event', (p) => void (p.issuer = sequence(country, cn))]],
  'art21-2-holder': [
    ['no CN', 'event', named(country)],
    ['an empty CN', 'event', named(country, rdn('2.5.4.3', utf8String(' ')))],
  ],
  'art21-3-serial': [['zero', 'event', serial(0)]],
  'art21-4-validity': [
    ['backwards', 'event', validity(seconds(10), seconds(0))],
    ['an instant', 'event', validity(seconds(0), seconds(0))],
  ],
  'art21-5-verification-data': [
    [
      'no key',
      'event',
      (p) => void (p.spki = sequence(sequence(oid('1.3.101.112')), bitString(new Uint8Array(0)))),
    ],
  ],
  'art21-6-signature': [
    ['no signature', 'event', (p) => void (p.signature = new Uint8Array(0))],
    ['SHA-1', 'event', (p) => void (p.algorithm = getSignatureAlgorithm('ecdsa-sha1').identifierDer)],
  ],
  'art21-7-other': [
    ['no policy', 'event', drop(EXT.certificatePolicies)],
    ['no statement', 'event', set(EXT.certificatePolicies, false, sequence(sequence(oid('2.999.1.1.4'))))],
  ],
  [WELL_FORMED]: [
    [
      'an extension twice',
      'event',
      (p) => void p.extensions.set('again', p.extensions.get(EXT.keyUsage) ?? new Uint8Array()),
    ],
    [
      'DEFAULT FALSE written out',
      'event',
      (p) =>
        void p.extensions.set(
          EXT.keyUsage,
          sequence(oid(EXT.keyUsage), boolean(false), octetString(encodeKeyUsage(['digitalSignature']))),
        ),
    ],
    ['no extensions', 'event', (p) => p.extensions.clear()],
    ['extensions in a v1 certificate', 'event', (p) => void (p.version = new Uint8Array(0))],
    ['a serial number that is not minimal', 'event', serial(0, 1)],
  ],
}
