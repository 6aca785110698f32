/** A real store in a new folder, for tests. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import type { IntentRow, IssuedRow, RecordDraft } from '../../ca/ports.ts'
import type { CommitterLimits } from '../store/group-commit.ts'
import { openStore, type Store } from '../store/store.ts'
import { findTestDatabase } from './test-database.ts'

/** A new folder that is removed when the test ends. */
export async function makeTempFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'yinxin-test-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A store in a new folder, on SQLite unless the test chose PostgreSQL; closed and removed when the test ends. */
export async function openTempStore(
  t: ExecutionContext,
  limits: CommitterLimits = {},
): Promise<{ store: Store; folder: string; file: string }> {
  const folder = await makeTempFolder(t)
  const file = join(folder, 'yinxin.db')
  const store = await openStore({
    database: (await findTestDatabase()) ?? { client: 'sqlite3', file },
    documentsDir: join(folder, 'documents'),
    checkpointFile: join(folder, 'checkpoint'),
    randomBytes,
    limits,
  })
  t.teardown(() => store.close())
  return { store, folder, file }
}

export const NOW = new Date('2026-03-01T08:00:00.000Z')

const hex = (bytes: number): string => randomBytes(bytes).toString('hex')

/** A record of a type that needs nothing. */
export const draft = (data: RecordDraft['data'] = {}, at = NOW): RecordDraft => ({
  type: 'certificate.intent',
  at,
  actor: 'system',
  tenant: null,
  data,
})

/** An intent with a random serial. */
export const intent = (changes: Partial<IntentRow> = {}): IntentRow => ({
  issuerId: 'issuing',
  serialHex: `41${hex(15)}`,
  profile: 'event-individual',
  class: 'event',
  tbsSha256: hex(32),
  spkiSha256: hex(32),
  shard: 0,
  actor: 'system',
  tenant: 'acme',
  at: NOW,
  ...changes,
})

/** The certificate of an intent; its bytes are not DER. */
export const issued = (row: IntentRow, changes: Partial<IssuedRow> = {}): IssuedRow => ({
  ...row,
  certDer: randomBytes(700),
  certSha256: hex(32),
  algorithm: 'ecdsa-p256-sha256',
  notBefore: row.at,
  notAfter: new Date(row.at.getTime() + 86_400_000),
  subject: 'CN=TEST ONLY',
  commonName: 'TEST ONLY',
  subjectSalt: hex(16),
  keyId: null,
  identityEvidenceId: null,
  ...changes,
})
