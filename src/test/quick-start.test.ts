/** Every `sh` block of docs/quick-start.md, run in order against a real service, as a reader would. */
import { mkdtempSync, readFileSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { startService } from './e2e/start.ts'
import { requireTool, run } from './judges.ts'

const root = join(import.meta.dirname, '../..')

test('the quick start does what it says', async (t) => {
  if (!requireTool(t, 'curl') || !requireTool(t, 'bash')) return
  const service = await startService('quick-start')
  t.teardown(() => service.close())
  const text = readFileSync(join(root, 'docs/quick-start.md'), 'utf8')
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block)
  t.is(blocks.length, 6)
  const folder = mkdtempSync(join(tmpdir(), 'yinxin-quick-start-'))
  symlinkSync(join(root, 'docs'), join(folder, 'docs'))
  const script = ['set -euo pipefail', ...blocks].join('\n')
  const env = { ...process.env, YINXIN: service.address, KEY: service.staff.text }
  const { status, stdout, stderr } = await run('bash', ['-c', script], {
    cwd: folder,
    env,
    timeoutMs: 60_000,
  })
  t.is(status, 0, `${stdout}\n${stderr}`)
  t.regex(stdout, /"indication":"TOTAL-PASSED"/)
  t.regex(stdout, /"state":"revoked"/)
  t.regex(stdout, /"totals":\{"issued":[1-9]/)
})
