/**
 * `yinxin demo`: the main job on a real contract, in a new data folder, through the real HTTP API.
 * Each step checks what it claims; the first one that does not hold ends the demonstration with a non-zero status.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { type Config, readConfig } from '../../config.ts'
import { createClient } from '../../sdk/client.ts'
import type { Command } from '../command.ts'
import { firstKey } from '../first-key.ts'
import { findFreePort } from '../free-port.ts'
import type { CliContext } from '../context.ts'
import type { Printer } from '../printer.ts'
import type { Demo } from './demo-context.ts'
import { publishSteps } from './publish-steps.ts'
import { revokeSteps } from './revoke-steps.ts'
import { signSteps } from './sign-steps.ts'

class DemoFailed extends Error {}

function createDemo(
  parts: Pick<Demo, 'client' | 'printer' | 'contract' | 'issuerId' | 'baseUrl'>,
  folder: string,
  files: string[],
): Demo {
  let count = 0
  return {
    ...parts,
    step: (zh, en) => parts.printer.text(`\n${++count}. ${zh} ${en}`),
    say: (line) => parts.printer.text(`   ${line}`),
    expect(holds, what) {
      if (!holds) throw new DemoFailed(what)
      parts.printer.text(`   ✓ ${what}`)
    },
    async write(name, bytes) {
      const file = join(folder, name)
      await writeFile(file, bytes)
      files.push(file)
      return file
    },
  }
}

const stamp = (): string => new Date().toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)

async function runDemo(
  config: Config,
  folder: string,
  context: CliContext,
  printer: Printer,
): Promise<string[]> {
  const files: string[] = []
  const started = performance.now()
  printer.text('Yinxin 印信: issue, sign, verify, revoke, count 签发、签名、验证、撤销、统计')
  printer.text(`\nMaking an evaluation CA in a new data folder 新建评估用 CA: ${config.dataDir}`)
  const serving = import('../../serve.ts')
  const house = await context.openHouse(config, { serving: true })
  const { serve } = await serving
  const apiKey = (await firstKey(house)) ?? ''
  const running = await serve(house)
  try {
    const client = createClient({ baseUrl: running.address, apiKey })
    const contract = new Uint8Array(await readFile(join(context.root, 'docs/examples/contract.pdf')))
    const issuerId = house.ca.issuers.find(({ role }) => role === 'issuing')?.issuerId ?? ''
    const demo = createDemo({ client, printer, contract, issuerId, baseUrl: config.baseUrl }, folder, files)
    demo.say(`root → issuing CA → OCSP responder and TSA; service on ${running.address}`)
    const signed = await signSteps(demo)
    await revokeSteps(demo)
    await publishSteps(demo, signed)
  } finally {
    await running.close()
    await house.close()
  }
  printer.text(
    `\nEvery step did what it says 全部步骤均已核对 (${((performance.now() - started) / 1000).toFixed(1)} s).`,
  )
  return files
}

export const demoCommand: Command<CliContext> = {
  name: 'demo',
  summary: 'show the main job on a real contract, in a new data folder',
  positionals: [],
  options: { out: { value: 'DIR', help: 'new folder for everything; data/demo-TIME when left out' } },
  async run(input, context, printer) {
    const folder = resolve(input.options['out'] ?? join('data', `demo-${stamp()}`))
    await mkdir(folder, { recursive: true })
    // The address goes into the certificates, so the port is known before there is a CA.
    const port = await findFreePort('127.0.0.1')
    const config = readConfig(
      { YINXIN_LOG: 'error', YINXIN_FETCH: '0' },
      { dataDir: join(folder, 'data'), host: '127.0.0.1', port, baseUrl: `http://127.0.0.1:${port}` },
    )
    try {
      const files = await runDemo(config, folder, context, printer)
      const names = files.map((file) => relative(process.cwd(), file))
      printer.result(
        { ok: true, folder, files: names, dataDir: config.dataDir },
        'Files 文件:',
        ...names.map((name) => `  ${name}`),
        `  ${relative(process.cwd(), config.dataDir)}/ (database, keys, CA, checkpoint)`,
      )
      return 0
    } catch (error) {
      if (!(error instanceof DemoFailed)) throw error
      printer.result({ ok: false, failed: error.message }, `   ✗ ${error.message}`)
      return 1
    }
  },
}
