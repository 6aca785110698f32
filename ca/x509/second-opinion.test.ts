// Every kind of certificate and request that we make, read and verified by software that nobody here wrote.
import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import test from 'ava'
import forge from 'node-forge'

import { requireTool, run } from '../../src/test/judges.ts'
import { KEY_ALGORITHMS, type KeyAlgorithmName, getKeyAlgorithm } from '../algorithms/key-algorithms.ts'
import { type LoadedCeremony, parseCeremony } from '../ceremony-file.ts'
import { runCeremony } from '../ceremony.ts'
import type { Core } from '../core.ts'
import { CodedError, isCoded } from '../errors.ts'
import { issue } from '../issue.ts'
import { openOneTimeKeys } from '../keys/one-time.ts'
import { openThrowAwaySignatures } from '../keys/throw-away.ts'
import { decodeBase64 } from '../asn1/octets.ts'
import { openIssuer } from '../material.ts'
import { prepare } from '../prepare.ts'
import { loadProfiles } from '../profiles.ts'
import { openTemplates } from '../template.ts'
import { openMemoryKeys } from '../testing/memory-keys.ts'
import { openMemoryStore } from '../testing/memory-store.ts'
import { buildCsrInfo, encodeCsr } from './csr.ts'
import { encodeName } from './name.ts'
import { isCertificateSignedBy, isRequestProven, readCertificate, verifyEngine } from './pkijs.ts'
import { workHere } from '../work.ts'

const policies = join(import.meta.dirname, '../../policies')
const now = (): Date => new Date('2026-05-04T03:02:01Z')
const profiles = loadProfiles(join(policies, 'profiles'), join(policies, 'schema/profile.schema.json'))

const fileFor = (algorithm: KeyAlgorithmName): LoadedCeremony =>
  parseCeremony(
    new TextEncoder().encode(
      JSON.stringify({
        name: 'test',
        organisation: 'TEST ONLY 测试',
        country: 'CN',
        baseUrl: 'http://ca.test.invalid',
        policyArc: '2.999.7',
        instanceByte: 5,
        root: { issuerId: 'root', commonName: 'TEST ONLY root', keyAlgorithm: algorithm },
        issuing: [
          {
            issuerId: 'issuing-1',
            commonName: 'TEST ONLY issuing 运营',
            keyAlgorithm: algorithm,
            shards: 8,
            ocsp: { commonName: 'TEST ONLY OCSP', keyAlgorithm: 'P-256' },
          },
        ],
        tsa: { issuerId: 'issuing-1', commonName: 'TEST ONLY TSA', keyAlgorithm: 'RSA-2048' },
      }),
    ),
    join(policies, 'schema/ceremony.schema.json'),
  )

interface Made {
  readonly root: Uint8Array
  readonly issuing: Uint8Array
  readonly leaves: ReadonlyMap<string, Uint8Array>
  readonly requests: readonly Uint8Array[]
}

async function make(algorithm: KeyAlgorithmName): Promise<Made> {
  const keys = openMemoryKeys(now)
  const ports = {
    store: openMemoryStore(),
    now,
    randomBytes: (n: number) => crypto.getRandomValues(new Uint8Array(n)),
  }
  const file = fileFor(algorithm)
  const material = await runCeremony(
    { ports, keys, profiles, actor: { actor: 'system', tenant: null } },
    file,
  )
  const [rootMaterial, issuingMaterial] = material.issuers
  if (!rootMaterial || !issuingMaterial) throw new Error('no issuers')
  const root = openIssuer(rootMaterial, [])
  const issuing = openIssuer(issuingMaterial, [root])
  const core: Core = {
    ports,
    keys,
    oneTimeKeys: openOneTimeKeys(now),
    throwAway: await openThrowAwaySignatures([getKeyAlgorithm(algorithm)]),
    work: workHere,
    issuers: new Map([root, issuing].map((one) => [one.issuerId, one])),
    profiles,
    template: openTemplates(file),
    ...file,
    ocsp: [],
    tsa: undefined as unknown as Core['tsa'],
    logKeyId: material.logKeyId,
  }
  const leaves = new Map<string, Uint8Array>([
    ['ocsp', decodeBase64(material.ocsp[0]?.certificate ?? '')],
    ['tsa', decodeBase64(material.tsa.certificate)],
  ])
  const requests: Uint8Array[] = []
  const rows = KEY_ALGORITHMS.filter((row) => ['P-256', 'Ed25519', 'RSA-2048', algorithm].includes(row.name))
  for (const profile of ['individual', 'organisation', 'device', 'event'])
    for (const row of profile === 'event' ? rows : rows.slice(0, 1)) {
      const key = await keys.generate(row, 't1')
      const info = buildCsrInfo(encodeName([{ type: 'CN', value: 'TEST ONLY' }]), key.spkiDer)
      const csrDer = encodeCsr(info, row.signature, await keys.sign(key.keyId, row.signature, info))
      requests.push(csrDer)
      const token = await prepare(core, {
        actor: 'system',
        tenant: 't1',
        profile,
        subject: [
          { type: 'C', value: 'CN' },
          { type: 'O', value: 'TEST ONLY 机构' },
          { type: 'CN', value: 'TEST ONLY 张三' },
        ],
        key: { csrDer },
        identityEvidenceId: 'e1',
        ...(profile === 'device'
          ? {
              subjectAltNames: [
                { type: 'ip', value: '2001:db8::1' },
                { type: 'dns', value: 'dev.test.invalid' },
              ] as const,
            }
          : {}),
      })
      leaves.set(`${profile}-${row.name}`, (await issue(core, token)).certDer)
    }
  return { root: root.certDer, issuing: issuing.certDer, leaves, requests }
}

const codeOf = (error: unknown): string => (error instanceof CodedError ? error.code : String(error))

const chains = new Map<KeyAlgorithmName, Promise<Made>>()
const chainOf = (algorithm: KeyAlgorithmName): Promise<Made> => {
  const ready = chains.get(algorithm) ?? make(algorithm)
  chains.set(algorithm, ready)
  return ready
}

const pem = (der: Uint8Array): string => new X509Certificate(Buffer.from(der)).toString()
const ALGORITHMS = ['P-256', 'P-384', 'Ed25519', 'RSA-3072'] as const

for (const algorithm of ALGORITHMS) {
  test(`openssl verify -x509_strict accepts everything below a ${algorithm} root`, async (t) => {
    if (!requireTool(t, 'openssl')) return
    const { root, issuing, leaves } = await chainOf(algorithm)
    const folder = await mkdtemp(join(tmpdir(), 'second-opinion-'))
    const at = String(now().getTime() / 1000)
    try {
      await writeFile(join(folder, 'root.pem'), pem(root))
      await writeFile(join(folder, 'issuing.pem'), pem(issuing))
      for (const [name, der] of leaves) {
        await writeFile(join(folder, `${name}.pem`), pem(der))
        const args = [
          'verify',
          '-x509_strict',
          '-check_ss_sig',
          '-policy_check',
          '-attime',
          at,
          '-CAfile',
          'root.pem',
          '-untrusted',
          'issuing.pem',
          `${name}.pem`,
        ]
        const { status, stdout, stderr } = await run('openssl', args, { cwd: folder })
        t.is(status, 0, `${name}: ${stdout}${stderr}`)
        const shown = await run(
          'openssl',
          ['x509', '-in', `${name}.pem`, '-noout', '-text', '-nameopt', 'utf8,sep_comma_plus'],
          { cwd: folder },
        )
        t.regex(shown.stdout, /Policy: 2\.999\.7\.\d\.\d/)
        t.regex(shown.stdout, /CPS: http:\/\/ca\.test\.invalid\/cps/)
        t.regex(shown.stdout, /Issuer: .*O ?= ?TEST ONLY 测试/)
      }
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test(`pkijs reads and verifies everything below a ${algorithm} root`, async (t) => {
    const { root, issuing, leaves, requests } = await chainOf(algorithm)
    for (const [name, der] of leaves)
      t.deepEqual(readCertificate(der).der, der, `${name} is written by pkijs as we wrote it`)
    const outcomes = await Promise.all(requests.map((request) => isRequestProven(request).catch(codeOf)))
    t.deepEqual(
      [...new Set(outcomes)].toSorted(),
      ['ALGORITHM_UNSUPPORTED', true],
      'Ed25519 requests are only read',
    )
    if (algorithm === 'Ed25519') return
    t.true(await isCertificateSignedBy(root, root))
    t.true(await isCertificateSignedBy(issuing, root))
    for (const [name, der] of leaves) {
      t.true(await isCertificateSignedBy(der, issuing), name)
      const bent = der.slice()
      bent[bent.length - 1] = (bent.at(-1) ?? 0) ^ 1
      t.false(await isCertificateSignedBy(bent, issuing), `${name} bent`)
    }
  })

  test(`node reads and verifies everything below a ${algorithm} root`, async (t) => {
    const { root, issuing, leaves } = await chainOf(algorithm)
    const above = new X509Certificate(Buffer.from(issuing))
    t.true(above.checkIssued(new X509Certificate(Buffer.from(root))))
    for (const [name, der] of leaves) {
      const certificate = new X509Certificate(Buffer.from(der))
      t.true(certificate.checkIssued(above), name)
      t.true(certificate.verify(above.publicKey), name)
    }
  })
}

test('node-forge reads and verifies the RSA chain', async (t) => {
  const { root, issuing } = await chainOf('RSA-3072')
  const read = (der: Uint8Array): forge.pki.Certificate =>
    forge.pki.certificateFromAsn1(forge.asn1.fromDer(Buffer.from(der).toString('latin1')))
  t.true(read(root).verify(read(issuing)))
  t.true(read(root).verify(read(root)))
  t.throws(() => read(issuing).verify(read(root)))
})

test('the engine of pkijs can neither sign nor make keys', async (t) => {
  const { subtle } = verifyEngine.crypto as unknown as {
    readonly subtle: Record<string, (...values: unknown[]) => unknown>
  }
  for (const work of [
    () => subtle['generateKey']?.({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign']),
    () => subtle['sign']?.('ECDSA', undefined, new Uint8Array(1)),
  ]) {
    const error = await Promise.resolve()
      .then(work)
      .then(
        () => undefined,
        (cause: unknown) => cause,
      )
    t.true(isCoded(error, 'KEY_UNAVAILABLE'))
  }
})

test('what pkijs cannot read is a coded error', async (t) => {
  for (const bytes of [
    new Uint8Array(),
    Uint8Array.of(0x30, 0),
    Uint8Array.of(5, 0),
    new Uint8Array(100).fill(0x30),
  ])
    await t.throwsAsync(isCertificateSignedBy(bytes, bytes), {
      instanceOf: CodedError,
      code: 'INPUT_MALFORMED',
    })
})
