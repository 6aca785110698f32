/** Figures, the log's checkpoint, and a receipt that anybody can check offline. */
import { setTimeout as wait } from 'node:timers/promises'
import type { FiguresView } from '../../services/statistics.ts'
import type { SignatureView } from '../../services/sign-document.ts'
import { openCheckpoint } from '../../audit/checkpoint.ts'
import { parseVerifierKey } from '../../audit/note.ts'
import { formatDay, toShanghaiDay } from '../../stats/day.ts'
import { figureLines } from '../figure-lines.ts'
import type { Demo } from './demo-context.ts'

const RECEIPT_WAIT_MS = 10_000

async function receiptOf(demo: Demo, id: string): Promise<Uint8Array> {
  const until = performance.now() + RECEIPT_WAIT_MS
  for (;;) {
    try {
      return await demo.client.bytes('GET', `/v1/signatures/${id}/receipt`, { accept: 'text/plain' })
    } catch (error) {
      if (performance.now() > until) throw error
      await wait(200)
    }
  }
}

export async function publishSteps(demo: Demo, signed: { readonly summary: SignatureView }): Promise<void> {
  demo.step('当日统计（北京时间）', 'Figures of the day, recounted from the records')
  const receipt = await receiptOf(demo, signed.summary.id)
  const today = formatDay(toShanghaiDay(new Date().toISOString()))
  const figures = await demo.client.json<FiguresView>('GET', '/v1/regulator/statistics', {
    query: { from: today, to: today },
  })
  for (const line of figureLines(figures)) demo.say(line)
  const issued = Object.entries(figures.byClass).map(([name, { issued: count }]) => `${name} ${count}`)
  demo.expect(
    figures.byClass['event']?.issued === 2 && figures.byClass['organisation']?.revoked === 1,
    `counted: ${issued.join(', ')}; revoked ${figures.totals.revoked}`,
  )
  await demo.write('figures.json', JSON.stringify(figures, null, 2))

  demo.step('日志检查点与离线凭证', 'Log checkpoint and offline receipt')
  const checkpoint = await demo.client.bytes('GET', '/log/checkpoint', { accept: 'text/plain' })
  const key = new TextDecoder()
    .decode(await demo.client.bytes('GET', '/log/key', { accept: 'text/plain' }))
    .trim()
  const opened = openCheckpoint(checkpoint, parseVerifierKey(key))
  for (const line of new TextDecoder().decode(checkpoint).trimEnd().split('\n')) demo.say(line)
  demo.expect(
    opened !== null && opened.size >= figures.size,
    `checkpoint is signed by ${key.split('+')[0] ?? ''}, ${opened?.size ?? 0} entries`,
  )
  await demo.write('checkpoint', checkpoint)
  await demo.write('contract-signed.receipt', receipt)
}
