import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import type { StatusChange } from '../../../ca/ports.ts'
import { openStore } from '../../store/store.ts'
import { draft, intent, issued, makeTempFolder, NOW } from '../temp-store.ts'
import { type PgServer, useCluster } from './cluster.ts'

const revocation = (row: { issuerId: string; serialHex: string }): StatusChange => ({
  issuerId: row.issuerId,
  serialHex: row.serialHex,
  from: 'valid',
  to: 'revoked',
  revokedAt: NOW,
  reason: 'superseded',
  legalGround: 'holder-request',
  invalidityDate: null,
})

/** Waits until the replica has what the primary has now. */
async function catchUp(primary: PgServer, replica: PgServer): Promise<void> {
  const lsn = await primary.sql('SELECT pg_current_wal_lsn()')
  const isThere = `SELECT pg_last_wal_replay_lsn() >= '${lsn}'`
  while ((await replica.sql(isThere)) !== 't') await sleep(20)
}

test('a replica that lags behind never makes a certificate good or unknown that is not', async (t) => {
  const cluster = await useCluster(t)
  if (!cluster) return
  const database = await cluster.createDatabase('lag')
  const replica = await cluster.addReplica()
  const folder = await makeTempFolder(t)
  const open = (name: string, withReplica: boolean) =>
    openStore({
      database: { client: 'pg', connection: database, replica: withReplica ? replica.url('lag') : undefined },
      documentsDir: `${folder}/${name}`,
      checkpointFile: `${folder}/${name}-checkpoint`,
      randomBytes,
    })
  const store = await open('reader', true)
  const elsewhere = await open('elsewhere', false)
  t.teardown(async () => {
    await store.close()
    await elsewhere.close()
  })
  const issue = async () => {
    const row = intent()
    await elsewhere.ca.recordIntents([row], [draft()])
    await elsewhere.ca.recordIssued([issued(row)], [draft()])
    return row
  }
  /** What OCSP asks and what is shown of a certificate: they never differ. */
  const state = async (key: { issuerId: string; serialHex: string }) => {
    const status = await store.ca.findStatus(key.issuerId, key.serialHex, 'may-lag')
    const listing = await store.certificates.find(key, 'all', 'may-lag')
    t.is(listing?.state, status?.state)
    return status?.state
  }
  const followChanges = () => store.ca.statusChanges(Number.MAX_SAFE_INTEGER)

  const old = await issue()
  const other = await issue()
  const third = await issue()
  const [recordId = ''] = await elsewhere.records.add([draft()])
  await catchUp(cluster, replica)
  await followChanges()
  const countReads = async (): Promise<number> =>
    Number(
      await cluster.sql(
        `SELECT sum(idx_scan) FROM pg_stat_user_indexes WHERE relname ~ '^(serials|certificates|audit_records)'`,
        'lag',
      ),
    )
  await sleep(1200)
  const before = await countReads()
  for (let n = 0; n < 20; n++) {
    t.is(await state(old), 'valid')
    t.is((await store.ca.findIssued(old.issuerId, old.serialHex, 'may-lag'))?.spkiSha256, old.spkiSha256)
    t.is((await store.records.find(recordId, 'may-lag'))?.record.id, recordId)
  }
  await sleep(1200)
  t.is(await countReads(), before, 'the primary was asked although the replica knows')

  await replica.sql('SELECT pg_wal_replay_pause()')
  const young = await issue()
  t.is(await state(young), 'valid', 'not replicated yet, and not unknown')
  t.truthy(await store.ca.findIssued(young.issuerId, young.serialHex, 'may-lag'))
  const begun = intent()
  await elsewhere.ca.recordIntents([begun], [draft()])
  t.is(await state(begun), 'intent')

  // Another machine revokes: the replica still says valid, and from the next look at changes on that does not count.
  await elsewhere.ca.changeStatus(revocation(old), [draft()])
  await followChanges()
  t.is(await state(old), 'revoked')
  t.is(await state(other), 'valid')
  // Nobody follows the changes: whoever asks half a second later learns of them first.
  await elsewhere.ca.changeStatus(revocation(third), [draft()])
  await sleep(500)
  t.is(await state(third), 'revoked')
  // This machine revokes: at once.
  await store.ca.changeStatus(revocation(other), [draft()])
  t.is(await state(other), 'revoked')

  await replica.sql('SELECT pg_wal_replay_resume()')
  await catchUp(cluster, replica)
  await followChanges()
  t.is(await state(old), 'revoked')
  t.is(await state(young), 'valid')

  await replica.crash()
  t.is(await state(young), 'valid', 'without a replica the primary answers')
  t.is(await state(other), 'revoked')
})
