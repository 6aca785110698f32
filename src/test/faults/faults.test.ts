/**
 * A fault at every call through every port, in both forms, while everything is at work: then a restart, and everything
 * is counted. What a client was told is there; what is there has its record; nothing is there twice.
 */
import test from 'ava'
import { openFaultHouse, type PortFault } from './fault-house.ts'

const POINTS: readonly (readonly [PortFault['port'], string, readonly number[]])[] = [
  ['ca-store', 'recordIntents', [1, 2, 4]],
  ['ca-store', 'recordIssued', [1, 2, 3]],
  ['ca-store', 'record', [1, 2]],
  ['ca-store', 'changeStatus', [1, 2]],
  ['ca-store', 'publishCrl', [1, 2]],
  ['ca-store', 'addCrlParts', [1, 2]],
  ['ca-store', 'readCrlPart', [1, 2, 3]],
  ['ca-store', 'findStatus', [1, 2]],
  ['ca-store', 'findBlockedKeys', [1, 3]],
  ['ca-store', 'certificatesWithKeys', [1, 3]],
  ['ca-store', 'lastCrl', [1, 2]],
  ['ca-store', 'lastRecordTime', [1]],
  // In turn: certificates, the CRL, the TSA.
  ['keys', 'sign', [1, 2, 3, 4, 5, 6, 7, 8]],
  ['log-store', 'readState', [1]],
  ['log-store', 'readUnsequenced', [1]],
  ['log-store', 'commitPending', [1]],
  ['log-store', 'completePending', [1]],
  ['checkpoint', 'read', [1]],
  ['checkpoint', 'replace', [1]],
  ['log-key', 'sign', [1]],
]

for (const [port, method, nths] of POINTS) {
  for (const persisted of [false, true]) {
    test(`check 16: ${port}.${method} ${persisted ? 'fails but persisted' : 'fails'}, then a restart`, async (t) => {
      const house = await openFaultHouse(t)
      await house.work(undefined)
      let hits = 0
      for (const nth of nths) {
        const struck = await house.work({ port, method, nth, persisted })
        hits += struck.hits
        if (struck.hits > 0) t.true(struck.codes.length > 0, 'somebody is told')
        t.deepEqual(await house.restart(), [], `call ${nth}`)
      }
      t.true(hits > 0, 'the fault struck')
      const { codes } = await house.work(undefined)
      t.deepEqual(codes, [], 'everything works again')
      t.deepEqual(await house.restart(), [])
    })
  }
}
