/** What drafting works with, opened from the material of a ceremony: no key of the CA is touched. */
import { join } from 'node:path'
import { KEY_ALGORITHMS } from './algorithms/key-algorithms.ts'
import type { DraftCore, Issuer } from './core.ts'
import { CodedError } from './errors.ts'
import { openThrowAwaySignatures } from './keys/throw-away.ts'
import { type CaMaterial, openIssuer } from './material.ts'
import { type Profile, loadProfiles } from './profiles.ts'
import { openTemplates } from './template.ts'

/** Profiles of a policies folder. @throws {PROFILE_VIOLATION} when one does not fit its schema */
export const openProfiles = (policiesFolder: string): ReadonlyMap<string, Profile> =>
  loadProfiles(join(policiesFolder, 'profiles'), join(policiesFolder, 'schema/profile.schema.json'))

/** One key per signature algorithm, the quickest to make. */
const throwAwayRows = (names: ReadonlySet<string>): typeof KEY_ALGORITHMS =>
  KEY_ALGORITHMS.filter(
    (row, index) =>
      names.has(row.signature.name) &&
      KEY_ALGORITHMS.findIndex((other) => other.signature.name === row.signature.name) === index,
  )

/** Opens it. @throws {CEREMONY_INVALID} {PROFILE_VIOLATION} */
export async function openDraftCore(
  material: CaMaterial,
  profiles: ReadonlyMap<string, Profile>,
): Promise<DraftCore> {
  const issuers = new Map<string, Issuer>()
  for (const one of material.issuers) {
    if (issuers.has(one.issuerId))
      throw new CodedError('CEREMONY_INVALID', 'material: an issuerId occurs twice')
    issuers.set(one.issuerId, openIssuer(one, [...issuers.values()]))
  }
  const rows = new Set([...issuers.values()].map((issuer) => issuer.signatureAlgorithm.name))
  return {
    issuers,
    profiles,
    throwAway: await openThrowAwaySignatures(throwAwayRows(rows)),
    template: openTemplates(material),
    instanceByte: material.instanceByte,
    baseUrl: material.baseUrl,
    policyArc: material.policyArc,
  }
}
