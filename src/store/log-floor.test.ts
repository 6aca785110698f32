import test from 'ava'
import { CodedError } from '../../ca/errors.ts'
import { createLog, openSequencer } from '../audit/sequencer.ts'
import { createCheckpointJob } from '../jobs/checkpoint-job.ts'
import { makeSigner } from '../test/audit-log.ts'
import { draft, intent, NOW, openTempStore } from '../test/temp-store.ts'
import { createLogFloor } from './log-floor.ts'

test('a floor only rises; what is behind it is refused until it is seen to have come back', (t) => {
  const floor = createLogFloor()
  const look = (size: number) => () => floor.asking()(size)
  floor.check()
  look(5)()
  floor.raise(3)
  look(5)()
  floor.raise(9)
  floor.check()
  t.throws(look(8), { code: 'LOG_STORE_OLDER' })
  t.throws(() => floor.check(), { code: 'LOG_STORE_OLDER' }, 'also without another look')
  look(9)()
  floor.check()
  floor.doubt(new CodedError('LOG_FORK', 'two histories'))
  t.throws(look(20), { code: 'LOG_FORK' })
  floor.doubt(undefined)
  t.throws(look(19), { code: 'LOG_STORE_OLDER' })
})

test('answers that overtake each other are no set-back: the log grew between the questions', (t) => {
  const floor = createLogFloor()
  const [first, second] = [floor.asking(), floor.asking()]
  second(65)
  first(50)
  floor.check()
  const [early, late] = [floor.asking(), floor.asking()]
  t.throws(() => late(10), { code: 'LOG_STORE_OLDER' })
  t.throws(() => early(70), { code: 'LOG_STORE_OLDER' })
  t.throws(() => floor.check(), { code: 'LOG_STORE_OLDER' }, 'the later look counts')
})

test('check 48: a log with another history than the published one: nothing is written or looked up, until it is gone', async (t) => {
  const signer = makeSigner()
  const ours = await openTempStore(t)
  const theirs = await openTempStore(t)
  const portsOf = ({ store }: typeof ours) => ({ store: store.log, published: store.published, signer, now: () => NOW }) // prettier-ignore
  for (const [name, one] of Object.entries({ ours, theirs })) {
    await createLog(portsOf(one))
    await one.store.records.add([draft({ name })])
    const sequencer = await openSequencer(portsOf(one))
    await sequencer.tick()
    await sequencer.close()
  }
  const { store } = ours
  const job = createCheckpointJob(portsOf(ours), {
    isSequencer: () => false,
    isShared: true,
    onDoubt: store.floor.doubt,
  })
  await job.run()
  const own = await store.published.read()
  const foreign = await theirs.store.published.read()
  t.true(await store.published.replace(own, foreign!))
  await t.throwsAsync(job.run(), { code: 'LOG_FORK' })
  t.deepEqual(await store.published.read(), foreign, 'the copy is the witness: it is not overwritten')
  await t.throwsAsync(store.ca.recordIntents([intent()], [draft()]), { code: 'LOG_FORK' })
  await t.throwsAsync(store.ca.findStatus('issuing', '41'), { code: 'LOG_FORK' })
  await t.throwsAsync(store.ca.statusChanges(0), { code: 'LOG_FORK' })
  t.is(await store.records.count(), 1)
  t.true(await store.published.replace(foreign, own!))
  await job.run()
  await store.ca.recordIntents([intent()], [draft()])
  t.is(await store.records.count(), 2)
})
