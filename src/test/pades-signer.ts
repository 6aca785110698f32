// A signature for tests: what services/sign-document does with the CA is here done with openssl.
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { run } from './judges.ts'
import { buildDict, buildName, buildStream } from '../formats/pdf/objects.ts'
import { bytesOf, join as joinBytes } from './sample-pdf.ts'
import { finishPades } from '../formats/pades/finish.ts'
import {
  preparePades,
  type PadesAppearance,
  type PadesOptions,
  type PreparedPades,
} from '../formats/pades/prepare.ts'

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

let files = 0

async function writeTemporary(signer: TestSigner, bytes: Uint8Array): Promise<string> {
  const path = join(signer.folder, `judged-${files++}.pdf`)
  await writeFile(path, bytes)
  return path
}

async function check(command: string, args: readonly string[], cwd: string): Promise<void> {
  const { status, stderr } = await run(command, args, { cwd })
  if (status !== 0) throw new Error(`${command} ended with status ${status}: ${stderr}`)
}

/** The time of every signature made here. */
export const SIGNING_TIME = new Date('2026-03-04T05:06:07Z')

/** The shortest thing that passes for a CMS. */
export const EMPTY_CMS = Uint8Array.of(0x30, 2, 5, 0)

/** Signs without cryptography: enough for questions of structure. */
export function signEmpty(bytes: Uint8Array, options: Partial<PadesOptions> = {}): Uint8Array {
  const { state } = preparePades(bytes, { signingTime: SIGNING_TIME, contentsSize: 512, ...options })
  return joinBytes(...finishPades(state, EMPTY_CMS))
}

/** A red rectangle. */
export const redStamp: PadesAppearance = {
  rect: [20, 20, 120, 60],
  build: (allocate, { width, height }) => {
    const dict = { Type: buildName('XObject'), Subtype: buildName('Form'), BBox: [0, 0, width, height] }
    const content = bytesOf(`1 0 0 rg 0 0 ${width} ${height} re f`)
    return allocate(buildStream(buildDict({ ...dict, Resources: buildDict({}) }), content))
  },
}

/** Prepares, signs and finishes. */
export async function signPdf(
  signer: TestSigner,
  bytes: Uint8Array,
  options: Partial<PadesOptions> = {},
): Promise<{ readonly bytes: Uint8Array; readonly prepared: PreparedPades }> {
  const prepared = preparePades(bytes, {
    signingTime: SIGNING_TIME,
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
  const path = await writeTemporary(signer, bytes)
  const { stdout } = await run('pdfsig', ['-nocert', ...(password ? ['-upw', password] : []), path])
  return stdout.split(/^Signature #\d+:$/m).slice(1)
}

/** The exit status of `qpdf --check`: 0 sound, 3 warnings, 2 errors. */
export async function qpdfStatus(signer: TestSigner, bytes: Uint8Array, password?: string): Promise<number> {
  const path = await writeTemporary(signer, bytes)
  return (await run('qpdf', [...(password ? [`--password=${password}`] : []), '--check', path])).status
}
