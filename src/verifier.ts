/** The verifier over a data folder: trusts our roots and whatever the operator put into the trust folder. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CaMaterial } from '../ca/index.ts'
import type { Config } from './config.ts'
import { readTrustFolder } from './house.ts'
import { createVerificationEngine, type EngineDeps } from './services/verification-engine.ts'
import { loadPolicy } from './verify/policy.ts'

const policies = join(import.meta.dirname, '../policies')

/** @throws {CodedError} TRUST_LIST_INVALID, VALIDATION_POLICY_INVALID */
export async function openVerifier(
  config: Config,
  material: Pick<CaMaterial, 'baseUrl'>,
  { ca, store, now }: Pick<EngineDeps, 'ca' | 'store' | 'now'>,
): Promise<ReturnType<typeof createVerificationEngine>> {
  const own = ca.issuers
    .filter(({ role }) => role === 'root')
    .map(({ certDer, issuerId }) => ({ certDer, name: issuerId, source: 'own', jurisdiction: 'CN' }))
  return createVerificationEngine({
    ca,
    store,
    now,
    ownPrefixes: [...new Set([config.baseUrl, material.baseUrl])],
    trust: [...own, ...(await readTrustFolder(config.trustDir))],
    policy: await loadPolicy((path) => readFile(join(policies, path), 'utf8')),
    fetchAllowed: config.fetchEvidence,
  })
}
