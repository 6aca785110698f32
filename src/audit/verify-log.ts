/**
 * Verifies a whole log from its records, for `yinxin audit verify`, regulators and auditors.
 *
 * It shares no code with the writer (facts: check 44): everything it imports is in `independent/`, and a test
 * holds it to that. It reads entries in order, derives tree, tiles and counts again, and reports everything
 * that does not fit; it changes nothing. What it cannot show: that everything that happened was written.
 */
import { createCertificates, type Certificates } from './independent/certificates.ts'
import { type Head, type LogKey, readHead, readLogKey } from './independent/checkpoint-text.ts'
import { createCrls } from './independent/crls.ts'
export type { LeafInput } from './independent/entry.ts'
import { type Entry, type LeafInput, readEntry } from './independent/entry.ts'
import { createFindings, type Finding, type Report } from './independent/finding.ts'
import { createLife } from './independent/life.ts'
import { createOperations } from './independent/operations.ts'
import { recount, type RecountFigures } from './independent/recount.ts'
import { equal, growTiles, growTree, leafDigest, toHexText } from './independent/tree.ts'

export { leavesFromBundles } from './independent/entry.ts'

/** What is verified. */
export type VerifyLogInput = {
  /** Raw entries in order; with their index where the source has one. `null` = the source broke off. */
  readonly leaves: AsyncIterable<LeafInput | null> | Iterable<LeafInput | null>
  /** The signed checkpoint, as published. */
  readonly checkpoint: Uint8Array
  /** `name+id+base64`, got by another way than the log. */
  readonly verifierKey: string
  /** Checkpoints that somebody kept; each must be a prefix of this log. */
  readonly earlierCheckpoints?: readonly Uint8Array[]
  /** Stored tiles, at least as wide as the checkpoint needs; left out: tiles are not compared. */
  readonly readTile?: (level: number, index: number) => Promise<Uint8Array | null>
  /** Periods to count again, each as first and last day in Asia/Shanghai. */
  readonly periods?: readonly { readonly from: string; readonly to: string }[]
  readonly onProgress?: (done: number) => void
  readonly limits?: VerifyLogLimits
}

/** What is tolerated. */
export type VerifyLogLimits = {
  /** An intent this young, counted back from the newest record, may still wait; 10 minutes when left out. */
  readonly intentGraceMs?: number
  /** Records of one moment may be written some seconds out of order; 60 s when left out. */
  readonly backwardsMs?: number
  /** A revocation this long before the newest CRL must be in it; 1 hour when left out. */
  readonly crlGraceMs?: number
}

/** What came out. */
export type LogReport = {
  readonly ok: boolean
  /** Records read. */
  readonly size: number
  readonly rootHex: string
  readonly checkpoint: { readonly origin: string; readonly size: number; readonly rootHex: string } | null
  /** The finding with the lowest index, else the first without one. */
  readonly firstDifference: Finding | null
  readonly findings: readonly Finding[]
  readonly findingCount: number
  /** Records by type. */
  readonly counts: Readonly<Record<string, number>>
  readonly figures: readonly RecountFigures[]
  /** Intents young enough to be still at work. */
  readonly inFlight: number
  readonly largestStepBackMs: number
  /** What could not be decided: CRLs without their changes, reports on days that were not over. */
  readonly undecided: { readonly crls: number; readonly reports: number }
}

type Claimed = { from: string; to: string; totals: Record<string, unknown>; index: number; time: number }

const SHANGHAI = 8 * 3_600_000

const readHeads = (input: VerifyLogInput, key: LogKey | undefined, report: Report) => {
  const open = (bytes: Uint8Array, prefix: '' | 'earlier-', at: number | null): Head | undefined => {
    const head = key === undefined ? 'not-signed' : readHead(bytes, key)
    if (typeof head !== 'string') return head
    report(`${prefix}checkpoint-${head}`, null, at === null ? '' : `checkpoint ${at}`)
    return undefined
  }
  const current = open(input.checkpoint, '', null)
  const earlier = (input.earlierCheckpoints ?? [])
    .map((bytes, at) => open(bytes, 'earlier-', at))
    .filter((head) => head !== undefined)
    .sort((a, b) => a.size - b.size)
  return { current, earlier }
}

/** Order of ids and times. */
const createOrder = (report: Report, backwardsMs: number) => {
  // Ids carry their time, so a repeated one shows up near its twin; all ids ever would not fit in memory.
  const recent = new Set<string>()
  let newest = Number.NEGATIVE_INFINITY
  let largestStepBackMs = 0
  const see = (entry: Entry, index: number): void => {
    if (recent.has(entry.id)) report('record-id-repeated', index, entry.id)
    recent.add(entry.id)
    const [oldest] = recent
    if (recent.size > 100_000 && oldest !== undefined) recent.delete(oldest)
    const back = newest - entry.time
    if (back > backwardsMs) report('time-went-back', index, entry.at)
    largestStepBackMs = Math.max(largestStepBackMs, back)
    newest = Math.max(newest, entry.time)
  }
  return { see, newest: () => newest, largestStepBackMs: () => Math.max(0, largestStepBackMs) }
}

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

/** Everything that records say, checked against itself. */
const createRules = (report: Report, limits: VerifyLogLimits) => {
  const table = createCertificates()
  const life = createLife(table, report)
  const operations = createOperations(report)
  const crls = createCrls(table, report)
  const order = createOrder(report, limits.backwardsMs ?? 60_000)
  const counts = new Map<string, number>()
  const claims: Claimed[] = []

  const claim = ({ data, time }: Entry, index: number): void => {
    const { from, to, totals } = data
    if (typeof from === 'string' && typeof to === 'string' && isTable(totals)) {
      claims.push({ from, to, totals, index, time })
    } else {
      report('record-malformed', index, 'statistics.reported')
    }
  }

  const see = (entry: Entry, index: number): void => {
    counts.set(entry.type, (counts.get(entry.type) ?? 0) + 1)
    order.see(entry, index)
    if (entry.type.startsWith('certificate.')) life.see(entry, index)
    else operations.see(entry, index)
    crls.see(entry, index)
    if (entry.type === 'statistics.reported') claim(entry, index)
  }

  /** Intents with no outcome, old ones reported; how many are young. */
  const finish = (): number => {
    const limit = order.newest() - (limits.intentGraceMs ?? 600_000)
    const open = [...[...life.open].map(([name, intent]) => ({ name, ...intent })), ...operations.open()]
    const old = open.filter((intent) => intent.time < limit)
    for (const { name, index } of old) report('intent-without-outcome', index, name)
    crls.finish(limits.crlGraceMs ?? 3_600_000)
    return open.length - old.length
  }
  return { see, finish, table, claims, counts, order, crls }
}

/** Reported figures against a recount; how many were about days that were not over yet. */
const checkClaims = (claims: readonly Claimed[], table: Certificates, report: Report): number => {
  let undecided = 0
  for (const { from, to, totals, index, time } of claims) {
    if (new Date(time + SHANGHAI).toISOString().slice(0, 10) <= to) {
      undecided++
      continue
    }
    const counted = recount(table, from, to)?.totals
    const isSame =
      counted !== undefined &&
      Object.entries(totals).every(([name, value]) => counted[name as 'issued'] === value)
    if (!isSame) report('report-differs', index, `${from} ${to}`)
  }
  return undecided
}

/** Compares derived tiles with stored ones; level 0 names the record that differs. */
const createTileCheck = (input: VerifyLogInput, report: Report) =>
  growTiles(async (level, index, digests) => {
    const stored = await input.readTile?.(level, index)
    if (stored === undefined) return
    const name = `tile/${level}/${index}`
    if (stored === null || stored.length < digests.length * 32 || stored.length % 32 !== 0) {
      return report('tile-missing', null, name)
    }
    for (const [at, digest] of digests.entries()) {
      if (equal(stored.subarray(at * 32, at * 32 + 32), digest)) continue
      if (level === 0) report('record-differs-from-tile', index * 256 + at, name)
      else report('tile-differs', null, name)
    }
  })

type Heads = ReturnType<typeof readHeads>

/** Reads entries up to the checkpoint's size; compares roots on the way. */
const readLeaves = async (
  input: VerifyLogInput,
  heads: Heads,
  report: Report,
  seeEntry: (entry: Entry, index: number) => void,
): Promise<{ size: number; root: Uint8Array }> => {
  const tree = growTree()
  const tiles = createTileCheck(input, report)
  const earlier = [...heads.earlier]
  const limit = heads.current?.size ?? Number.MAX_SAFE_INTEGER
  let size = 0
  const compareEarlier = (): void => {
    while (earlier[0]?.size === size) {
      const head = earlier.shift()
      if (head !== undefined && !equal(head.root, tree.root()))
        report('earlier-checkpoint-differs', null, `${size}`)
    }
  }
  const take = async (item: LeafInput): Promise<void> => {
    const [leaf, index] = item instanceof Uint8Array ? [item, size] : [item.leaf, item.index]
    if (index !== size) report('record-gap', size, `${index}`)
    const entry = readEntry(leaf)
    if (entry === undefined) report('record-malformed', size, '')
    else seeEntry(entry, size)
    const digest = leafDigest(leaf)
    tree.add(digest)
    await tiles.add(digest)
    size++
    if (size % 10_000 === 0) input.onProgress?.(size)
    compareEarlier()
  }
  compareEarlier()
  if (limit > 0) {
    for await (const item of input.leaves) {
      if (item === null) report('bundle-malformed', size, '')
      if (item === null) break
      await take(item)
      if (size >= limit) break
    }
  }
  await tiles.end()
  for (const head of earlier) report('earlier-checkpoint-larger', null, `${head.size}`)
  return { size, root: tree.root() }
}

const checkHead = (
  head: Head | undefined,
  read: { size: number; root: Uint8Array },
  report: Report,
): void => {
  if (head === undefined) return
  if (read.size < head.size) report('records-missing', read.size, `${head.size}`)
  else if (!equal(head.root, read.root)) report('root-differs', null, `${head.size}`)
}

const firstOf = (findings: readonly Finding[]): Finding | null =>
  findings
    .filter((finding) => finding.index !== null)
    .reduce<Finding | null>(
      (first, finding) => (first === null || (finding.index ?? 0) < (first.index ?? 0) ? finding : first),
      null,
    ) ??
  findings[0] ??
  null

/**
 * Verifies a log.
 *
 * @returns a report; `ok` only when nothing at all was found. Bad input is a finding, never an exception; what
 *   the source of entries or tiles throws is passed on
 */
export async function verifyLog(input: VerifyLogInput): Promise<LogReport> {
  const { report, list, count } = createFindings()
  const heads = readHeads(input, readLogKey(input.verifierKey), report)
  const rules = createRules(report, input.limits ?? {})
  const read = await readLeaves(input, heads, report, rules.see)
  checkHead(heads.current, read, report)
  const inFlight = rules.finish()
  const reports = checkClaims(rules.claims, rules.table, report)
  const figures = (input.periods ?? [])
    .map(({ from, to }) => recount(rules.table, from, to))
    .filter((counted) => counted !== null)
  const head = heads.current
  return {
    ok: count() === 0,
    size: read.size,
    rootHex: toHexText(read.root),
    checkpoint:
      head === undefined ? null : { origin: head.origin, size: head.size, rootHex: toHexText(head.root) },
    firstDifference: firstOf(list),
    findings: list,
    findingCount: count(),
    counts: Object.fromEntries([...rules.counts].sort(([a], [b]) => (a < b ? -1 : 1))),
    figures,
    inFlight,
    largestStepBackMs: rules.order.largestStepBackMs(),
    undecided: { crls: rules.crls.unchecked(), reports },
  }
}
