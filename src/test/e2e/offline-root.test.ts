/** An offline root from its ceremony to the day it revokes its issuing CA, each machine a data folder of its own. */
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { parsePem } from '../../lib/pem.ts'
import { ApiError, createClient } from '../../sdk/client.ts'
import { requireTool, run } from '../judges.ts'
import { sampleTablePdf } from '../sample-pdf.ts'
import { serveChild, yinxin } from './child.ts'
import { issueHeld, signPdf } from './objects.ts'
import type { TestKey } from './start.ts'

const NAME = 'OFFLINE ROOT TEST ONLY'

let folder: string
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'yinxin-offline-'))
})
test.after.always(() => rm(folder, { recursive: true, force: true }))

const file = (name: string): string => join(folder, name)

interface CrlJson {
  readonly number: string
  readonly nextUpdate: string
  readonly entryCount: number
  readonly crlPem: string
}

async function done(t: ExecutionContext, machine: string, ...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await yinxin(file(machine), words)
  t.is(status, 0, `${words.join(' ')}: ${stderr}`)
  return stdout
}

/** The rule that a refused import names. */
async function ruleOf(machine: string, crlPem: string): Promise<string> {
  await writeFile(file('refused.pem'), crlPem)
  const { status, stderr } = await yinxin(file(machine), ['crl', 'import', file('refused.pem'), '--json'])
  const { error } = JSON.parse(status === 2 ? stderr : '{"error":{"code":"none"}}') as {
    error: { code: string; rule?: string }
  }
  return `${error.code} ${error.rule ?? ''}`.trim()
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'none'
  } catch (error) {
    if (error instanceof ApiError) return error.problem.code
    throw error
  }
}

async function writeCeremony(name: string, organisation?: string): Promise<string> {
  const path = join(import.meta.dirname, '../../../policies/ceremony/evaluation.json')
  const ceremony = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>
  const root = { ...(ceremony['root'] as object), offline: true, crlValiditySeconds: 90 * 86_400 }
  await writeFile(
    file(name),
    JSON.stringify({ ...ceremony, root, ...(organisation === undefined ? {} : { organisation }) }),
  )
  return file(name)
}

/** Steps 1 and 2 of a ceremony; what the root certified is in `ROOT.pem`. */
async function certified(t: ExecutionContext, here: string, root: string, ceremony: string): Promise<string> {
  const asked = JSON.parse(await done(t, here, 'ceremony', ceremony, '--json')) as { pendingFile: string }
  const pem = await done(t, root, 'ceremony', ceremony, '--certify', asked.pendingFile)
  await writeFile(file(`${root}.pem`), pem)
  return pem
}

const nextCrl = async (t: ExecutionContext, root: string, ceremony: string, ...words: string[]) =>
  JSON.parse(await done(t, root, 'ceremony', ceremony, '--root-crl', '--json', ...words)) as CrlJson

const labels = (pem: string): string[] => parsePem(pem).map(({ label }) => label)
const lastBlock = (pem: string): string => pem.slice(pem.lastIndexOf('-----BEGIN X509 CRL'))

async function bytesOf(address: string): Promise<Uint8Array> {
  return new Uint8Array(await (await fetch(address)).arrayBuffer())
}

test('an offline root: ceremony, signing, fresh lists, refused lists, revocation of the issuing CA', async (t) => {
  t.timeout(300_000)
  const ceremony = await writeCeremony('ceremony.json')
  const pem = await certified(t, 'here', 'root', ceremony)
  t.deepEqual(labels(pem), ['CERTIFICATE', 'CERTIFICATE', 'X509 CRL'])
  const again = await yinxin(file('root'), ['ceremony', ceremony, '--certify', file('root.pem')])
  t.is(again.status, 2, 'a second root is not made by accident')
  t.regex(again.stderr, /ceremony-certified\.pem/)

  const elsewhere = await certified(t, 'here-2', 'root-2', ceremony)
  await writeFile(file('mixed.pem'), pem.slice(0, pem.indexOf('-----BEGIN X509')) + lastBlock(elsewhere))
  const mixed = await yinxin(file('here'), ['ceremony', ceremony, '--finish', file('mixed.pem')])
  t.is(mixed.status, 2, 'the list of another root with the same name')
  t.regex(mixed.stderr, /CRL_REFUSED/)
  await writeFile(file('bare.pem'), pem.slice(0, pem.indexOf('-----BEGIN X509')))
  t.is((await yinxin(file('here'), ['ceremony', ceremony, '--finish', file('bare.pem')])).status, 2)
  await done(t, 'here', 'ceremony', ceremony, '--finish', file('root.pem'))

  const child = await serveChild(file('here'))
  t.teardown(() => child.crash())
  const api = createClient({ baseUrl: child.address, apiKey: child.apiKey ?? '' })
  const key: TestKey = { id: 'first', text: child.apiKey ?? '', api }
  const served = () => bytesOf(`${child.address}/crl/root.crl`)
  const derOf = (text: string): Uint8Array => parsePem(lastBlock(text))[0]?.bytes ?? new Uint8Array()
  t.deepEqual(await served(), derOf(pem))

  const signAndVerify = async (): Promise<void> => {
    const { id } = await signPdf(key, NAME)
    const bytes = await api.bytes('GET', `/v1/signatures/${id}/document`)
    const { report } = await api.json<{ report: { indication: string } }>('POST', '/v1/verifications', {
      files: { document: { bytes, name: 'signed.pdf' } },
    })
    t.is(report.indication, 'TOTAL-PASSED')
  }
  await signAndVerify()
  const held = await issueHeld(key, NAME)

  const fresh = await nextCrl(t, 'root', ceremony)
  t.is(fresh.entryCount, 0)
  await writeFile(file('fresh.pem'), fresh.crlPem)
  await done(t, 'here', 'crl', 'import', file('fresh.pem'))
  t.deepEqual(await served(), derOf(fresh.crlPem), 'served at the next request, without a restart')
  await signAndVerify()

  t.is(await ruleOf('here', lastBlock(pem)), 'CRL_REFUSED number-increases')
  t.is(await ruleOf('here', fresh.crlPem), 'CRL_REFUSED number-increases')
  t.is(await ruleOf('here', (await nextCrl(t, 'root-2', ceremony)).crlPem), 'CRL_REFUSED issuer')
  const bent = derOf((await nextCrl(t, 'root', ceremony)).crlPem)
  bent[bent.length - 1] = (bent[bent.length - 1] ?? 0) ^ 1
  await writeFile(file('bent.crl'), bent)
  const forged = await yinxin(file('here'), ['crl', 'import', file('bent.crl')])
  t.regex(forged.stderr, /rule signature.*CRL_REFUSED/)
  const other = await writeCeremony('other.json', 'Other TEST ONLY')
  t.is(await ruleOf('here', lastBlock(await certified(t, 'here-3', 'root-3', other))), 'CRL_REFUSED issuer')
  const own = await bytesOf(`${child.address}/crl/issuing-1.crl`)
  await writeFile(file('own.crl'), own)
  t.regex((await yinxin(file('here'), ['crl', 'import', file('own.crl')])).stderr, /rule key-is-here/)
  t.deepEqual(await served(), derOf(fresh.crlPem), 'what is refused changes nothing')

  const ready = await api.json<{ checks: object[] }>('GET', '/readyz')
  t.true(ready.checks.some((check) => JSON.stringify(check) === '{"name":"crl-root","ok":true}'))
  const metrics = new TextDecoder().decode(await api.bytes('GET', '/metrics', { accept: 'text/plain' }))
  const [, seconds = ''] = /^yinxin_crl_next_update_seconds\{name="root"\} (\d+)$/m.exec(metrics) ?? []
  t.true(Number(seconds) > 89 * 86_400 && Number(seconds) <= 90 * 86_400, seconds)
  t.regex(metrics, /^yinxin_crl_next_update_seconds\{name="issuing-1\/shards"\} \d+$/m)

  const [, issuing] = parsePem(pem)
  const serial = new X509Certificate(issuing?.bytes ?? '').serialNumber
  const why = ['--reason', 'cACompromise', '--ground', 'security-not-assured']
  t.is((await yinxin(file('root'), ['ceremony', ceremony, '--root-crl', '--revoke', serial])).status, 2)
  const last = await nextCrl(t, 'root', ceremony, '--revoke', serial, ...why)
  t.is(last.entryCount, 1)
  await writeFile(file('last.pem'), last.crlPem)
  await done(t, 'here', 'crl', 'import', file('last.pem'))
  // Another process is heard of within half a second.
  await sleep(600)
  t.is(await codeOf(issueHeld(key, NAME)), 'ISSUER_REVOKED')
  t.is(await codeOf(signPdf(key, NAME)), 'ISSUER_REVOKED')
  const { issuerId, serialHex } = held
  const withHeld = api.json('POST', '/v1/signatures', {
    json: { signer: { certificate: { issuerId, serialHex } } },
    files: { document: { bytes: sampleTablePdf(), name: 'contract.pdf', type: 'application/pdf' } },
  })
  t.is(await codeOf(withHeld), 'ISSUER_REVOKED')
  t.is(await child.stop(), 0)
  await done(t, 'here', 'audit', 'verify')

  if (!requireTool(t, 'openssl')) return
  for (const name of ['root.pem', 'fresh.pem', 'last.pem']) {
    const judged = await run('openssl', ['crl', '-in', file(name), '-noout', '-CAfile', file('root.pem')])
    t.is(judged.status, 0, judged.stderr)
    t.regex(judged.stdout + judged.stderr, /verify OK/)
  }
})
