/** A relying party with nothing but certificates: follows the addresses in them and judges by openssl what it finds. */
import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { requireTool, run } from '../judges.ts'
import { makeCsr } from './csr.ts'
import { addEvidence, type CertificateJson, subjectOf } from './objects.ts'
import { startService, type TestService } from './start.ts'

const NAME = 'Observer TEST ONLY'
const subject = subjectOf(NAME)

let service: TestService
let folder: string
let identityEvidenceId: string

test.before(async () => {
  service = await startService('observer')
  folder = await mkdtemp(join(tmpdir(), 'yinxin-observer-'))
  identityEvidenceId = await addEvidence(service.alpha, NAME)
})
test.after.always(async () => {
  await service.close()
  await rm(folder, { recursive: true, force: true })
})

const openssl = async (...words: string[]): Promise<string> => {
  const { stdout, stderr } = await run('openssl', words, { cwd: folder })
  return stdout + stderr
}

const issue = (): Promise<CertificateJson> =>
  service.alpha.api.json('POST', '/v1/certificates', {
    json: { profile: 'organisation', subject, csr: makeCsr(subject), identityEvidenceId },
  })

const revoke = (certificate: CertificateJson): Promise<unknown> =>
  service.alpha.api.json(
    'POST',
    `/v1/certificates/${certificate.issuerId}/${certificate.serialHex}/revocation`,
    {
      json: { reason: 'superseded', legalGround: 'holder-request' },
    },
  )

/** What an address of a certificate gives here, where the service listens on another port than its public name says. */
const fetchHere = async (url: string): Promise<Uint8Array> => {
  const response = await service.fetch(`${service.address}${new URL(url).pathname}`)
  if (response.status !== 200) throw new Error(`${url}: ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}

const save = async (certificate: CertificateJson, name: string): Promise<void> => {
  const [issuer = '', root = ''] = certificate.chainPem
  await writeFile(join(folder, `${name}.pem`), certificate.certificatePem)
  await writeFile(join(folder, 'issuer.pem'), issuer)
  await writeFile(join(folder, 'root.pem'), root)
}

const askOcsp = (name: string): Promise<string> =>
  openssl(
    ...['ocsp', '-issuer', 'issuer.pem', '-cert', `${name}.pem`, '-url', `${service.address}/ocsp`],
    ...['-CAfile', 'root.pem', '-verify_other', 'issuer.pem'],
  )

/** The CRL of a shard once it lists a serial; fails after a minute. */
async function crlWith(url: string, serialHex: string): Promise<string> {
  for (let tries = 0; tries < 240; tries++) {
    await writeFile(join(folder, 'shard.crl'), await fetchHere(url).catch(() => new Uint8Array()))
    const text = await openssl(
      'crl',
      '-inform',
      'DER',
      '-in',
      'shard.crl',
      '-noout',
      '-text',
      '-CAfile',
      'issuer.pem',
    )
    if (text.toLowerCase().includes(serialHex)) return text
    await sleep(250)
  }
  throw new Error('the shard does not list it')
}

test('check 31: OCSP says good as soon as the certificate was handed over', async (t) => {
  if (!requireTool(t, 'openssl')) return
  for (let round = 0; round < 3; round++) {
    const certificate = await issue()
    await save(certificate, `fresh-${round}`)
    const answer = await askOcsp(`fresh-${round}`)
    t.regex(answer, /Response verify OK/)
    t.regex(answer, new RegExp(`fresh-${round}.pem: good`))
  }
})

test('check 40: an observer finds issuer, OCSP and CRL shard by the addresses in the certificate', async (t) => {
  t.timeout(120_000)
  if (!requireTool(t, 'openssl')) return
  const [kept, revoked] = [await issue(), await issue()]
  await save(kept, 'kept')
  await save(revoked, 'revoked')
  await revoke(revoked)
  const read = new X509Certificate(revoked.certificatePem)
  const issuerUrl = /CA Issuers - URI:(\S+)/.exec(read.infoAccess ?? '')?.[1] ?? ''
  t.true(read.checkIssued(new X509Certificate(await fetchHere(issuerUrl))), 'AIA gives its issuer')
  t.regex(read.infoAccess ?? '', /OCSP - URI:\S+\/ocsp/)
  t.regex(await askOcsp('kept'), /kept.pem: good/)
  t.regex(await askOcsp('revoked'), /revoked.pem: revoked/)
  const points = await openssl('x509', '-in', 'revoked.pem', '-noout', '-ext', 'crlDistributionPoints')
  const crl = await crlWith(/URI:(\S+)/.exec(points)?.[1] ?? '', revoked.serialHex)
  t.regex(crl, /verify OK/, 'signed by the issuer')
  t.false(crl.toLowerCase().includes(kept.serialHex))
  const [lastUpdate, nextUpdate] = ['Last Update', 'Next Update'].map((name) =>
    Date.parse(new RegExp(`${name}: (.+)`).exec(crl)?.[1] ?? ''),
  )
  t.true(Date.now() - Number(lastUpdate) < 60_000, 'not older than a minute')
  t.true(Number(nextUpdate) > Date.now())
})
