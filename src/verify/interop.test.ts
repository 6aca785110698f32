// What OpenSSL signs, this verifier reads: algorithms, streamed BER, attached and detached content.
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import test from 'ava'

import { defaultPolicy } from '../test/conformance/policy.ts'
import { requireTool, run } from '../test/judges.ts'
import type { Report } from './report.ts'
import { trustFromPem } from './trust.ts'
import { verify } from './verify.ts'

const policy = defaultPolicy()
const content = 'TEST ONLY content of a contract\n'

const keys: Readonly<Record<string, readonly string[]>> = {
  'P-256': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'P-384': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  'RSA-3072': ['-newkey', 'rsa:3072'],
  'RSA-PSS': ['-newkey', 'rsa:3072'],
}

const more: Readonly<Record<string, readonly string[]>> = {
  'RSA-PSS': ['-keyopt', 'rsa_padding_mode:pss', '-keyopt', 'rsa_pss_saltlen:digest'],
}

async function openssl(args: readonly string[], cwd: string): Promise<void> {
  const { status, stderr } = await run('openssl', args, { cwd })
  if (status !== 0) throw new Error(stderr)
}

async function verdictOn(folder: string, signature: string, withContent: boolean): Promise<Report> {
  const read = async (name: string): Promise<Uint8Array> => new Uint8Array(await readFile(join(folder, name)))
  const pem = await readFile(join(folder, 'c.pem'), 'utf8')
  const outcome = verify({
    document: await read(signature),
    ...(withContent ? { content: await read('content') } : {}),
    evidence: {},
    trust: trustFromPem(pem, 'c.pem'),
    policy,
    // The certificates below are valid for a day from now.
    at: (await stat(join(folder, signature))).mtime,
    final: true,
  })
  if (!('report' in outcome)) throw new Error('no report')
  return outcome.report
}

for (const [name, options] of Object.entries(keys))
  test(`OpenSSL signs with ${name}`, async (t) => {
    if (!requireTool(t, 'openssl')) return
    const folder = await mkdtemp(join(tmpdir(), 'verify-'))
    try {
      const subject = ['-out', 'c.pem', '-days', '1', '-subj', '/CN=TEST ONLY signer']
      await openssl(['req', '-x509', ...options, '-nodes', '-keyout', 'k.pem', ...subject], folder)
      await writeFile(join(folder, 'content'), content)
      const signer = ['-signer', 'c.pem', '-inkey', 'k.pem', '-md', 'sha256', ...(more[name] ?? [])]
      const sign = (extra: readonly string[], out: string): Promise<void> =>
        openssl(
          [
            'cms',
            '-sign',
            '-binary',
            '-cades',
            ...signer,
            ...extra,
            '-in',
            'content',
            '-outform',
            'DER',
            '-out',
            out,
          ],
          folder,
        )
      await sign([], 'detached.p7s')
      const detached = await verdictOn(folder, 'detached.p7s', true)
      t.is(detached.indication, 'TOTAL-PASSED', JSON.stringify(detached.signatures[0]?.reasons))
      t.is(detached.signatures[0]?.level, 'B-B')
      // OpenSSL 3.0 cannot stream with RSA-PSS.
      if (name === 'RSA-PSS') return
      await sign(['-nodetach', '-stream'], 'streamed.p7m')
      const streamed = await verdictOn(folder, 'streamed.p7m', false)
      t.is(streamed.indication, 'TOTAL-PASSED', JSON.stringify(streamed.signatures[0]?.reasons))
      t.true(streamed.signatures[0]?.warnings.some(({ key }) => key === 'CMS_NOT_DER'))
    } finally {
      await rm(folder, { recursive: true })
    }
  })
