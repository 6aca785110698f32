/** Certificates whose extensions break a lint rule. Nothing but tests imports it. */
import { createHash } from 'node:crypto'
import {
  boolean,
  ia5String,
  implicit,
  integer,
  nullValue,
  octetString,
  oid,
  sequence,
  tlv,
} from '../asn1/writer.ts'
import { subjectKeyIdentifierFor } from '../template.ts'
import {
  encodeCertificatePolicies,
  encodeCrlDistributionPoints,
  encodeKeyUsage,
  encodeUri,
} from '../x509/encode-extensions.ts'
import { ACCESS, EKU, EXT } from '../x509/oids.ts'
import { issuer, holderSpki, onlyBits, set, drop, validity, seconds } from './certificate-parts.ts'
import type { Break } from './lint-field-breaks.ts'

/** Rule → certificates that it must find. */
export const EXTENSION_BREAKS: Readonly<Record<string, readonly Break[]>> = {
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
    ['cA FALSE written out', 'event', set(EXT.basicConstraints, true, sequence(boolean(false)))],
    ['a leaf that is a CA', 'event', set(EXT.basicConstraints, true, sequence(boolean(true)))],
    [
      'another path length',
      'issuing-ca',
      set(EXT.basicConstraints, true, sequence(boolean(true), integer(3))),
    ],
    ['missing', 'event', drop(EXT.basicConstraints)],
  ],
  'key-usage': [
    ['trailing zero bits', 'event', set(EXT.keyUsage, true, Uint8Array.of(3, 2, 0, 0xc0))],
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
  'no-rev-avail-validity': [['for longer than a day', 'event', validity(seconds(0), seconds(90_000))]],
  'ocsp-no-check': [
    ['in a leaf', 'individual', set(EXT.ocspNoCheck, false, nullValue())],
    ['missing', 'ocsp-responder', drop(EXT.ocspNoCheck)],
    ['not NULL', 'ocsp-responder', set(EXT.ocspNoCheck, false, sequence())],
  ],
}
