/**
 * Finds paths from a certificate to a trust anchor among certificates of any origin (RFC 4158).
 *
 * The pool comes from whoever made the document, so the search is bounded: no certificate twice on a
 * path, a depth, a number of steps, and signatures are checked while building, so that a mesh of
 * same-named certificates cannot multiply paths (cross-certificate loops, "death by a thousand paths").
 */
import { type Certificate, compareBytes, nameKey, toHex } from '../../../ca/formats.ts'
import { factsOf } from './facts.ts'
import { type PathIssue, issueAt } from './issues.ts'
import { type PathOptions, type PathVerdict, isSignedBy, validatePath } from './validate.ts'

/** Longest path, target and anchor included. */
export const MAX_PATH_CERTIFICATES = 12
/** Certificates looked at during one search. */
const MAX_SEARCH_STEPS = 2000
/** Different paths validated during one search. */
const MAX_PATHS = 64
/** Public-key operations during one search. */
const MAX_SIGNATURE_CHECKS = 300

/** Where a path starts, what it may lead through, and where it may end. */
export interface PathSearch {
  readonly target: Certificate
  readonly pool: readonly Certificate[]
  readonly anchors: readonly Certificate[]
}

interface SearchState {
  readonly byName: ReadonlyMap<string, readonly Candidate[]>
  readonly tried: Map<Certificate, Set<Certificate>>
  steps: number
  checks: number
  badSignatures: number
  deepest: readonly Certificate[]
  exhausted: boolean
}

interface Candidate {
  readonly certificate: Certificate
  readonly isAnchor: boolean
}

/**
 * Valid paths, best first, and after them nothing; when there is no valid one, the first invalid one.
 *
 * Most callers want `findPath`; a caller that also judges revocation takes one after the other.
 */
export function* validPaths(search: PathSearch, options: PathOptions): Generator<PathVerdict> {
  const state = startSearch(search)
  let failed: PathVerdict | undefined
  let valid = 0
  let seen = 0
  const shared = { ...options, work: options.work ?? { comparisons: 0 } }
  for (const path of walk(state, [search.target], isAnchorOf(search))) {
    if (++seen > MAX_PATHS) state.exhausted = true
    if (state.exhausted) break
    const verdict = validatePath(path, shared)
    if (verdict.issues.length === 0) {
      valid++
      yield verdict
    } else if (!failed || verdict.issues.length < failed.issues.length) failed = verdict
  }
  if (valid === 0) yield withLimit(failed ?? notFound(state), state)
}

/** The first valid path, or the best invalid one with its issues. */
export function findPath(search: PathSearch, options: PathOptions): PathVerdict {
  for (const verdict of validPaths(search, options)) return verdict
  throw new RangeError('a search always ends with a verdict')
}

function isAnchorOf(search: PathSearch): (certificate: Certificate) => boolean {
  return (certificate) => search.anchors.some((anchor) => isSameCertificate(anchor, certificate))
}

const isSameCertificate = (a: Certificate, b: Certificate): boolean =>
  a === b || compareBytes(a.raw, b.raw) === 0

function startSearch(search: PathSearch): SearchState {
  const byName = new Map<string, Candidate[]>()
  const seen = new Set<string>()
  const index = (certificate: Certificate, isAnchor: boolean): void => {
    const identity = `${certificate.raw.length}:${certificate.serialHex}:${toHex(certificate.signature)}`
    if (seen.has(identity)) return
    seen.add(identity)
    const key = nameKey(certificate.subject)
    const list = byName.get(key)
    if (list) list.push({ certificate, isAnchor })
    else byName.set(key, [{ certificate, isAnchor }])
  }
  for (const anchor of search.anchors) index(anchor, true)
  for (const certificate of search.pool) index(certificate, false)
  return {
    byName,
    tried: new Map(),
    steps: 0,
    checks: 0,
    badSignatures: 0,
    deepest: [search.target],
    exhausted: false,
  }
}

function* walk(
  state: SearchState,
  path: readonly Certificate[],
  isAnchor: (certificate: Certificate) => boolean,
): Generator<readonly Certificate[]> {
  const last = path.at(-1)
  if (last === undefined) return
  if (path.length > state.deepest.length) state.deepest = path
  if (path.length === 1 && isAnchor(last)) yield path
  if (path.length >= MAX_PATH_CERTIFICATES) return
  for (const { certificate, isAnchor: ends } of issuersOf(state, last)) {
    if (++state.steps > MAX_SEARCH_STEPS) state.exhausted = true
    if (state.exhausted) return
    if (path.some((earlier) => isSameEntity(earlier, certificate))) continue
    if (!hasGoodSignature(state, last, certificate)) continue
    if (ends) yield [...path, certificate]
    else yield* walk(state, [...path, certificate], isAnchor)
  }
}

/** The same subject with the same key again leads nowhere new, whatever else the certificate says. */
function isSameEntity(a: Certificate, b: Certificate): boolean {
  return compareBytes(a.spkiDer, b.spkiDer) === 0 && nameKey(a.subject) === nameKey(b.subject)
}

function hasGoodSignature(state: SearchState, certificate: Certificate, issuer: Certificate): boolean {
  const tried = state.tried.get(certificate) ?? new Set<Certificate>()
  state.tried.set(certificate, tried)
  if (!tried.has(issuer) && ++state.checks > MAX_SIGNATURE_CHECKS) {
    state.exhausted = true
    return false
  }
  const good = isSignedBy(certificate, issuer)
  // A namesake whose key is said to be another one is no forgery: another installation, or an older key.
  if (!tried.has(issuer) && !good && keyFit(certificate, issuer) < 2) state.badSignatures++
  tried.add(issuer)
  return good
}

/** 0: the key identifiers are the same, 1: one is not given, 2: they differ (RFC 5280 §4.2.1.1). */
function keyFit(certificate: Certificate, issuer: Certificate): 0 | 1 | 2 {
  const wanted = factsOf(certificate).authorityKeyIdentifier?.keyIdentifier
  const has = factsOf(issuer).subjectKeyIdentifier
  if (!wanted || !has) return 1
  return compareBytes(wanted, has) === 0 ? 0 : 2
}

/** Candidates by name: those whose key identifier fits first, and anchors before others. */
function issuersOf(state: SearchState, certificate: Certificate): readonly Candidate[] {
  const named = state.byName.get(nameKey(certificate.issuer)) ?? []
  if (named.length < 2) return named
  const rank = (candidate: Candidate): number =>
    keyFit(certificate, candidate.certificate) * 2 + (candidate.isAnchor ? 0 : 1)
  return [...named].sort((a, b) => rank(a) - rank(b))
}

function notFound(state: SearchState): PathVerdict {
  const path = state.deepest
  const index = path.length - 1
  const key = state.badSignatures > 0 ? 'PATH_SIGNATURE_INVALID' : 'PATH_NOT_FOUND'
  return { path, issues: [issueAt(key, path, index)], policies: new Set() }
}

function withLimit(verdict: PathVerdict, state: SearchState): PathVerdict {
  if (!state.exhausted) return verdict
  const limit: PathIssue = issueAt('PATH_WORK_LIMIT', verdict.path, verdict.path.length - 1)
  return { ...verdict, issues: [...verdict.issues, limit] }
}
