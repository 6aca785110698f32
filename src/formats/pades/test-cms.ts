// A signature for tests: what services/sign-document does with the CA is here done with openssl.
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { run } from '../../test/judges.ts'
import { join as joinBytes } from '../pdf/sample-pdf.ts'
import { finishPades } from './finish.ts'
import { preparePades, type PadesOptions, type PreparedPades } from './prepare.ts'

/** Signs with a key made at run time; `folder` is a place for files. */
export type TestSigner = {
  readonly folder: string
  readonly signDetached: (content: readonly Uint8Array[]) => Promise<Uint8Array>
}

/** A signer with a new P-256 key and a self-signed certificate. */
export async function createTestSigner(): Promise<TestSigner> {
  const folder = await mkdtemp(join(tmpdir(), 'pades-'))
  const request = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'k.pem']
  const subject = ['-out', 'c.pem', '-days', '30', '-subj', '/CN=TEST ONLY signer']
  await check('openssl', ['req', '-x509', ...request, ...subject], folder)
  const signer = ['-cades', '-md', 'sha256', '-signer', 'c.pem', '-inkey', 'k.pem', '-outform', 'DER']
  let count = 0
  return {
    folder,
    signDetached: async (content) => {
      const name = `content-${count++}`
      await writeFile(join(folder, name), content)
      await check(
        'openssl',
        ['cms', '-sign', '-binary', ...signer, '-in', name, '-out', `${name}.p7s`],
        folder,
      )
      return new Uint8Array(await readFile(join(folder, `${name}.p7s`)))
    },
  }
}

async function check(command: string, args: readonly string[], cwd: string): Promise<void> {
  const { status, stderr } = await run(command, args, { cwd })
  if (status !== 0) throw new Error(`${command} ended with status ${status}: ${stderr}`)
}

/** Prepares, signs and finishes. */
export async function signPdf(
  signer: TestSigner,
  bytes: Uint8Array,
  options: Partial<PadesOptions> = {},
): Promise<{ readonly bytes: Uint8Array; readonly prepared: PreparedPades }> {
  const prepared = preparePades(bytes, {
    signingTime: new Date('2026-03-04T05:06:07Z'),
    contentsSize: 4096,
    ...options,
  })
  const parts = finishPades(prepared.state, await signer.signDetached(prepared.digestInput))
  return { bytes: joinBytes(...parts), prepared }
}

/** What pdfsig says of each signature, in its order. */
export async function pdfsigVerdicts(
  signer: TestSigner,
  bytes: Uint8Array,
  password?: string,
): Promise<string[]> {
  const path = join(signer.folder, 'judged.pdf')
  await writeFile(path, bytes)
  const { stdout } = await run('pdfsig', ['-nocert', ...(password ? ['-upw', password] : []), path])
  return stdout.split(/^Signature #\d+:$/m).slice(1)
}

/** The exit status of `qpdf --check`: 0 sound, 3 warnings, 2 errors. */
export async function qpdfStatus(signer: TestSigner, bytes: Uint8Array, password?: string): Promise<number> {
  const path = join(signer.folder, 'checked.pdf')
  await writeFile(path, bytes)
  return (await run('qpdf', [...(password ? [`--password=${password}`] : []), '--check', path])).status
}
