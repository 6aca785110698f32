import test from 'ava'
import fc from 'fast-check'

import { parseSpki } from './algorithms/keys.ts'
import { getProfile } from './profiles.ts'
import { fillUrl, openTemplates, policyOid, subjectKeyIdentifierFor } from './template.ts'
import { openTestCore } from './testing/test-core.ts'
import { bitString, sequence } from './asn1/writer.ts'
import { parseCertificate } from './x509/certificate.ts'
import { parseDistributionPoints, subjectKeyIdentifierOf } from './x509/extensions.ts'
import { encodeName } from './x509/name.ts'
import { EXT } from './x509/oids.ts'

const { core, issuer } = await openTestCore()
const { spkiDer } = core.oneTimeKeys.generate(null, [])
const subjectKeyIdentifier = subjectKeyIdentifierFor(parseSpki(spkiDer).keyBits)

const second = (date: Date): Date => new Date(Math.floor(date.getTime() / 1000) * 1000)

test('what goes into a template comes out of the certificate', (t) => {
  const template = core.template(getProfile(core.profiles, 'individual'), issuer)
  const dates = fc.date({
    min: new Date('1951-01-01T00:00:00Z'),
    max: new Date('2300-01-01T00:00:00Z'),
    noInvalidDate: true,
  })
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 15, maxLength: 15 }),
      dates,
      dates,
      fc
        .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
        .filter((text) => /^[^\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]+$/u.test(text)),
      fc.nat(4000),
      (random, notBefore, notAfter, name, shard) => {
        const serial = Uint8Array.of(1, ...random)
        const subjectDer = encodeName([{ type: 'CN', value: [...name].slice(0, 60).join('') }])
        const fields = {
          serial,
          notBefore: second(notBefore),
          notAfter: second(notAfter),
          subjectDer,
          spkiDer,
          subjectKeyIdentifier,
          shard,
        }
        const tbs = template(fields)
        const certificate = parseCertificate(
          sequence(tbs, issuer.signatureAlgorithm.identifierDer, bitString(new Uint8Array(64))),
        )
        t.deepEqual(certificate.serial, serial)
        t.deepEqual(certificate.notBefore, fields.notBefore)
        t.deepEqual(certificate.notAfter, fields.notAfter)
        t.deepEqual(certificate.subject.raw, subjectDer)
        t.deepEqual(certificate.spkiDer, spkiDer)
        t.deepEqual(subjectKeyIdentifierOf(certificate), subjectKeyIdentifier)
        const [point] = parseDistributionPoints(
          certificate.extensions.get(EXT.crlDistributionPoints)?.value ?? new Uint8Array(),
        )
        const [url] = point?.fullName ?? []
        t.is(
          url?.kind === 'uniformResourceIdentifier' && url.text,
          `http://ca.test.invalid/crl/issuing/${shard}.crl`,
        )
      },
    ),
    { numRuns: 200 },
  )
})

test('a template is compiled once for a profile and an issuer', (t) => {
  const templates = openTemplates({ baseUrl: 'http://a.invalid', policyArc: '2.999' })
  const profile = getProfile(core.profiles, 'event')
  t.is(templates(profile, issuer), templates(profile, issuer))
  t.not(templates(profile, issuer), templates(getProfile(core.profiles, 'device'), issuer))
})

test('a profile with shards needs a shard', (t) => {
  const template = core.template(getProfile(core.profiles, 'individual'), issuer)
  const now = second(core.ports.now())
  t.throws(
    () =>
      template({
        serial: Uint8Array.of(1),
        notBefore: now,
        notAfter: now,
        subjectDer: sequence(),
        spkiDer,
        subjectKeyIdentifier,
        shard: null,
      }),
    { code: 'PROFILE_VIOLATION' },
  )
})

test('URLs and policy OIDs', (t) => {
  const place = { baseUrl: 'http://a.invalid', policyArc: '2.999.3' }
  t.is(fillUrl('{base}/crl/{issuerId}/{shard}.crl', place, 'i', 0), 'http://a.invalid/crl/i/0.crl')
  t.is(policyOid('2.999.3', '1.4'), '2.999.3.1.4')
  t.is(policyOid('2.999.3', 'any'), '2.5.29.32.0')
  t.is(subjectKeyIdentifierFor(new Uint8Array(1)).length, 20)
})
