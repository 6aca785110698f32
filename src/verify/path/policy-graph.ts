/**
 * Certificate policies along a path (RFC 5280 §6.1 as updated by RFC 9618).
 *
 * The tree of RFC 5280 doubles with every mapping, so a short chain can ask for 2^n nodes. RFC 9618
 * keeps one node per policy and level, with several parents; the work is linear in the certificates.
 */
import { ANY_POLICY } from '../../../ca/formats.ts'
import type { PolicyMapping } from './constraints.ts'

interface PolicyNode {
  readonly policy: string
  expected: ReadonlySet<string>
  readonly parents: readonly PolicyNode[]
}

type Level = Map<string, PolicyNode>

/** Graph of the policies that are still possible; `levels` is empty when it is NULL. */
export interface PolicyGraph {
  levels: Level[]
}

/** The graph before the first certificate: anyPolicy alone (RFC 5280 §6.1.2 (a)). */
export function initialPolicyGraph(): PolicyGraph {
  const root: PolicyNode = { policy: ANY_POLICY, expected: new Set([ANY_POLICY]), parents: [] }
  return { levels: [new Map([[ANY_POLICY, root]])] }
}

/** True when no policy is left. */
export const isNullGraph = (graph: PolicyGraph): boolean => graph.levels.length === 0

/**
 * Adds one certificate (RFC 9618 §5.3, RFC 5280 §6.1.3 (d) and (e)).
 *
 * @param policies undefined when the certificate has no certificatePolicies
 * @param anyAllowed whether anyPolicy in this certificate counts
 */
export function addPolicies(
  graph: PolicyGraph,
  policies: readonly string[] | undefined,
  anyAllowed: boolean,
): void {
  const above = graph.levels.at(-1)
  if (above === undefined) return
  if (policies === undefined) {
    graph.levels = []
    return
  }
  const expecting = expectingNodes(above)
  const anyAbove = above.get(ANY_POLICY)
  const level: Level = new Map()
  const add = (policy: string, parents: readonly PolicyNode[]): void => {
    level.set(policy, { policy, expected: new Set([policy]), parents })
  }
  for (const policy of policies) {
    if (policy === ANY_POLICY) continue
    const parents = expecting.get(policy)
    if (parents) add(policy, parents)
    else if (anyAbove) add(policy, [anyAbove])
  }
  if (anyAllowed && policies.includes(ANY_POLICY))
    for (const [policy, parents] of expecting) if (!level.has(policy)) add(policy, parents)
  graph.levels.push(level)
  prune(graph)
}

function expectingNodes(level: Level): Map<string, PolicyNode[]> {
  const map = new Map<string, PolicyNode[]>()
  for (const node of level.values())
    for (const policy of node.expected) {
      const list = map.get(policy)
      if (list) list.push(node)
      else map.set(policy, [node])
    }
  return map
}

/**
 * Applies policyMappings of the certificate just added (RFC 9618 §5.4, RFC 5280 §6.1.4 (b)).
 *
 * @param allowed false when policy mapping is inhibited: mapped policies are removed instead
 */
export function applyMappings(
  graph: PolicyGraph,
  mappings: readonly PolicyMapping[],
  allowed: boolean,
): void {
  const level = graph.levels.at(-1)
  if (level === undefined) return
  const targets = new Map<string, Set<string>>()
  for (const { issuerDomainPolicy, subjectDomainPolicy } of mappings) {
    const set = targets.get(issuerDomainPolicy) ?? new Set<string>()
    targets.set(issuerDomainPolicy, set.add(subjectDomainPolicy))
  }
  for (const [policy, expected] of targets) {
    const node = level.get(policy)
    const any = level.get(ANY_POLICY)
    if (!allowed) level.delete(policy)
    else if (node) node.expected = expected
    else if (any) level.set(policy, { policy, expected, parents: any.parents })
  }
  prune(graph)
}

/** Removes nodes without children above the last level; an empty last level makes the graph NULL. */
function prune(graph: PolicyGraph): void {
  const { levels } = graph
  if (levels.at(-1)?.size === 0) {
    graph.levels = []
    return
  }
  for (let i = levels.length - 1; i > 0; i--) {
    const [above, below] = [levels[i - 1], levels[i]]
    if (!above || !below || !pruneLevel(above, below)) return
  }
}

/** True when a node went; where none does, nothing changes further up. */
function pruneLevel(above: Level, below: Level): boolean {
  const used = new Set<PolicyNode>()
  for (const node of below.values()) for (const parent of node.parents) used.add(parent)
  const before = above.size
  for (const node of above.values()) if (!used.has(node)) above.delete(node.policy)
  return above.size < before
}

/**
 * The user-constrained policy set at the end of the path (RFC 9618 §5.5); empty when no policy is acceptable.
 *
 * @param initial user-initial-policy-set; `anyPolicy` in it accepts every policy
 */
export function userConstrainedPolicies(graph: PolicyGraph, initial: ReadonlySet<string>): Set<string> {
  const last = graph.levels.at(-1)
  if (last === undefined) return new Set()
  const authority = new Set<string>()
  for (const level of graph.levels.slice(1))
    for (const node of level.values())
      if (node.policy !== ANY_POLICY && node.parents.some((parent) => parent.policy === ANY_POLICY))
        authority.add(node.policy)
  const anyLeft = last.has(ANY_POLICY)
  if (initial.has(ANY_POLICY)) return anyLeft ? authority.add(ANY_POLICY) : authority
  return anyLeft ? new Set(initial) : new Set([...initial].filter((policy) => authority.has(policy)))
}
