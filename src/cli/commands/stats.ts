/** `yinxin stats`: figures of a period in days of Asia/Shanghai, folded from the records. */
import { formatDay, toShanghaiDay } from '../../stats/day.ts'
import type { Command } from '../command.ts'
import { type CliContext, withHouse } from '../context.ts'
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
    withHouse(input, context, async ({ services }, caller) => {
      const from = input.options['from'] ?? formatDay(toShanghaiDay(services.now().toISOString()))
      const figures = await services.statistics.figures(caller, from, input.options['to'] ?? from)
      printer.result(figures, ...figureLines(figures))
      return 0
    }),
}
