/** Builds audit logs for tests: records, the writer's log over them, and what an auditor gets. Keys are TEST ONLY. */
import { generateKeyPairSync, sign } from 'node:crypto'
import { buildNoteKey, encodeVerifierKey, type NoteSigner, parseEd25519Spki } from '../audit/note.ts'
import { encodeRecord, type RecordType } from '../audit/record.ts'
import { createLog, openSequencer } from '../audit/sequencer.ts'
import type { VerifyLogInput } from '../audit/verify-log.ts'
import type { JsonObject } from '../lib/canonical-json.ts'
import { addRow, makeDisk, makeMemoryCopy, makeMemoryLogStore } from './memory-log-store.ts'

/** A log key made now. */
export const makeSigner = (origin = 'log.example/test-only'): NoteSigner => {
  const pair = generateKeyPairSync('ed25519')
  const spki = new Uint8Array(pair.publicKey.export({ type: 'spki', format: 'der' }))
  return {
    key: buildNoteKey(origin, parseEd25519Spki(spki)),
    sign: (message) => new Uint8Array(sign(null, message, pair.privateKey)),
  }
}

/** When the first record of a test happens. */
export const START = Date.parse('2026-03-01T01:00:00Z')

/** A record without its envelope. */
export type Draft = { type: RecordType; data: JsonObject; at?: number }

/** Leaf bytes of drafts, a second apart. */
export const toLeaves = (drafts: readonly Draft[]): Uint8Array[] =>
  drafts.map((draft, at) =>
    encodeRecord({
      v: 1,
      id: `rec${String(at).padStart(10, '0')}`,
      at: new Date(draft.at ?? START + at * 1000).toISOString(),
      type: draft.type,
      actor: 'system',
      tenant: null,
      data: draft.data,
    }),
  )

/** Any digest. */
export const SHA = 'ab'.repeat(32)
/** A serial number from a small one. */
export const serial = (n: number): string => `4${n.toString(16).padStart(31, '0')}`

/** An intent to issue a certificate. */
export const intent = (n: number, more: JsonObject = {}): Draft => ({
  type: 'certificate.intent',
  data: {
    serialHex: serial(n),
    issuerId: 'ca1',
    profile: 'organisation',
    profileSha256: SHA,
    tbsSha256: SHA,
    ...more,
  },
})

/** Its issue. */
export const issued = (n: number, more: JsonObject = {}): Draft => ({
  type: 'certificate.issued',
  data: {
    ...intent(n).data,
    class: 'organisation',
    algorithm: 'ecdsa-p256',
    notBefore: '2026-03-01T00:00:00Z',
    notAfter: '2027-03-01T00:00:00Z',
    certSha256: SHA,
    spkiSha256: SHA,
    subjectHash: SHA,
    ...more,
  },
})

/** A change of its status. */
export const status = (type: 'revoked' | 'held' | 'released', n: number): Draft => ({
  type: `certificate.${type}`,
  data: { serialHex: serial(n), issuerId: 'ca1', reason: 'superseded', legalGround: 'holder-request' },
})

/** A published CRL. */
export const crl = (
  number: string,
  added: string[],
  removed: string[],
  entryCount: number,
  at?: number,
): Draft => {
  const thisUpdate = new Date(at ?? START + 60_000).toISOString()
  const data = {
    issuerId: 'ca1',
    shard: null,
    crlNumber: number,
    thisUpdate,
    nextUpdate: thisUpdate,
    entryCount,
    crlSha256: SHA,
    added,
    removed,
  }
  return { type: 'crl.published', data, ...(at === undefined ? {} : { at }) }
}

/** The intent to publish one. */
export const crlIntent = (number: string, at?: number): Draft => ({
  type: 'crl.intent',
  data: { issuerId: 'ca1', shard: null, crlNumber: number },
  ...(at === undefined ? {} : { at }),
})

/** The list of an offline root, taken in. */
export const crlImported = (
  number: string,
  added: string[],
  removed: string[],
  entryCount: number,
  more: JsonObject = {},
): Draft => ({
  type: 'crl.imported',
  data: {
    issuerId: 'root',
    shard: null,
    crlNumber: number,
    thisUpdate: new Date(START).toISOString(),
    nextUpdate: new Date(START + 86_400_000).toISOString(),
    entryCount,
    crlSha256: SHA,
    added,
    removed,
    revokedIssuers: [],
    ...more,
  },
})

/** Sequences leaves with the writer, and gives the verifier what an auditor has. */
export const writeLog = async (leaves: readonly Uint8Array[], batchSize = 4096) => {
  const disk = makeDisk()
  const signer = makeSigner()
  let time = START
  const ports = {
    store: makeMemoryLogStore(disk),
    published: makeMemoryCopy(disk),
    signer,
    now: () => new Date(time++),
    batchSize,
  }
  await createLog(ports)
  const sequencer = await openSequencer(ports)
  for (const [at, leaf] of leaves.entries()) addRow(disk, `row${at}`, leaf)
  const checkpoints: Uint8Array[] = []
  while ((await sequencer.tick()).sequenced > 0) checkpoints.push(disk.published!)
  const input: VerifyLogInput = {
    leaves: disk.rows.map((row) => ({ index: row.index!, leaf: row.leaf })),
    checkpoint: disk.published!,
    verifierKey: encodeVerifierKey(signer.key),
    readTile: ports.store.readTile,
  }
  return { input, store: ports.store, disk, checkpoints, signer }
}
