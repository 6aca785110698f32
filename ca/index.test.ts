import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import test from 'ava'

import { CodedError } from './errors.ts'
import {
  type CaMaterial,
  type CeremonyRequest,
  acceptIssuingCas,
  certifyIssuingCas,
  evaluationCeremony,
  holdCeremony,
  openCa,
  parseMaterial,
  requestIssuingCas,
} from './index.ts'
import type { Ca, CaPorts } from './ports.ts'
import { type MemoryStore, openMemoryStore } from './testing/memory-store.ts'
import { parseCertificate } from './x509/certificate.ts'
import { parseCsr } from './x509/csr.ts'

const policies = join(import.meta.dirname, '../policies')
const ACTOR = { actor: 'operator:test', tenant: null }
const BUSINESS = { actor: 'apikey:b', tenant: 't1' }

interface Place {
  readonly folder: string
  readonly store: MemoryStore
  readonly ports: CaPorts
  readonly request: CeremonyRequest
  clock: Date
}

async function place(change: (file: Record<string, unknown>) => void = () => undefined): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'ca-test-'))
  const file = JSON.parse(new TextDecoder().decode(await evaluationCeremony())) as Record<string, unknown>
  change(file)
  const store = openMemoryStore()
  const made: Place = {
    folder,
    store,
    clock: new Date('2026-05-04T03:02:01.500Z'),
    ports: { store, now: () => made.clock, randomBytes: (count) => new Uint8Array(randomBytes(count)) },
    request: {
      ceremony: new TextEncoder().encode(JSON.stringify(file)),
      keysFolder: join(folder, 'keys'),
      passphrase: 'TEST ONLY passphrase',
      policiesFolder: policies,
      scryptCost: { n: 1024, r: 8, p: 1 },
      actor: ACTOR,
    },
  }
  return made
}

const open = (at: Place, material: CaMaterial): Promise<Ca> => openCa({ ...at.request, material }, at.ports)

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => {
      if (error instanceof CodedError) return error.code
      throw error
    },
  )

const subject = [
  { type: 'C', value: 'CN' },
  { type: 'CN', value: 'TEST ONLY' },
]

test('a ceremony makes a CA that issues, revokes and signs notes', async (t) => {
  const at = await place()
  const material = await holdCeremony(at.request, at.ports)
  const ca = await open(at, parseMaterial(JSON.stringify(material)))
  t.deepEqual(
    ca.issuers.map(({ issuerId, role, canSign }) => [issuerId, role, canSign]),
    [
      ['root', 'root', true],
      ['issuing-1', 'issuing', true],
    ],
  )
  const key = await ca.keys.generate('P-256', BUSINESS)
  const token = await ca.prepare({
    ...BUSINESS,
    profile: 'individual',
    subject,
    key: { keyId: key.keyId },
    identityEvidenceId: 'e',
  })
  const one = await ca.issue(token)
  t.is(one.chainDer.length, 2)
  const status = await ca.revoke({
    ...BUSINESS,
    issuerId: one.issuerId,
    serialHex: one.serialHex,
    reason: 'superseded',
    legalGround: 'holder-request',
  })
  t.is(status.state, 'revoked')
  t.is((await ca.signNote(new Uint8Array(5))).length, 64)
  t.is(ca.logPublicKey.length, 32)
  t.is(ca.profiles.length, 8)
  const records = at.store.records.map((record) => record.type)
  t.is(records.filter((type) => type === 'key.created').length, 6)
  t.is(records.filter((type) => type === 'certificate.issued').length, 5)
  t.true(records.includes('ceremony.done'))
  for (const { certificate } of [...material.issuers, ...material.ocsp, material.tsa])
    t.regex(Buffer.from(certificate, 'base64').toString('utf8'), /评估用/, 'evaluation certificates say so')
  t.notRegex(JSON.stringify(at.store.records), /passphrase/)
  await ca.close()
  await rm(at.folder, { recursive: true })
})

test('what is for ceremonies is not issued through the door', async (t) => {
  const at = await place()
  const ca = await open(at, await holdCeremony(at.request, at.ports))
  const key = await ca.keys.generate('P-256', BUSINESS)
  for (const profile of ['root', 'issuing-ca', 'ocsp-responder', 'tsa']) {
    const asked = { ...BUSINESS, profile, subject, key: { keyId: key.keyId }, identityEvidenceId: null }
    t.is(await codeOf(ca.prepare(asked)), 'PROFILE_VIOLATION', profile)
    t.like(await ca.prepareMany([asked]), [{ code: 'PROFILE_VIOLATION' }], profile)
  }
  await rm(at.folder, { recursive: true })
})

test('the keys of the institution are not reached through the door, nor those of another business', async (t) => {
  const at = await place()
  const material = await holdCeremony(at.request, at.ports)
  const ca = await open(at, material)
  for (const keyId of [
    material.logKeyId,
    material.tsa.keyId,
    material.issuers[1]?.keyId ?? '',
    '../../etc/passwd',
    '',
  ]) {
    t.is(await codeOf(ca.keys.csr(keyId, subject)), 'KEY_NOT_FOUND', keyId)
    t.is(await codeOf(ca.keys.destroy(keyId, ACTOR)), 'KEY_NOT_FOUND', keyId)
  }
  const key = await ca.keys.generate('Ed25519', BUSINESS)
  const other = { actor: 'apikey:c', tenant: 't2' }
  t.is(await codeOf(ca.keys.csr(key.keyId, subject, other)), 'KEY_NOT_FOUND')
  t.is(await codeOf(ca.keys.destroy(key.keyId, other)), 'KEY_NOT_FOUND')
  t.is(parseCsr(await ca.keys.csr(key.keyId, subject, BUSINESS)).key.kind, 'ed25519')
  await ca.keys.destroy(key.keyId, BUSINESS)
  t.is(await codeOf(ca.keys.csr(key.keyId, subject, BUSINESS)), 'KEY_DESTROYED')
  t.is(at.store.records.at(-1)?.type, 'key.destroyed')
  await rm(at.folder, { recursive: true })
})

test('offline root: requests out, certificates back, and the root key never here', async (t) => {
  const here = await place((file) => Object.assign(file['root'] as object, { offline: true }))
  const elsewhere = await place((file) => Object.assign(file['root'] as object, { offline: true }))
  t.is(await codeOf(holdCeremony(here.request, here.ports)), 'CEREMONY_INVALID')
  const pending = await requestIssuingCas(here.request, here.ports)
  const result = await certifyIssuingCas(
    elsewhere.request,
    JSON.parse(JSON.stringify(pending)) as typeof pending,
    elsewhere.ports,
  )
  const material = await acceptIssuingCas(here.request, pending, result, here.ports)
  const ca = await open(here, material)
  t.deepEqual(
    ca.issuers.map(({ canSign }) => canSign),
    [false, true],
  )
  t.is(await codeOf(ca.crl({ issuerId: 'root', shard: null })), 'KEY_UNAVAILABLE')
  const files = (await readdir(here.request.keysFolder)).length
  t.is(files, 4, 'issuing, OCSP, TSA and log')
  for (const at of [here, elsewhere]) await rm(at.folder, { recursive: true })
})

test('offline root: a certificate that was not asked for is refused', async (t) => {
  const offline = (file: Record<string, unknown>): unknown =>
    Object.assign(file['root'] as object, { offline: true })
  const here = await place(offline)
  const pending = await requestIssuingCas(here.request, here.ports)
  const elsewhere = await place(offline)
  const result = await certifyIssuingCas(elsewhere.request, pending, elsewhere.ports)
  const second = await requestIssuingCas(here.request, here.ports)
  const bent = result.issuingDer.map((der) => der.with(-1, (der.at(-1) ?? 0) ^ 1))
  t.is(
    await codeOf(acceptIssuingCas(here.request, second, result, here.ports)),
    'CEREMONY_INVALID',
    'another key',
  )
  t.is(
    await codeOf(acceptIssuingCas(here.request, pending, { ...result, issuingDer: bent }, here.ports)),
    'CEREMONY_INVALID',
    'broken signature',
  )
  t.is(
    await codeOf(acceptIssuingCas(here.request, pending, { ...result, issuingDer: [] }, here.ports)),
    'CEREMONY_INVALID',
    'missing',
  )
  t.is(
    await codeOf(
      acceptIssuingCas(here.request, pending, { ...result, issuingDer: [result.rootDer] }, here.ports),
    ),
    'CEREMONY_INVALID',
    'the root itself',
  )
  const other = await place((file) => {
    offline(file)
    file['organisation'] = 'TEST ONLY other'
  })
  t.is(
    await codeOf(acceptIssuingCas(other.request, pending, result, here.ports)),
    'CEREMONY_INVALID',
    'another ceremony file',
  )
  for (const at of [here, elsewhere, other]) await rm(at.folder, { recursive: true })
})

test('ceremony files that do not fit are refused before a key is made', async (t) => {
  const breaks: ((file: Record<string, unknown>) => void)[] = [
    (file) => delete file['tsa'],
    (file) => (file['instanceByte'] = 128),
    (file) => (file['policyArc'] = '2.999.x'),
    (file) => (file['baseUrl'] = 'javascript:alert(1)'),
    (file) => (file['unknown'] = 1),
    (file) => Object.assign(file['tsa'] as object, { issuerId: 'nobody' }),
    (file) => Object.assign(file['root'] as object, { issuerId: 'issuing-1' }),
    (file) => Object.assign(file['root'] as object, { keyAlgorithm: 'RSA-1024' }),
  ]
  for (const change of breaks) {
    const at = await place(change)
    t.is(await codeOf(holdCeremony(at.request, at.ports)), 'CEREMONY_INVALID', String(change))
    t.deepEqual(await readdir(at.request.keysFolder).catch(() => []), [])
    await rm(at.folder, { recursive: true })
  }
})

test('check 11: the CA does not open with a wrong passphrase', async (t) => {
  const at = await place()
  const material = await holdCeremony(at.request, at.ports)
  t.is(
    await codeOf(openCa({ ...at.request, passphrase: 'another one', material }, at.ports)),
    'KEY_UNAVAILABLE',
  )
  t.is(await codeOf(openCa({ ...at.request, passphrase: '', material }, at.ports)), 'KEY_UNAVAILABLE')
  await rm(at.folder, { recursive: true })
})

test('check 11: the CA does not open when certificate and key do not belong together', async (t) => {
  const at = await place()
  const material = await holdCeremony(at.request, at.ports)
  const [root, issuing] = material.issuers
  if (!root || !issuing) return t.fail()
  const [ocsp] = material.ocsp
  const mixed: [string, CaMaterial][] = [
    ['keys swapped', { ...material, issuers: [root, { ...issuing, keyId: material.tsa.keyId }] }],
    ['no such key', { ...material, issuers: [root, { ...issuing, keyId: 'key-none' }] }],
    ['log key is not Ed25519', { ...material, logKeyId: material.tsa.keyId }],
    ['no root', { ...material, issuers: [issuing] }],
    ['an issuer twice', { ...material, issuers: [root, issuing, issuing] }],
    ['TSA of another issuer', { ...material, tsa: { ...material.tsa, issuerId: 'root' } }],
    ['no OCSP issuer', { ...material, ocsp: ocsp ? [{ ...ocsp, issuerId: 'nobody' }] : [] }],
  ]
  for (const [what, wrong] of mixed)
    t.regex(await codeOf(open(at, wrong)), /^(CEREMONY_INVALID|KEY_NOT_FOUND)$/, what)
  await rm(at.folder, { recursive: true })
})

test('check 11: the CA does not open with a profile that nobody signs, or that does not fit its schema', async (t) => {
  const at = await place()
  const material = await holdCeremony(at.request, at.ports)
  const folder = join(at.folder, 'policies')
  await cp(policies, folder, { recursive: true })
  const config = { ...at.request, policiesFolder: folder, material }
  t.is(await codeOf(openCa(config, at.ports)), 'done')
  const [root] = material.issuers
  t.is(
    await codeOf(
      openCa({ ...config, material: { ...material, issuers: root ? [root] : [], ocsp: [] } }, at.ports),
    ),
    'CEREMONY_INVALID',
  )
  const file = join(folder, 'profiles/event.json')
  const text = await readFile(file, 'utf8')
  for (const wrong of [
    text.replace('"maxSeconds"', '"mostSeconds"'),
    text.replace('"critical": true', '"critical": "yes"'),
    '{',
    text.replace('"name": "event"', '"name": "other"'),
  ]) {
    await writeFile(file, wrong)
    t.is(await codeOf(openCa(config, at.ports)), 'PROFILE_VIOLATION')
  }
  await rm(at.folder, { recursive: true })
})

test('check 21: the CA does not open, and stops issuing, when the clock went back', async (t) => {
  const at = await place()
  const material = await holdCeremony(at.request, at.ports)
  const last = at.clock
  at.clock = new Date(last.getTime() - 60_000)
  t.is(await codeOf(open(at, material)), 'CLOCK_WENT_BACK')
  at.clock = last
  const ca = await open(at, material)
  const key = await ca.keys.generate('P-256', BUSINESS)
  const asked = { ...BUSINESS, profile: 'event', subject, key: { keyId: key.keyId }, identityEvidenceId: 'e' }
  const token = await ca.prepare(asked)
  at.clock = new Date(last.getTime() - 5_000)
  t.is(await codeOf(ca.prepare(asked)), 'CLOCK_WENT_BACK')
  t.is(await codeOf(ca.issue(token)), 'CLOCK_WENT_BACK')
  at.clock = new Date(last.getTime() - 500)
  t.is(await codeOf(ca.prepare(asked)), 'done', 'a disciplined clock may step half a second')
  await rm(at.folder, { recursive: true })
})

test('material that does not fit is refused', async (t) => {
  const at = await place()
  const material = await holdCeremony(at.request, at.ports)
  const breaks = [
    '{',
    'null',
    '[]',
    '{}',
    JSON.stringify({ ...material, version: 2 }),
    JSON.stringify({ ...material, issuers: [] }),
    JSON.stringify({ ...material, instanceByte: 0 }),
    JSON.stringify({ ...material, tsa: null }),
    JSON.stringify({ ...material, baseUrl: '' }),
  ]
  for (const json of breaks)
    t.throws(
      () => parseMaterial(json),
      { instanceOf: CodedError, code: 'CEREMONY_INVALID' },
      json.slice(0, 30),
    )
  t.deepEqual(parseMaterial(JSON.stringify(material)), material)
  t.is(parseCertificate(new Uint8Array(Buffer.from(material.tsa.certificate, 'base64'))).version, 3)
  await rm(at.folder, { recursive: true })
})
