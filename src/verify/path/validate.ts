/** Validation of one certification path (RFC 5280 §6.1, RFC 9618, trust anchor constraints as in RFC 5937). */
import { ANY_POLICY, type Certificate, EXT, isSameName, verifySignature } from '../../../ca/formats.ts'
import type { NameConstraints } from './constraints.ts'
import { type CertificateFacts, factsOf, findSignatureAlgorithm, findSubjectKey } from './facts.ts'
import { type PathIssue, type PathIssueKey, issueAt } from './issues.ts'
import { type WorkCounter, constrainedNames, findNameViolation } from './name-constraints.ts'
import {
  type PolicyGraph,
  addPolicies,
  applyMappings,
  initialPolicyGraph,
  isNullGraph,
  userConstrainedPolicies,
} from './policy-graph.ts'
import { findProfileViolations } from './profile.ts'
import { type Purpose, findPurposeViolation, isCaPurposeAllowed } from './purpose.ts'

/** Inputs of RFC 5280 §6.1.1, and what this product adds to them. */
export interface PathOptions {
  readonly at: Date
  readonly purpose: Purpose
  /** user-initial-policy-set; any policy when left out. */
  readonly initialPolicies?: ReadonlySet<string>
  readonly requireExplicitPolicy?: boolean
  readonly inhibitPolicyMapping?: boolean
  readonly inhibitAnyPolicy?: boolean
  /** False treats the anchor as a name and a key only (RFC 5280 §6.1.1 (d)); true unless given. */
  readonly anchorConstraints?: boolean
  /** Whether the anchor's own validity counts; true unless given. */
  readonly anchorValidity?: boolean
  /** Also demands what RFC 5280 §4 asks of conforming CAs. */
  readonly strict?: boolean
  /** Intermediate certificates allowed; the builder's cap applies in any case. */
  readonly maxIntermediates?: number
  /** Shared by the paths of one search, so that many paths cannot multiply the bound on name comparisons. */
  readonly work?: WorkCounter
  /** Judges the algorithm and key of each signature on the path; a detail when it is too weak. */
  readonly checkAlgorithm?: (certificate: Certificate, issuer: Certificate) => string | undefined
}

/** Result of one path; valid when `issues` is empty. */
export interface PathVerdict {
  /** Target first, trust anchor last. */
  readonly path: readonly Certificate[]
  readonly issues: readonly PathIssue[]
  /** user-constrained-policy-set. */
  readonly policies: ReadonlySet<string>
}

interface State {
  readonly path: readonly Certificate[]
  readonly options: PathOptions
  readonly issues: PathIssue[]
  readonly graph: PolicyGraph
  readonly constraints: NameConstraints[]
  readonly work: WorkCounter
  explicitPolicy: number
  policyMapping: number
  inhibitAny: number
  maxPathLength: number
}

/**
 * Validates one path.
 *
 * @param path target first, trust anchor last; a path of one certificate is a target that is itself trusted
 */
export function validatePath(path: readonly Certificate[], options: PathOptions): PathVerdict {
  const n = path.length - 1
  const state: State = {
    path,
    options,
    issues: [],
    graph: initialPolicyGraph(),
    constraints: [],
    work: options.work ?? { comparisons: 0 },
    explicitPolicy: options.requireExplicitPolicy ? 0 : n + 1,
    policyMapping: options.inhibitPolicyMapping ? 0 : n + 1,
    inhibitAny: options.inhibitAnyPolicy ? 0 : n + 1,
    maxPathLength: Math.max(n, 1),
  }
  if (options.maxIntermediates !== undefined && n - 1 > options.maxIntermediates) add(state, 'PATH_LENGTH', 0)
  startAtAnchor(state)
  for (let index = n - 1; index >= 0; index--) {
    basicChecks(state, index)
    if (index > 0) prepareNext(state, index)
  }
  const policies = wrapUp(state)
  return { path, issues: state.issues, policies }
}

function add(state: State, key: PathIssueKey, index: number, detail?: string): void {
  state.issues.push(issueAt(key, state.path, index, detail))
}

/** The facts at a position; the caller counts within the path. */
function factsAt(state: State, index: number): CertificateFacts {
  const certificate = state.path[index]
  if (!certificate) throw new RangeError('index is outside of the path')
  return factsOf(certificate)
}

function startAtAnchor(state: State): void {
  const index = state.path.length - 1
  const facts = factsAt(state, index)
  if (state.options.anchorValidity !== false) checkValidity(state, index)
  if (index === 0 || state.options.anchorConstraints === false) return
  checkExtensions(state, index)
  limitPoliciesByAnchor(state, facts)
  takeConstraints(state, facts)
  checkCa(state, index, facts)
}

/** RFC 5937 §3: policies that the anchor does not have are out; its own counters start the path's. */
function limitPoliciesByAnchor(state: State, facts: CertificateFacts): void {
  if (facts.policies) addPolicies(state.graph, facts.policies, true)
  applyPolicyLimits(state, facts)
}

function basicChecks(state: State, index: number): void {
  const facts = factsAt(state, index)
  const { certificate } = facts
  const issuer = factsAt(state, index + 1).certificate
  if (!isSignedBy(certificate, issuer)) add(state, signatureIssue(certificate, issuer), index)
  const weakness = state.options.checkAlgorithm?.(certificate, issuer)
  if (weakness !== undefined) add(state, 'ALGORITHM_TOO_WEAK', index, weakness)
  checkValidity(state, index)
  if (!isSameName(certificate.issuer, issuer.subject)) add(state, 'PATH_ISSUER_NAME', index)
  checkExtensions(state, index)
  if (!facts.isSelfIssued || index === 0) checkNames(state, index, facts)
  const anyAllowed = state.inhibitAny > 0 || (index > 0 && facts.isSelfIssued)
  addPolicies(state.graph, facts.policies, anyAllowed)
  if (state.explicitPolicy === 0 && isNullGraph(state.graph)) add(state, 'PATH_POLICY', index)
}

const signatures = new WeakMap<Certificate, WeakMap<Certificate, boolean>>()

/** True when the issuer's key verifies the certificate's signature; each pair is computed once. */
export function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  let byIssuer = signatures.get(certificate)
  if (!byIssuer) signatures.set(certificate, (byIssuer = new WeakMap()))
  let result = byIssuer.get(issuer)
  if (result === undefined) {
    const key = findSubjectKey(issuer)
    const algorithm = findSignatureAlgorithm(certificate)
    result =
      key !== undefined &&
      algorithm !== undefined &&
      verifySignature(algorithm, key.object, certificate.tbs, certificate.signature)
    byIssuer.set(issuer, result)
  }
  return result
}

function signatureIssue(certificate: Certificate, issuer: Certificate): PathIssueKey {
  if (!findSignatureAlgorithm(certificate)) return 'ALGORITHM_UNKNOWN'
  return findSubjectKey(issuer) ? 'PATH_SIGNATURE_INVALID' : 'CERT_KEY_UNUSABLE'
}

function checkValidity(state: State, index: number): void {
  const { notBefore, notAfter } = factsAt(state, index).certificate
  const { at } = state.options
  if (at < notBefore) add(state, 'CERT_NOT_YET_VALID', index, notBefore.toISOString())
  if (at > notAfter) add(state, 'CERT_EXPIRED', index, notAfter.toISOString())
}

/** Extensions that this code, or revocation checking after it, acts upon. */
const processed = new Set<string>([
  EXT.basicConstraints,
  EXT.keyUsage,
  EXT.extKeyUsage,
  EXT.subjectAltName,
  EXT.issuerAltName,
  EXT.nameConstraints,
  EXT.certificatePolicies,
  EXT.policyMappings,
  EXT.policyConstraints,
  EXT.inhibitAnyPolicy,
  EXT.crlDistributionPoints,
  EXT.authorityKeyIdentifier,
  EXT.subjectKeyIdentifier,
  EXT.qcStatements,
])

function checkExtensions(state: State, index: number): void {
  const facts = factsAt(state, index)
  for (const { oid, critical } of facts.certificate.extensions.values())
    if (critical && !processed.has(oid)) add(state, 'CERT_CRITICAL_EXTENSION_UNKNOWN', index, oid)
  for (const oid of facts.malformed) add(state, 'CERT_MALFORMED', index, oid)
  if (!state.options.strict) return
  const isAnchor = index === state.path.length - 1
  for (const rule of findProfileViolations(facts, isAnchor)) add(state, 'CERT_PROFILE', index, rule)
}

function checkNames(state: State, index: number, facts: CertificateFacts): void {
  const names = constrainedNames(facts.certificate.subject, facts.alternativeNames)
  for (const constraints of state.constraints) {
    const violation = findNameViolation(constraints, names, state.work)
    if (!violation) continue
    const key = violation.rule === 'too-many' ? 'PATH_WORK_LIMIT' : 'PATH_NAME_CONSTRAINTS'
    add(state, key, index, `${violation.kind} ${violation.rule}`)
    return
  }
}

/** RFC 5280 §6.1.4. */
function prepareNext(state: State, index: number): void {
  const facts = factsAt(state, index)
  if (facts.policyMappings.length > 0)
    applyMappings(state.graph, facts.policyMappings, state.policyMapping > 0)
  takeConstraints(state, facts)
  if (!facts.isSelfIssued) {
    if (state.explicitPolicy > 0) state.explicitPolicy--
    if (state.policyMapping > 0) state.policyMapping--
    if (state.inhibitAny > 0) state.inhibitAny--
  }
  applyPolicyLimits(state, facts)
  checkCa(state, index, facts)
}

function takeConstraints(state: State, facts: CertificateFacts): void {
  if (facts.nameConstraints) state.constraints.push(facts.nameConstraints)
}

function applyPolicyLimits(state: State, facts: CertificateFacts): void {
  const { requireExplicitPolicy, inhibitPolicyMapping } = facts.policyConstraints
  state.explicitPolicy = Math.min(state.explicitPolicy, requireExplicitPolicy ?? Infinity)
  state.policyMapping = Math.min(state.policyMapping, inhibitPolicyMapping ?? Infinity)
  state.inhibitAny = Math.min(state.inhibitAny, facts.inhibitAnyPolicy ?? Infinity)
}

/** RFC 5280 §6.1.4 (k) to (n): may this certificate issue others? An anchor may be of version 1 or 2. */
function checkCa(state: State, index: number, facts: CertificateFacts): void {
  const isAnchor = index === state.path.length - 1
  const constraints = facts.basicConstraints
  if (!isCa(facts, isAnchor)) add(state, 'PATH_NOT_A_CA', index)
  if (!isAnchor && !facts.isSelfIssued && --state.maxPathLength < 0) add(state, 'PATH_LENGTH', index)
  state.maxPathLength = Math.min(state.maxPathLength, constraints?.pathLength ?? Infinity)
  if (facts.keyUsage && !facts.keyUsage.has('keyCertSign')) add(state, 'PATH_CA_KEY_USAGE', index)
  if (!isCaPurposeAllowed(facts, state.options.purpose)) add(state, 'PATH_CA_EXT_KEY_USAGE', index)
}

const isCa = ({ basicConstraints, certificate }: CertificateFacts, isAnchor: boolean): boolean =>
  basicConstraints?.ca === true || (isAnchor && certificate.version < 3)

/** RFC 5280 §6.1.5, and the purpose of the target. */
function wrapUp(state: State): ReadonlySet<string> {
  const facts = factsAt(state, 0)
  const isTrustedTarget = state.path.length === 1
  if (isTrustedTarget) checkExtensions(state, 0)
  else if (state.explicitPolicy > 0) state.explicitPolicy--
  if (facts.policyConstraints.requireExplicitPolicy === 0) state.explicitPolicy = 0
  const policies = userConstrainedPolicies(
    state.graph,
    state.options.initialPolicies ?? new Set([ANY_POLICY]),
  )
  const alreadySaid = state.issues.some(({ key }) => key === 'PATH_POLICY')
  if (state.explicitPolicy === 0 && policies.size === 0 && !alreadySaid) add(state, 'PATH_POLICY', 0)
  const violation = findPurposeViolation(facts, state.options.purpose)
  // Who puts a CA itself on the trust list has decided that it may stand at the end.
  if (violation && !(isTrustedTarget && violation === 'CERT_IS_A_CA')) add(state, violation, 0)
  return policies
}
