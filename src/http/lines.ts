/**
 * Bodies of lines (NDJSON), read as they come and answered in order: what is held is a few groups of lines, however
 * many there are, and who does not read the answers is not read from either.
 */

/** One line without its end; undefined for one that was too long and is gone. */
export type Line = Uint8Array | undefined

const NEWLINE = 10

/** Octets of a line that is not complete yet. */
interface Partial {
  readonly parts: Uint8Array[]
  length: number
}

function take(partial: Partial, last: Uint8Array, maxBytes: number): Line {
  const length = partial.length + last.length
  const parts = partial.parts.splice(0)
  partial.length = 0
  if (length > maxBytes) return undefined
  const line = new Uint8Array(length)
  let at = 0
  for (const part of [...parts, last]) {
    line.set(part, at)
    at += part.length
  }
  return line
}

/** What comes after the limit is counted and dropped. */
function keep(partial: Partial, octets: Uint8Array, maxBytes: number): void {
  partial.length += octets.length
  if (partial.length > maxBytes) partial.parts.length = 0
  else if (octets.length > 0) partial.parts.push(octets)
}

const isBlank = (line: Line): boolean => line?.every((octet) => octet === 32 || octet === 13) === true

/**
 * Lines of a body, together as they arrive; blank ones are left out, the last one may lack its end.
 *
 * @param maxBytes of one line
 * @param maxLines of one group
 */
export async function* readLines(
  source: AsyncIterable<Uint8Array>,
  maxBytes: number,
  maxLines: number,
): AsyncGenerator<readonly Line[]> {
  const partial: Partial = { parts: [], length: 0 }
  for await (const chunk of source) {
    let group: Line[] = []
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = take(partial, chunk.subarray(start, end), maxBytes)
      start = end + 1
      if (!isBlank(line)) group.push(line)
      if (group.length < maxLines) continue
      yield group
      group = []
    }
    keep(partial, chunk.subarray(start), maxBytes)
    if (group.length > 0) yield group
  }
  if (partial.length === 0) return
  const last = take(partial, new Uint8Array(0), maxBytes)
  if (!isBlank(last)) yield [last]
}

/**
 * Works on units side by side and yields their outcomes in order, each as soon as it is there and those before it are
 * out. Nothing more is taken in while `width` outcomes wait for their reader.
 */
export async function* inOrder<Unit, Outcome>(
  units: AsyncIterable<Unit>,
  work: (unit: Unit) => Promise<Outcome>,
  width: number,
): AsyncGenerator<Outcome> {
  const iterator = units[Symbol.asyncIterator]()
  const ignore = (): undefined => undefined
  const running: Promise<Outcome>[] = []
  const ask = (): Promise<IteratorResult<Unit>> => {
    const next = iterator.next()
    // A body that breaks off while an outcome is awaited is noticed at the next look.
    next.catch(ignore)
    return next
  }
  let next = ask()
  try {
    for (;;) {
      const [first] = running
      const isFull = running.length >= width
      if (first && (isFull || (await Promise.race([first.then(() => true), next.then(() => false)])))) {
        yield await first
        void running.shift()
        continue
      }
      const unit = await next
      if (unit.done === true) break
      const outcome = work(unit.value)
      outcome.catch(ignore)
      running.push(outcome)
      next = ask()
    }
    for (const outcome of running) yield await outcome
  } finally {
    void iterator.return?.().catch(ignore)
  }
}
