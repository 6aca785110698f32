import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { requireTool, run } from '../src/test/judges.ts'
import { decodeBase64 } from './asn1/octets.ts'
import { compareBytes } from './asn1/writer.ts'
import { type CaConfig, type CaMaterial, evaluationCeremony, holdCeremony, openCa } from './index.ts'
import type { Actor, Ca, CaPorts } from './ports.ts'
import { isRotationDue, type Rotation } from './rotate.ts'
import { type MemoryStore, openMemoryStore } from './testing/memory-store.ts'
import { encodeOcspRequest } from './testing/ocsp-request.ts'
import { encodePem } from './testing/pem.ts'
import { type Certificate, parseCertificate } from './x509/certificate.ts'
import { parseOcspResponse } from './x509/ocsp.ts'
import { encodeTimeStampRequest } from './x509/tsp-writer.ts'

const ACTOR: Actor = { actor: 'system', tenant: null }
const DAY = 24 * 3600_000

interface Bed {
  readonly folder: string
  readonly store: MemoryStore
  readonly ports: CaPorts
  readonly config: CaConfig
  pass(milliseconds: number): void
  due(material: CaMaterial): Promise<Rotation>
  all(material: CaMaterial): Promise<Rotation>
  open(material: CaMaterial): Promise<Ca>
}

async function bed(
  t: ExecutionContext,
  change: (file: CeremonyFile) => void = () => undefined,
): Promise<Bed> {
  const folder = await mkdtemp(join(tmpdir(), 'rotate-test-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const file = JSON.parse(new TextDecoder().decode(await evaluationCeremony())) as CeremonyFile
  change(file)
  let clock = new Date('2026-05-04T03:02:01.500Z')
  const store = openMemoryStore()
  const ports = {
    store,
    now: () => clock,
    randomBytes: (count: number) => new Uint8Array(randomBytes(count)),
  }
  const places = {
    keysFolder: join(folder, 'keys'),
    passphrase: 'TEST ONLY passphrase',
    scryptCost: { n: 1024, r: 8, p: 1 },
  }
  const ceremony = new TextEncoder().encode(JSON.stringify(file))
  const material = await holdCeremony({ ...places, ceremony, actor: ACTOR }, ports)
  const rotateAs =
    (force: boolean) =>
    async (one: CaMaterial): Promise<Rotation> => {
      const ca = await openCa({ ...places, material: one }, ports)
      let saved = one
      const outcome = await ca.rotate({ actor: ACTOR, force }, (next) => {
        saved = next
        return Promise.resolve()
      })
      await ca.close()
      return { material: saved, ...outcome }
    }
  return {
    folder,
    store,
    ports,
    config: { ...places, material },
    pass: (milliseconds) => void (clock = new Date(clock.getTime() + milliseconds)),
    due: rotateAs(false),
    all: rotateAs(true),
    open: (one) => openCa({ ...places, material: one }, ports),
  }
}

interface CeremonyFile {
  issuing: { validitySeconds?: number; ocsp: { validitySeconds?: number; keyAlgorithm: string } }[]
  tsa: { validitySeconds?: number; keyAlgorithm: string }
}

const certificateOf = ({ certificate }: { readonly certificate: string }): Certificate =>
  parseCertificate(decodeBase64(certificate))

const responderOf = (material: CaMaterial): CaMaterial['tsa'] => {
  const [one] = material.ocsp
  if (!one) throw new Error('no responder')
  return one
}

const issuersOf = (ca: Ca): { readonly root: Uint8Array; readonly issuing: Uint8Array } => {
  const of = (role: string): Uint8Array =>
    ca.issuers.find((issuer) => issuer.role === role)?.certDer ?? new Uint8Array(0)
  return { root: of('root'), issuing: of('issuing') }
}

const keyFiles = async (at: Bed): Promise<string[]> =>
  (await readdir(at.config.keysFolder)).filter((name) => name.endsWith('.pem'))

test('nothing is rotated while the certificates are fresh', async (t) => {
  const at = await bed(t)
  const { material } = at.config
  const [records, keys] = [at.store.records.length, (await keyFiles(at)).length]
  at.pass(119 * DAY)
  t.deepEqual(await at.due(material), { material, rotated: [], failed: [] })
  t.is(at.store.records.length, records)
  t.is((await keyFiles(at)).length, keys)
})

test('a responder in the last third of its life gets a new key under the same name, profile and length of life', async (t) => {
  const at = await bed(t)
  const { material } = at.config
  at.pass(121 * DAY)
  const { material: next, rotated, failed } = await at.due(material)
  const [old, made] = [certificateOf(responderOf(material)), certificateOf(responderOf(next))]
  t.deepEqual(failed, [])
  t.deepEqual(rotated, [
    {
      name: 'ocsp-issuing-1',
      oldSerialHex: old.serialHex,
      newSerialHex: made.serialHex,
      notAfter: made.notAfter,
    },
  ])
  t.deepEqual({ ...next, ocsp: material.ocsp }, material, 'nothing else changes')
  t.is(compareBytes(made.subject.raw, old.subject.raw), 0)
  t.not(compareBytes(made.spkiDer, old.spkiDer), 0)
  t.is(
    made.notAfter.getTime() - made.notBefore.getTime(),
    old.notAfter.getTime() - old.notBefore.getTime(),
    'same length of life',
  )
  t.deepEqual([...made.extensions.keys()], [...old.extensions.keys()])
  t.deepEqual(await at.due(next), { material: next, rotated: [], failed: [] }, 'and then it is fresh')
  const ca = await at.open(next)
  t.is(compareBytes(ca.services.ocspDer[0] ?? new Uint8Array(0), made.raw), 0)
})

test('rotation is recorded: key, intent, certificate, then old and new serial', async (t) => {
  const at = await bed(t)
  const { material } = at.config
  const before = at.store.records.length
  const { material: next } = await at.all(material)
  const records = at.store.records.slice(before)
  t.deepEqual(
    records.map(({ type }) => type),
    [
      ...['key.created', 'certificate.intent', 'certificate.issued', 'ocsp.responder_rotated'],
      ...['key.created', 'certificate.intent', 'certificate.issued', 'tsa.rotated'],
    ],
  )
  const [ocsp, tsa] = records.filter(({ type }) => type.endsWith('rotated'))
  t.deepEqual(ocsp?.data, {
    service: 'ocsp-issuing-1',
    issuerId: 'issuing-1',
    oldSerialHex: certificateOf(responderOf(material)).serialHex,
    newSerialHex: certificateOf(responderOf(next)).serialHex,
    oldKeyId: responderOf(material).keyId,
    newKeyId: responderOf(next).keyId,
  })
  t.is(tsa?.data['newSerialHex'], certificateOf(next.tsa).serialHex)
  t.is(tsa?.actor, 'system')
})

test('with force everything is rotated and works; the old material works as well, as after a crash before it was saved', async (t) => {
  const at = await bed(t, (file) => {
    file.tsa.keyAlgorithm = 'P-384'
  })
  const { material } = at.config
  const { material: next, rotated } = await at.all(material)
  t.deepEqual(
    rotated.map(({ name }) => name),
    ['ocsp-issuing-1', 'tsa'],
  )
  t.not(next.tsa.keyId, material.tsa.keyId)
  t.is(certificateOf(next.tsa).spkiDer.length, certificateOf(material.tsa).spkiDer.length, 'same algorithm')
  for (const one of [material, next]) {
    const ca = await at.open(one)
    const issuer = parseCertificate(ca.issuers[1]?.certDer ?? new Uint8Array(0))
    const { der } = await ca.ocsp(encodeOcspRequest(issuer, certificateOf(one.tsa).serialHex, 'SHA-256'))
    t.is(parseOcspResponse(der).basic?.responses[0]?.status.kind, 'good')
    await ca.close()
  }
})

test('a crash after the certificate and before the material is saved: the next start rotates again', async (t) => {
  const at = await bed(t)
  const { material } = at.config
  at.pass(121 * DAY)
  const lost = await at.due(material)
  const again = await at.due(material)
  t.not(again.rotated[0]?.newSerialHex, lost.rotated[0]?.newSerialHex)
  t.is(again.rotated[0]?.oldSerialHex, lost.rotated[0]?.oldSerialHex)
  await (await at.open(again.material)).close()
})

for (const method of ['recordIntents', 'recordIssued'] as const)
  for (const fault of ['fail', 'fail-but-persisted'] as const)
    test(`a store whose ${method} will ${fault} leaves the old certificate in place and no idle key`, async (t) => {
      const at = await bed(t)
      const { material } = at.config
      const keys = (await keyFiles(at)).length
      at.pass(121 * DAY)
      at.store.failNext(method, fault)
      const { material: same, rotated, failed } = await at.due(material)
      t.deepEqual(same, material)
      t.deepEqual(rotated, [])
      t.deepEqual(
        failed.map(({ name, error }) => [name, error.code]),
        [['ocsp-issuing-1', 'STORE_UNAVAILABLE']],
      )
      t.is((await keyFiles(at)).length, keys)
      t.is((await at.due(material)).rotated.length, 1, 'and the next start rotates')
    })

test('one service that cannot be rotated does not keep the others from it', async (t) => {
  const at = await bed(t)
  const { material } = at.config
  at.store.failNext('recordIntents', 'fail')
  const { material: next, rotated, failed } = await at.all(material)
  t.deepEqual(
    [failed.map(({ name }) => name), rotated.map(({ name }) => name)],
    [['ocsp-issuing-1'], ['tsa']],
  )
  t.is(responderOf(next).keyId, responderOf(material).keyId)
  await (await at.open(next)).close()
})

test('a responder never outlives its issuer, and is left alone when nothing is won', async (t) => {
  const at = await bed(t, (file) => {
    const [entry] = file.issuing
    if (entry) entry.validitySeconds = 3 * 366 * 86_400
    file.tsa.validitySeconds = 366 * 86_400
  })
  const { material } = at.config
  const [, issuing] = material.issuers
  if (!issuing) return t.fail('no issuing CA')
  const { notAfter } = certificateOf(issuing)
  at.pass(notAfter.getTime() - at.ports.now().getTime() - 30 * DAY)
  const { material: next, failed } = await at.all(material)
  t.deepEqual(
    failed.map(({ name }) => name),
    [],
  )
  const responder = certificateOf(responderOf(next))
  t.true(responder.notAfter <= notAfter)
  t.true(notAfter.getTime() - responder.notAfter.getTime() < 3600_000, 'it lasts as long as the issuer')
  at.pass(25 * DAY)
  t.deepEqual((await at.due(next)).rotated, [])
  t.true(
    isRotationDue(responder, { ...responder, notAfter: new Date(notAfter.getTime() + DAY) }, at.ports.now()),
  )
})

test('check 36: a CA that stands open renews in time: new answers and tokens use the new keys, earlier ones stay valid', async (t) => {
  if (!requireTool(t, 'openssl')) return
  const at = await bed(t)
  const ca = await at.open(at.config.material)
  const { root, issuing } = issuersOf(ca)
  const file = (name: string): string => join(at.folder, name)
  await writeFile(file('root.pem'), encodePem('CERTIFICATE', root))
  await writeFile(file('ca.pem'), encodePem('CERTIFICATE', issuing))
  const { serialHex } = certificateOf(responderOf(at.config.material))
  const request = encodeOcspRequest(parseCertificate(issuing), serialHex, 'SHA-1')
  const stamp = () =>
    ca.timestamp(
      encodeTimeStampRequest({ hash: 'SHA-256', digest: new Uint8Array(32).fill(7), certReq: true }),
    )
  const signerOf = async (): Promise<string> => {
    const { der } = await ca.ocsp(request)
    const [certificate] = parseOcspResponse(der).basic?.certificates ?? []
    return certificate ? parseCertificate(certificate).serialHex : ''
  }
  const oldAnswer = await ca.ocsp(request)
  const oldToken = await stamp()
  const oldSigner = await signerOf()
  // Below a second past two thirds of 180 days: due, and what was signed is still within its time.
  at.pass(121 * DAY)
  const saved: CaMaterial[] = []
  let isServedBeforeSaved = false
  const { rotated, failed } = await ca.rotate({ actor: ACTOR, force: true }, async (next) => {
    isServedBeforeSaved = (await signerOf()) !== oldSigner
    saved.push(next)
  })
  t.deepEqual([failed, rotated.length, saved.length, isServedBeforeSaved], [[], 2, 1, false])
  at.pass(24 * 3600_000)
  t.is(await signerOf(), rotated.find(({ name }) => name.startsWith('ocsp-'))?.newSerialHex ?? 'none')
  const newToken = await stamp()
  await writeFile(file('new.ocsp'), (await ca.ocsp(request)).der)
  await writeFile(file('old.ocsp'), oldAnswer.der)
  await writeFile(file('old.tsr'), oldToken)
  await writeFile(file('new.tsr'), newToken)
  const epoch = (days: number): string => String(Math.floor((at.ports.now().getTime() + days * DAY) / 1000))
  for (const [name, days] of [
    ['old', -122],
    ['new', 0],
  ] as const) {
    // prettier-ignore
    const judged = await run('openssl', [
      ...['ocsp', '-respin', file(`${name}.ocsp`), '-issuer', file('ca.pem'), '-serial', `0x${serialHex}`],
      ...['-CAfile', file('root.pem'), '-verify_other', file('ca.pem'), '-no_nonce'],
      ...['-attime', epoch(days), '-validity_period', '999999999'],
    ])
    t.regex(judged.stdout + judged.stderr, /Response verify OK/, name)
  }
  // Both tokens verify today, long after the TSA changed its key.
  for (const name of ['old', 'new']) {
    const judged = await run('openssl', [
      ...['ts', '-verify', '-digest', '07'.repeat(32), '-in', file(`${name}.tsr`), '-attime', epoch(0)],
      ...['-CAfile', file('root.pem'), '-untrusted', file('ca.pem')],
    ])
    t.regex(judged.stdout + judged.stderr, /Verification: OK/, name)
  }
  t.false(await ca.adopt(saved[0] ?? at.config.material))
  await ca.close()
})

test('openssl ocsp verifies the answer of the new responder, and still that of the old one', async (t) => {
  if (!requireTool(t, 'openssl')) return
  const at = await bed(t)
  const { material } = at.config
  const name = (file: string): string => join(at.folder, file)
  const old = await at.open(material)
  const [root, issuing] = old.issuers
  if (!root || !issuing) return t.fail('no issuers')
  await writeFile(name('root.pem'), encodePem('CERTIFICATE', root.certDer))
  await writeFile(name('ca.pem'), encodePem('CERTIFICATE', issuing.certDer))
  await writeFile(name('leaf.pem'), encodePem('CERTIFICATE', certificateOf(material.tsa).raw))
  const made = await run('openssl', [
    ...['ocsp', '-issuer', name('ca.pem'), '-cert', name('leaf.pem')],
    ...['-no_nonce', '-reqout', name('request.der')],
  ])
  t.is(made.status, 0, made.stderr)
  const request = new Uint8Array(await readFile(name('request.der')))
  const judge = async (der: Uint8Array): Promise<string> => {
    await writeFile(name('response.der'), der)
    const seen = await run('openssl', [
      ...['ocsp', '-text', '-reqin', name('request.der'), '-respin', name('response.der')],
      ...['-CAfile', name('root.pem'), '-verify_other', name('ca.pem')],
      ...['-attime', String(Math.floor(at.ports.now().getTime() / 1000) + 5)],
      ...['-validity_period', String(10 * 365 * 86_400)],
    ])
    return seen.stdout + seen.stderr
  }
  at.pass(121 * DAY)
  const before = (await old.ocsp(request)).der
  await old.close()
  const rotated = await at.due(material)
  const next = await at.open(rotated.material)
  const after = (await next.ocsp(request)).der
  const signers = [before, after].map((der) => parseOcspResponse(der).basic?.certificates[0] ?? der)
  t.deepEqual(
    signers.map((der) => parseCertificate(der).serialHex),
    [rotated.rotated[0]?.oldSerialHex, rotated.rotated[0]?.newSerialHex],
  )
  for (const der of [before, after]) {
    const seen = await judge(der)
    t.regex(seen, /Response verify OK/, seen)
    t.regex(seen, /Cert Status: good/)
  }
  await next.close()
})
