import test from 'ava'

import { type Certificate } from '../../../ca/formats.ts'
import { oid, sequence, tlv } from '../../../ca/asn1/writer.ts'
import { encodeExtension } from '../../../ca/x509/encode-extensions.ts'
import { EXT } from '../../../ca/x509/oids.ts'
import { type Party, issue, makeKey } from '../../test/pki.ts'
import { MAX_PATH_CERTIFICATES, findPath } from './build.ts'
import { addPolicies, applyMappings, initialPolicyGraph, userConstrainedPolicies } from './policy-graph.ts'
import { ANY_PURPOSE } from './purpose.ts'

const at = new Date('2026-06-01T00:00:00Z')
const options = { at, purpose: ANY_PURPOSE }
const root = issue({ name: 'root', ca: true })
const anchors = [root.certificate]

const keysOf = (target: Certificate, pool: readonly Certificate[], trusted = anchors): string[] =>
  findPath({ target, pool, anchors: trusted }, options).issues.map(({ key }) => key)

test('a path is found among strangers', (t) => {
  const ca = issue({ name: 'CA', ca: true, issuer: root })
  const leaf = issue({ name: 'leaf', issuer: ca })
  const noise = Array.from({ length: 20 }, (_, i) => issue({ name: `noise ${i}` }).certificate)
  const { issues, path } = findPath(
    { target: leaf.certificate, pool: [...noise, ca.certificate], anchors },
    options,
  )
  t.deepEqual(issues, [])
  t.is(path.length, 3)
})

test('a CA of the same name and another key does not stand in the way of the right one', (t) => {
  const impostors = Array.from({ length: 10 }, () => issue({ name: 'CA', ca: true, issuer: root }))
  const ca = issue({ name: 'CA', ca: true, issuer: root })
  const leaf = issue({ name: 'leaf', issuer: ca })
  t.deepEqual(keysOf(leaf.certificate, [...impostors.map((p) => p.certificate), ca.certificate]), [])
})

test('cross-certificate loop: two CAs that certify each other lead nowhere and end', (t) => {
  const [keyA, keyB] = [makeKey(), makeKey()]
  const a = issue({ name: 'A', ca: true, key: keyA })
  const b = issue({ name: 'B', ca: true, key: keyB })
  const ab = issue({ name: 'A', ca: true, key: keyA, issuer: b })
  const ba = issue({ name: 'B', ca: true, key: keyB, issuer: a })
  const leaf = issue({ name: 'leaf', issuer: a })
  t.deepEqual(
    keysOf(
      leaf.certificate,
      [a, b, ab, ba].map((p) => p.certificate),
    ),
    ['PATH_NOT_FOUND'],
  )
})

test('death by a thousand paths: a full mesh of cross-certificates is given up with a reason', (t) => {
  const keys = Array.from({ length: 9 }, makeKey)
  const own = keys.map((key, i) => issue({ name: `M${i}`, ca: true, key }))
  const mesh: Certificate[] = []
  for (const [i, key] of keys.entries())
    for (const issuer of own) mesh.push(issue({ name: `M${i}`, ca: true, key, issuer }).certificate)
  const leaf = issue({ name: 'leaf', issuer: own[0] as Party })
  const found = keysOf(leaf.certificate, mesh)
  t.true(found.includes('PATH_WORK_LIMIT'))
})

test('a path longer than the cap is not followed', (t) => {
  let last: Party = root
  const pool: Certificate[] = []
  for (let i = 0; i < MAX_PATH_CERTIFICATES; i++) {
    last = issue({ name: `L${i}`, ca: true, issuer: last })
    pool.push(last.certificate)
  }
  t.deepEqual(keysOf(issue({ name: 'leaf', issuer: last }).certificate, pool), ['PATH_NOT_FOUND'])
})

test('a signature by another key under the same name is told apart from an unknown issuer', (t) => {
  const forger = { ...root, key: makeKey() }
  t.deepEqual(keysOf(issue({ name: 'leaf', issuer: forger }).certificate, []), ['PATH_SIGNATURE_INVALID'])
  // It names its own key: an issuer that happens to be called the same, and is not on the list.
  const namesake = issue({ name: 'root', ca: true })
  t.deepEqual(keysOf(issue({ name: 'leaf', issuer: namesake }).certificate, []), ['PATH_NOT_FOUND'])
  t.deepEqual(keysOf(issue({ name: 'leaf', issuer: issue({ name: 'else', ca: true }) }).certificate, []), [
    'PATH_NOT_FOUND',
  ])
})

test('a target that is itself on the trust list needs no issuer', (t) => {
  const self = issue({ name: 'self' })
  t.deepEqual(keysOf(self.certificate, [], [self.certificate]), [])
})

test('an unknown critical extension anywhere is refused', (t) => {
  const odd = encodeExtension('1.2.3.4.5', true, sequence())
  t.deepEqual(keysOf(issue({ name: 'leaf', issuer: root, extensions: [odd] }).certificate, []), [
    'CERT_CRITICAL_EXTENSION_UNKNOWN',
  ])
})

test('pathLenConstraint 0 forbids a CA below', (t) => {
  const ca = issue({ name: 'CA', ca: true, pathLength: 0, issuer: root })
  const below = issue({ name: 'below', ca: true, issuer: ca })
  const leaf = issue({ name: 'leaf', issuer: below })
  t.deepEqual(keysOf(leaf.certificate, [ca.certificate, below.certificate]), ['PATH_LENGTH'])
})

const dnsConstraint = (base: string): Uint8Array =>
  encodeExtension(
    EXT.nameConstraints,
    true,
    sequence(tlv(0xa0, sequence(tlv(0x82, new TextEncoder().encode(base))))),
  )
const dnsName = (name: string): Uint8Array =>
  encodeExtension(EXT.subjectAltName, false, sequence(tlv(0x82, new TextEncoder().encode(name))))

test('name constraints hold for what lies below, and a malformed name does not slip through', (t) => {
  const ca = issue({ name: 'CA', ca: true, issuer: root, extensions: [dnsConstraint('example.test')] })
  const verdict = (name: string): string[] =>
    keysOf(issue({ name: 'leaf', issuer: ca, extensions: [dnsName(name)] }).certificate, [ca.certificate])
  t.deepEqual(verdict('a.example.test'), [])
  t.deepEqual(verdict('example.test'), [])
  for (const name of [
    'notexample.test',
    'example.test.evil',
    'example.test\u0000.evil',
    ' example.test',
    '.example.test',
  ])
    t.deepEqual(verdict(name), ['PATH_NAME_CONSTRAINTS'], name)
})

test('policy mappings cannot multiply the graph (RFC 9618)', (t) => {
  const graph = initialPolicyGraph()
  const policies = Array.from({ length: 30 }, (_, i) => `1.2.3.${i}`)
  const mappings = policies.flatMap((issuerDomainPolicy) =>
    policies.map((subjectDomainPolicy) => ({ issuerDomainPolicy, subjectDomainPolicy })),
  )
  for (let depth = 0; depth < 12; depth++) {
    addPolicies(graph, policies, true)
    applyMappings(graph, mappings, true)
  }
  t.is(graph.levels.length, 13)
  t.true(graph.levels.every((level) => level.size <= 31))
  t.is(userConstrainedPolicies(graph, new Set(['1.2.3.7'])).size, 1)
})

test('a required policy that the path lacks is PATH_POLICY', (t) => {
  const policies = encodeExtension(EXT.certificatePolicies, false, sequence(sequence(oid('1.2.3.4'))))
  const leaf = issue({ name: 'leaf', issuer: root, extensions: [policies] })
  const keys = (wanted: string): string[] =>
    findPath(
      { target: leaf.certificate, pool: [], anchors },
      { ...options, initialPolicies: new Set([wanted]), requireExplicitPolicy: true },
    ).issues.map(({ key }) => key)
  t.deepEqual(keys('1.2.3.4'), [])
  t.deepEqual(keys('1.2.3.5'), ['PATH_POLICY'])
})
