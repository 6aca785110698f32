/** What is looked at after a crash: quickly over HTTP after each, and everything from the files now and then. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseVerifierKey } from '../../audit/note.ts'
import { verifyReceipt } from '../../audit/receipt.ts'
import { fromBase64 } from '../../lib/bytes.ts'
import { ApiError, type Client } from '../../sdk/client.ts'
import { checkHouse, type HouseReport } from '../check-house/check-house.ts'
import { openTables } from '../check-house/tables.ts'
import type { CertificateJson } from '../e2e/objects.ts'
import { hashOfPem } from './load.ts'
import type { Told } from './told.ts'

const RECENT = 12

const last = <T>(all: Iterable<T>, count: number): T[] => [...all].slice(-count)

/** The newest answers are still true; they are what a crash could have lost. @returns what is not */
export async function checkRecent(api: Client, told: Told): Promise<string[]> {
  const findings: string[] = []
  const keys = new Set([...last(told.certificates.keys(), RECENT), ...last(told.revoked, RECENT)])
  for (const key of keys) {
    const found = await findCertificate(api, key)
    if (found === undefined) findings.push(`${key}: a client has it, the service does not know it`)
    else if (hashOfPem(found.certificatePem) !== told.certificates.get(key))
      findings.push(`${key}: the service has another one than the client`)
    else if (told.revoked.has(key) && found.state !== 'revoked')
      findings.push(`${key}: revoked, and now ${found.state}`)
  }
  for (const [id, { signedSha256 }] of last(told.signatures, 3)) {
    const bytes = await api.bytes('GET', `/v1/signatures/${id}/document`)
    if (createHash('sha256').update(bytes).digest('hex') !== signedSha256)
      findings.push(`signature ${id}: another document`)
  }
  return findings
}

async function findCertificate(api: Client, key: string): Promise<CertificateJson | undefined> {
  try {
    return await api.json<CertificateJson>('GET', `/v1/certificates/${key}`)
  } catch (error) {
    if (error instanceof ApiError && error.problem.status === 404) return undefined
    throw error
  }
}

type Material = { readonly issuers: readonly { readonly certificate: string }[] }

/** Everything, from the files of a service that has ended. @returns what was counted, and what does not fit */
export async function checkWhole(dataDir: string, told: Told): Promise<HouseReport> {
  const database = join(dataDir, 'yinxin.sqlite')
  const verifierKey = (await readFile(join(dataDir, 'published/verifier-key'), 'utf8')).trim()
  const material = JSON.parse(await readFile(join(dataDir, 'ca.json'), 'utf8')) as Material
  const report = await checkHouse({
    database,
    checkpoint: join(dataDir, 'published/checkpoint'),
    verifierKey,
    earlierCheckpoints: told.checkpoints,
    issuersDer: material.issuers.map(({ certificate }) => fromBase64(certificate)),
  })
  const findings = [...report.findings, ...told.contradictions]
  for (const [key, sha256] of told.certificates)
    if (report.stored.get(key) !== sha256) findings.push(`${key}: a client has it, the database does not`)
  for (const key of told.revoked)
    if (report.states.get(key) !== 'revoked')
      findings.push(`${key}: a client revoked it, the database did not`)
  findings.push(...checkReceipts(database, verifierKey, told))
  return { ...report, findings }
}

/** Each receipt against the record that the database has at its place now. */
function checkReceipts(database: string, verifierKey: string, told: Told): string[] {
  if (told.receipts.length === 0) return []
  const key = parseVerifierKey(verifierKey)
  const tables = openTables(database)
  try {
    const leaves = new Map<string, Uint8Array>()
    for (const { index, leaf } of tables.records()) if (index !== null) leaves.set(String(index), leaf)
    return told.receipts.flatMap(({ key: name, text }) => {
      const place = /^index (\d+)$/m.exec(new TextDecoder().decode(text))?.[1] ?? ''
      const leaf = leaves.get(place)
      const isTrue =
        leaf !== undefined &&
        verifyReceipt(text, leaf, key).ok &&
        new TextDecoder().decode(leaf).includes(name.slice(name.indexOf('/') + 1))
      return isTrue ? [] : [`${name}: its receipt does not hold`]
    })
  } finally {
    tables.close()
  }
}
