import test from 'ava'
import { draft, intent, issued, openTempStore } from '../test/temp-store.ts'
import { explainPlan } from './dialect.ts'
import { joinStatusReads, statementFor } from './joined-statuses.ts'

test('whoever asks in one turn of the event loop gets the own answer, also for the same serial and an unknown one', async (t) => {
  const { store } = await openTempStore(t)
  const rows = Array.from({ length: 150 }, () => intent())
  await store.ca.recordIntents(rows, [draft()])
  await store.ca.recordIssued(rows.slice(0, 100).map((row) => issued(row)), [draft()]) // prettier-ignore
  const find = joinStatusReads(store.db.reader)
  const serials = [...rows.map(({ serialHex }) => serialHex), rows[0]?.serialHex ?? '', '41ff']
  const found = await Promise.all(serials.map((serialHex) => find('issuing', serialHex)))
  t.deepEqual(
    found.map((status) => status?.serialHex),
    serials.with(151, undefined as never),
  )
  t.deepEqual(
    found.map((status) => status?.state),
    [...Array(100).fill('valid'), ...Array(50).fill('intent'), 'valid', undefined],
  )
  t.is(await find('nobody', rows[0]?.serialHex ?? ''), undefined)
})

test('a status that was stored before it was asked for is seen, one by one and together', async (t) => {
  const { store } = await openTempStore(t)
  const find = joinStatusReads(store.db.reader)
  for (let round = 0; round < 20; round++) {
    const row = intent()
    const before = find(row.issuerId, row.serialHex)
    t.is(await before, undefined)
    await store.ca.recordIntents([row], [draft()])
    t.is((await find(row.issuerId, row.serialHex))?.state, 'intent')
  }
})

test('a database that fails fails everybody who asked', async (t) => {
  const { store } = await openTempStore(t)
  const find = joinStatusReads(store.db.reader)
  await store.close()
  const outcomes = await Promise.allSettled([find('issuing', '41'), find('issuing', '42')])
  t.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
})

test('the query of many uses the index of serials', async (t) => {
  const { store } = await openTempStore(t)
  const plan = await explainPlan(store.db.reader, statementFor(8), ['issuing', ...Array(8).fill('41')])
  t.true(
    plan.some((line) => /SEARCH s USING INDEX serials/.test(line)),
    plan.join('\n'),
  )
  t.false(
    plan.some((line) => line.startsWith('SCAN')),
    plan.join('\n'),
  )
})
