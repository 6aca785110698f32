/** Figures for people. */
import type { Figures } from '../stats/figures.ts'

/** One line for the total and one for each kind of certificate. */
export function figureLines(figures: Figures): string[] {
  const { totals } = figures
  const kind = ({
    class: name,
    profile,
    algorithm,
    issued,
    revoked,
    validAtEnd,
  }: Figures['rows'][number]): string =>
    `  ${name.padEnd(13)} ${profile.padEnd(15)} ${algorithm.padEnd(14)} issued ${issued}  revoked ${revoked}  valid then ${validAtEnd}`
  return [
    `${figures.from} to ${figures.to} (Asia/Shanghai), from ${figures.size} log ${figures.size === 1 ? 'entry' : 'entries'}:`,
    `  issued ${totals.issued}  revoked ${totals.revoked}  on hold ${totals.onHoldAtEnd}  ending by the end of the last day ${totals.expired}  valid then ${totals.validAtEnd}`,
    ...figures.rows.map(kind),
  ]
}
