import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { readdirSync } from 'node:fs'

import test from 'ava'

import { getSignatureAlgorithm } from '../algorithms/signatures.ts'
import { childrenOf, onlyChild, parseDer, readSequence } from '../asn1/reader.ts'
import { decodeOid } from '../asn1/values.ts'
import { contextConstructed } from '../asn1/tags.ts'
import {
  bitString,
  boolean,
  explicit,
  generalizedTime,
  ia5String,
  implicit,
  integer,
  nullValue,
  octetString,
  oid,
  printableString,
  sequence,
  setOf,
  time,
  tlv,
  utf8String,
} from '../asn1/writer.ts'
import { lintContext } from '../lint-context.ts'
import { type Profile, getProfile } from '../profiles.ts'
import { subjectKeyIdentifierFor } from '../template.ts'
import { openTestCore, type TestCore } from '../testing/test-core.ts'
import {
  encodeCertificatePolicies,
  encodeCrlDistributionPoints,
  encodeExtension,
  encodeKeyUsage,
  encodeUri,
} from '../x509/encode-extensions.ts'
import { encodeName, type SubjectAttribute } from '../x509/name.ts'
import { ACCESS, EKU, EXT } from '../x509/oids.ts'
import { LINT_RULES, WELL_FORMED, lintCertificate } from './index.ts'

const made: TestCore = await openTestCore()
const { core, issuer, root } = made
const NOW = core.ports.now()

const holder = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const holderSpki = new Uint8Array(holder.publicKey.export({ type: 'spki', format: 'der' }))
const throwAway = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

/** The fields of a certificate as encodings, so that any one of them can be bent. */
interface Parts {
  version: Uint8Array
  serial: Uint8Array
  algorithm: Uint8Array
  issuer: Uint8Array
  validity: Uint8Array
  subject: Uint8Array
  spki: Uint8Array
  extensions: Map<string, Uint8Array>
  /** Leaves the extensions field out. */
  bare?: boolean
  /** Overrides the signature. */
  signature?: Uint8Array
}

const COMMON: readonly SubjectAttribute[] = [
  { type: 'C', value: 'CN' },
  { type: 'O', value: 'TEST ONLY 机构' },
  { type: 'CN', value: 'TEST ONLY 张三' },
]

const subjectOf = (profile: Profile): Uint8Array =>
  encodeName(COMMON.filter(({ type }) => profile.subject.value.some((rule) => rule.type === type)))

const aboveOf = (profile: Profile): typeof issuer => (profile.issuedBy.value === 'root' ? root : issuer)

function partsOf(profileName: string): Parts {
  const profile = getProfile(core.profiles, profileName)
  const above = aboveOf(profile)
  const start = Math.floor(NOW.getTime() / 1000) * 1000
  const keyBits = onlyBits(holderSpki)
  const tbs = core.template(
    profile,
    above,
  )({
    serial: Uint8Array.of(1, ...new Uint8Array(15).fill(9)),
    notBefore: new Date(start),
    notAfter: new Date(start + (profile.validity.defaultSeconds.value - 1) * 1000),
    subjectDer: subjectOf(profile),
    spkiDer: holderSpki,
    subjectKeyIdentifier: subjectKeyIdentifierFor(keyBits),
    shard: shardOf(Uint8Array.of(1, ...new Uint8Array(15).fill(9)), above.shards),
  })
  const [version, serial, algorithm, name, validity, subject, spki, list] = childrenOf(parseDer(tbs)).map(
    (node) => node.raw,
  )
  if (!version || !serial || !algorithm || !name || !validity || !subject || !spki || !list)
    throw new Error('template is short')
  const extensions = new Map(childrenOf(onlyChild(parseDer(list))).map((node) => [oidOf(node.raw), node.raw]))
  return { version, serial, algorithm, issuer: name, validity, subject, spki, extensions }
}

const onlyBits = (spki: Uint8Array): Uint8Array =>
  (childrenOf(parseDer(spki))[1]?.content ?? new Uint8Array()).subarray(1)
const shardOf = (serial: Uint8Array, shards: number): number =>
  Number(BigInt(`0x${Buffer.from(serial).toString('hex')}`) % BigInt(shards))
const oidOf = (extension: Uint8Array): string => decodeOid(readSequence(extension).next())

function build(parts: Parts): Uint8Array {
  const tbs = sequence(
    parts.version,
    parts.serial,
    parts.algorithm,
    parts.issuer,
    parts.validity,
    parts.subject,
    parts.spki,
    ...(parts.bare ? [] : [tlv(contextConstructed(3), sequence(...parts.extensions.values()))]),
  )
  const signature = parts.signature ?? new Uint8Array(sign('sha256', tbs, throwAway))
  return sequence(tbs, parts.algorithm, bitString(signature))
}

function findings(profileName: string, bend: (parts: Parts) => void = () => undefined): string[] {
  const parts = partsOf(profileName)
  bend(parts)
  const profile = getProfile(core.profiles, profileName)
  return lintCertificate(build(parts), lintContext(core, profile, aboveOf(profile), NOW)).map(
    (found) => found.rule,
  )
}

const rdn = (type: string, value: Uint8Array): Uint8Array => setOf(sequence(oid(type), value))
const set =
  (type: string, critical: boolean, value: Uint8Array) =>
  (parts: Parts): void =>
    void parts.extensions.set(type, encodeExtension(type, critical, value))
const drop =
  (type: string) =>
  (parts: Parts): void =>
    void parts.extensions.delete(type)
const validity =
  (from: Date, to: Date) =>
  (parts: Parts): void =>
    void (parts.validity = sequence(time(from), time(to)))
const named =
  (...rdns: Uint8Array[]) =>
  (parts: Parts): void =>
    void (parts.subject = sequence(...rdns))
const country = rdn('2.5.4.6', printableString('CN'))
const cn = rdn('2.5.4.3', utf8String('x'))
const seconds = (count: number): Date => new Date(Math.floor(NOW.getTime() / 1000) * 1000 + count * 1000)
const serial =
  (...bytes: number[]) =>
  (parts: Parts): void =>
    void (parts.serial = tlv(2, Uint8Array.from(bytes)))
const fifteen = new Array<number>(15).fill(7)

type Break = readonly [what: string, profile: string, bend: (parts: Parts) => void]

/** Rule → certificates that it must find. */
const BREAKS: Readonly<Record<string, readonly Break[]>> = {
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
  'extension-allow-list': [
    ['CT poison', 'event', set('1.3.6.1.4.1.11129.2.4.3', true, nullValue())],
    ['one of another profile', 'event', set(EXT.nameConstraints, true, sequence())],
    ['one is missing', 'individual', drop(EXT.crlDistributionPoints)],
  ],
  'extension-criticality': [
    [
      'keyUsage not critical',
      'event',
      set(EXT.keyUsage, false, encodeKeyUsage(['digitalSignature', 'nonRepudiation'])),
    ],
    ['timeStamping not critical', 'tsa', set(EXT.extKeyUsage, false, sequence(oid(EKU.timeStamping)))],
  ],
  'authority-key-identifier': [
    [
      'another key',
      'event',
      set(EXT.authorityKeyIdentifier, false, sequence(implicit(0, octetString(new Uint8Array(20))))),
    ],
    [
      'issuer and serial too',
      'event',
      set(
        EXT.authorityKeyIdentifier,
        false,
        sequence(
          implicit(0, octetString(issuer.subjectKeyIdentifier)),
          tlv(0xa1, tlv(0xa4, issuer.certificate.subject.raw)),
          tlv(0x82, Uint8Array.of(1)),
        ),
      ),
    ],
    ['missing', 'event', drop(EXT.authorityKeyIdentifier)],
  ],
  'subject-key-identifier': [
    [
      'SHA-1 of the key',
      'event',
      set(
        EXT.subjectKeyIdentifier,
        false,
        octetString(createHash('sha1').update(onlyBits(holderSpki)).digest()),
      ),
    ],
    [
      'of another length',
      'event',
      set(
        EXT.subjectKeyIdentifier,
        false,
        octetString(subjectKeyIdentifierFor(onlyBits(holderSpki)).subarray(0, 8)),
      ),
    ],
  ],
  'basic-constraints': [
    ['a leaf that is a CA', 'event', set(EXT.basicConstraints, true, sequence(boolean(true)))],
    [
      'another path length',
      'issuing-ca',
      set(EXT.basicConstraints, true, sequence(boolean(true), integer(3))),
    ],
    ['missing', 'event', drop(EXT.basicConstraints)],
  ],
  'key-usage': [
    [
      'keyCertSign in a leaf',
      'event',
      set(EXT.keyUsage, true, encodeKeyUsage(['digitalSignature', 'keyCertSign'])),
    ],
    ['fewer than the profile', 'event', set(EXT.keyUsage, true, encodeKeyUsage(['digitalSignature']))],
    [
      'digitalSignature in a CA',
      'issuing-ca',
      set(EXT.keyUsage, true, encodeKeyUsage(['digitalSignature', 'keyCertSign', 'cRLSign'])),
    ],
    ['missing', 'event', drop(EXT.keyUsage)],
  ],
  'ext-key-usage': [
    ['anyExtendedKeyUsage', 'event', set(EXT.extKeyUsage, false, sequence(oid(EKU.any)))],
    [
      'OCSPSigning in a leaf',
      'event',
      set(EXT.extKeyUsage, false, sequence(oid(EKU.documentSigning), oid(EKU.ocspSigning))),
    ],
    [
      'a second purpose in a TSA',
      'tsa',
      set(EXT.extKeyUsage, true, sequence(oid(EKU.timeStamping), oid(EKU.clientAuth))),
    ],
    ['missing', 'ocsp-responder', drop(EXT.extKeyUsage)],
  ],
  'policy-oid': [
    [
      'of another profile',
      'event',
      set(
        EXT.certificatePolicies,
        false,
        encodeCertificatePolicies('2.999.1.1.1', 'http://ca.test.invalid/cps'),
      ),
    ],
    [
      'anyPolicy in a leaf',
      'event',
      set(
        EXT.certificatePolicies,
        false,
        encodeCertificatePolicies('2.5.29.32.0', 'http://ca.test.invalid/cps'),
      ),
    ],
  ],
  'cps-pointer': [
    [
      'to another place',
      'event',
      set(
        EXT.certificatePolicies,
        false,
        encodeCertificatePolicies('2.999.1.1.4', 'http://other.invalid/cps'),
      ),
    ],
    ['none', 'event', set(EXT.certificatePolicies, false, sequence(sequence(oid('2.999.1.1.4'))))],
    [
      'two',
      'event',
      set(
        EXT.certificatePolicies,
        false,
        sequence(
          sequence(
            oid('2.999.1.1.4'),
            sequence(...['a', 'b'].map((uri) => sequence(oid('1.3.6.1.5.5.7.2.1'), ia5String(uri)))),
          ),
        ),
      ),
    ],
  ],
  'subject-alt-name': [
    [
      'a kind that the profile does not have',
      'individual',
      set(EXT.subjectAltName, false, sequence(tlv(0x82, new TextEncoder().encode('example.com')))),
    ],
    ['empty', 'individual', set(EXT.subjectAltName, false, sequence(tlv(0x81)))],
    [
      'an address of 5 octets',
      'device',
      set(EXT.subjectAltName, false, sequence(tlv(0x87, new Uint8Array(5)))),
    ],
    ['no name at all', 'individual', set(EXT.subjectAltName, false, sequence())],
  ],
  'crl-distribution-points': [
    [
      'another shard',
      'individual',
      set(
        EXT.crlDistributionPoints,
        false,
        encodeCrlDistributionPoints('http://ca.test.invalid/crl/issuing/99.crl'),
      ),
    ],
    [
      'another issuer',
      'individual',
      set(
        EXT.crlDistributionPoints,
        false,
        encodeCrlDistributionPoints('http://ca.test.invalid/crl/root/1.crl'),
      ),
    ],
  ],
  'authority-info-access': [
    [
      'another OCSP address',
      'individual',
      set(
        EXT.authorityInfoAccess,
        false,
        sequence(
          sequence(oid(ACCESS.ocsp), encodeUri('http://other.invalid/ocsp')),
          sequence(oid(ACCESS.caIssuers), encodeUri('http://ca.test.invalid/issuers/issuing.cer')),
        ),
      ),
    ],
    [
      'one is missing',
      'individual',
      set(
        EXT.authorityInfoAccess,
        false,
        sequence(sequence(oid(ACCESS.ocsp), encodeUri('http://ca.test.invalid/ocsp'))),
      ),
    ],
  ],
  'revocation-pointer': [
    ['no CRL', 'individual', drop(EXT.crlDistributionPoints)],
    ['no OCSP', 'individual', drop(EXT.authorityInfoAccess)],
  ],
  'no-rev-avail': [
    [
      'with a CRL',
      'event',
      set(
        EXT.crlDistributionPoints,
        false,
        encodeCrlDistributionPoints('http://ca.test.invalid/crl/issuing/1.crl'),
      ),
    ],
    ['missing in an event certificate', 'event', drop(EXT.noRevAvail)],
    ['for longer than a day', 'event', validity(seconds(0), seconds(90_000))],
    [
      'in a CA',
      'issuing-ca',
      (p) => {
        drop(EXT.crlDistributionPoints)(p)
        set(EXT.noRevAvail, false, nullValue())(p)
      },
    ],
    ['not NULL', 'event', set(EXT.noRevAvail, false, sequence())],
  ],
  'ocsp-no-check': [
    ['in a leaf', 'individual', set(EXT.ocspNoCheck, false, nullValue())],
    ['missing', 'ocsp-responder', drop(EXT.ocspNoCheck)],
    ['not NULL', 'ocsp-responder', set(EXT.ocspNoCheck, false, sequence())],
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

test('what the templates build has no finding', (t) => {
  for (const name of core.profiles.keys()) if (name !== 'root') t.deepEqual(findings(name), [], name)
  t.deepEqual(
    lintCertificate(root.certDer, lintContext(core, getProfile(core.profiles, 'root'), root, NOW)).filter(
      ({ rule }) => rule !== 'validity-period',
    ),
    [],
  )
})

for (const [rule, breaks] of Object.entries(BREAKS))
  test(`${rule} finds what breaks it`, (t) => {
    for (const [what, profile, bend] of breaks)
      t.true(findings(profile, bend).includes(rule), `${what}: ${findings(profile, bend).join()}`)
  })

test('every rule has a breaking case, a source, and a file of its name', (t) => {
  const names = LINT_RULES.map((rule) => rule.name)
  t.deepEqual(Object.keys(BREAKS).toSorted(), [...names, WELL_FORMED].toSorted())
  t.true(LINT_RULES.every((rule) => rule.source.length > 5))
  const files = readdirSync(import.meta.dirname).map((file) => file.replace(/\.ts$/, ''))
  for (const name of names) t.true(files.includes(name), name)
  t.is(new Set(names).size, names.length)
})
