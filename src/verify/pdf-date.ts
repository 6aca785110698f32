/** Dates of PDF (ISO 32000-2, 7.9.4). */

const form = /^(?:D:)?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:(Z)|([+-])(\d\d)(?:'(\d\d)?'?)?)?/

/** The instant that a PDF date names, or undefined; without a zone it is taken as UTC. */
export function parsePdfDate(text: string): Date | undefined {
  const parts = form.exec(text)
  if (!parts) return undefined
  const number = (index: number, missing: number): number =>
    parts[index] === undefined ? missing : Number(parts[index])
  const utc = Date.UTC(number(1, 0), number(2, 1) - 1, number(3, 1), number(4, 0), number(5, 0), number(6, 0))
  const sign = parts[8] === '-' ? -1 : 1
  const date = new Date(utc - sign * (number(9, 0) * 60 + number(10, 0)) * 60_000)
  return Number.isNaN(date.getTime()) ? undefined : date
}
