/** `yinxin stats`: figures of a period in days of Asia/Shanghai, folded from the records. */
import { formatDay, toShanghaiDay } from '../../stats/day.ts'
import type { Command } from '../command.ts'
import { type CliContext, withArchive } from '../context.ts'
import { figureLines } from '../figure-lines.ts'

export const statsCommand: Command<CliContext> = {
  name: 'stats',
  summary: 'figures of a period, recounted from the records',
  positionals: [],
  options: {
    from: { value: 'DAY', help: 'first day, YYYY-MM-DD in Asia/Shanghai; today when left out' },
    to: { value: 'DAY', help: 'last day; the first one when left out' },
  },
  run: (input, context, printer) =>
    withArchive(input, context, { record: true }, async ({ statistics, now, isWritable }, caller) => {
      const from = input.options['from'] ?? formatDay(toShanghaiDay(now().toISOString()))
      const to = input.options['to'] ?? from
      const figures = isWritable
        ? await statistics.figures(caller, from, to)
        : await statistics.unrecorded(from, to)
      printer.result({ ...figures, recorded: isWritable }, ...figureLines(figures))
      if (!isWritable) printer.text('  Not recorded: the data folder cannot be written to.')
      return 0
    }),
}
