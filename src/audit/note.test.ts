import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { isCoded } from '../../ca/errors.ts'
import { openCheckpoint, parseCheckpoint, parseCheckpointText, signCheckpoint } from './checkpoint.ts'
import { hashEmpty, hashLeaf } from './merkle.ts'
import {
  buildNoteKey,
  encodeNote,
  encodeVerifierKey,
  openNote,
  parseEd25519Spki,
  parseNote,
  parseVerifierKey,
  signNote,
} from './note.ts'
import { encodeReceipt, parseReceipt, verifyReceipt } from './receipt.ts'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

const makeSigner = (name: string) => {
  const pair = generateKeyPairSync('ed25519')
  const privateKey: KeyObject = pair.privateKey
  const spki = pair.publicKey.export({ type: 'spki', format: 'der' })
  const key = buildNoteKey(name, parseEd25519Spki(new Uint8Array(spki)))
  return { key, sign: (message: Uint8Array) => new Uint8Array(sign(null, message, privateKey)) }
}

const isTyped = (act: () => unknown): boolean => {
  try {
    act()
    return true
  } catch (error) {
    return isCoded(error)
  }
}

// The key and note of the signed-note reference implementation's documentation.
const NEUMANN = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
const NEUMANN_NOTE =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
  '\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n'

test('check 41: the reference note verifies under the reference key', (t) => {
  const key = parseVerifierKey(NEUMANN)
  t.is(key.keyId, 0xc74f20a3)
  t.is(encodeVerifierKey(key), NEUMANN)
  const opened = openNote(utf8(NEUMANN_NOTE), [key])
  t.deepEqual(opened?.signedBy, ['PeterNeumann'])
  t.is(encodeNote(parseNote(utf8(NEUMANN_NOTE))), NEUMANN_NOTE)
})

test('attack: any byte of a signed note changed is an error or not signed', (t) => {
  const key = parseVerifierKey(NEUMANN)
  const note = utf8(NEUMANN_NOTE)
  for (let at = 0; at < note.length; at++) {
    for (const mask of [0x01, 0x20, 0x80]) {
      const changed = Uint8Array.from(note)
      changed[at]! ^= mask
      let opened: unknown = null
      try {
        opened = openNote(changed, [key])
      } catch (error) {
        t.true(isCoded(error, 'INPUT_MALFORMED'))
      }
      t.is(opened, null, `byte ${at}`)
    }
  }
})

test('attack: a signature of another key under the same name or the same id does not count', async (t) => {
  const ours = makeSigner('log.example/a')
  const other = makeSigner('log.example/a')
  const note = await signNote('text\n', other)
  t.is(openNote(utf8(note), [ours.key]), null)
  const lie = { ...other, key: ours.key }
  await t.throwsAsync(signNote('text\n', lie), { code: 'KEY_UNAVAILABLE' })
  const sameId = { ...parseNote(utf8(note)).signatures[0]!, keyId: ours.key.keyId }
  const both = encodeNote({
    text: 'text\n',
    signatures: [...parseNote(utf8(await signNote('text\n', ours))).signatures, sameId],
  })
  t.is(openNote(utf8(both), [ours.key]), null, 'one false line under a known key makes the note void')
})

test('a note takes 16 signatures and ignores those of unknown keys', async (t) => {
  const signers = Array.from({ length: 16 }, (_, at) => makeSigner(`witness${at}.example`))
  const notes = await Promise.all(signers.map((signer) => signNote('t\n\nu\n', signer)))
  const signatures = notes.flatMap((note) => parseNote(utf8(note)).signatures)
  const opened = openNote(utf8(encodeNote({ text: 't\n\nu\n', signatures })), [
    signers[3]!.key,
    signers[9]!.key,
  ])
  t.deepEqual(opened, { text: 't\n\nu\n', signedBy: ['witness3.example', 'witness9.example'] })
})

test('verifier keys: mangled ones are refused', (t) => {
  for (const bad of [
    '',
    'a',
    'a+b',
    NEUMANN.replace('c74f20a3', 'c74f20a4'),
    NEUMANN.replace('Peter', 'Pete'),
    `${NEUMANN}=`,
    NEUMANN.replace('+AR', '+BR'),
    NEUMANN.toUpperCase(),
  ]) {
    t.throws(() => parseVerifierKey(bad), { code: 'INPUT_MALFORMED' }, bad)
  }
  t.throws(() => buildNoteKey('has space', new Uint8Array(32)), { code: 'INPUT_MALFORMED' })
  t.throws(() => buildNoteKey('ok', new Uint8Array(31)), { code: 'INPUT_MALFORMED' })
  t.throws(() => parseEd25519Spki(new Uint8Array(44)), { code: 'INPUT_MALFORMED' })
})

test('notes: no newline, control characters, no signatures, bad lines, too large', (t) => {
  const line = NEUMANN_NOTE.slice(NEUMANN_NOTE.indexOf('\u2014'))
  for (const bad of [
    '',
    'a',
    'a\n',
    'a\n\n',
    `a\r\n\n${line}`,
    `a\n\n${line.slice(0, -1)}`,
    `a\n\n-${line.slice(1)}`,
    `a\n\n\u2014 x AAAAAA==\n`,
    `a\n\n\u2014 x+y AAAAAAA=\n`,
    `a\n\n${line}\n`,
  ]) {
    t.throws(() => parseNote(utf8(bad)), { code: 'INPUT_MALFORMED' }, JSON.stringify(bad))
  }
  t.throws(() => parseNote(new Uint8Array(131_073)), { code: 'INPUT_TOO_LARGE' })
  t.throws(() => parseNote(utf8(`a\n\n${line.repeat(101)}`)), { code: 'INPUT_TOO_LARGE' })
  t.throws(() => parseNote(Uint8Array.of(0xff, 0x0a)), { code: 'INPUT_MALFORMED' })
})

test('checkpoints: signed, opened, and only for their own origin', async (t) => {
  const signer = makeSigner('log.example/audit')
  const checkpoint = { origin: 'log.example/audit', size: 20_852_163, root: hashEmpty() }
  const note = await signCheckpoint(checkpoint, signer)
  t.deepEqual(openCheckpoint(utf8(note), signer.key)?.size, 20_852_163)
  t.is(parseCheckpoint(utf8(note)).origin, checkpoint.origin)
  const foreign = await signCheckpoint({ ...checkpoint, origin: 'other.example' }, signer)
  t.is(openCheckpoint(utf8(foreign), signer.key), null)
  t.is(openCheckpoint(utf8(note), makeSigner('log.example/audit').key), null)
})

test('check 41: the checkpoint text of the specification; sizes and roots in one form only', (t) => {
  const root = 'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I='
  t.is(parseCheckpointText(`example.com/behind-the-sofa\n20852163\n${root}\n`).size, 20_852_163)
  t.is(parseCheckpointText(`o\n0\n${root}\nextension\n`).size, 0)
  for (const bad of [
    `o\n01\n${root}\n`,
    `o\n-1\n${root}\n`,
    `o\n1e3\n${root}\n`,
    `o\n9999999999999999\n${root}\n`,
    `\n1\n${root}\n`,
    `o\n1\n${root}`,
    `o\n1\n${root.slice(4)}\n`,
    `o\n1\n${root}\n\n`,
    'o\n1\n',
    `o\n1\nAA==\n`,
  ]) {
    t.throws(() => parseCheckpointText(bad), { code: 'INPUT_MALFORMED' }, JSON.stringify(bad))
  }
})

test('receipts: a whole round, and any byte changed is found', async (t) => {
  const signer = makeSigner('log.example/audit')
  const entry = utf8('{"v":1}')
  const checkpoint = await signCheckpoint({ origin: signer.key.name, size: 1, root: hashLeaf(entry) }, signer)
  const text = encodeReceipt({ index: 0, proof: [], checkpoint })
  t.true(text.startsWith('c2sp.org/tlog-proof@v1\nindex 0\n\nlog.example/audit\n1\n'))
  t.true(verifyReceipt(utf8(text), entry, signer.key).ok)
  t.deepEqual(verifyReceipt(utf8(text), utf8('{"v":2}'), signer.key), { ok: false, reason: 'not-included' })
  const bytes = utf8(text)
  for (let at = 0; at < bytes.length; at++) {
    const changed = Uint8Array.from(bytes)
    changed[at]! ^= 0x01
    let ok = false
    try {
      ok = verifyReceipt(changed, entry, signer.key).ok
    } catch (error) {
      t.true(isCoded(error, 'INPUT_MALFORMED'))
    }
    t.false(ok, `byte ${at}`)
  }
})

test('receipts: extra data is kept, and told apart from what is proved', (t) => {
  const receipt = {
    extra: Uint8Array.of(1, 2),
    index: 7,
    proof: [hashEmpty()],
    checkpoint: 'o\n8\n',
  }
  t.deepEqual(parseReceipt(utf8(encodeReceipt(receipt))), receipt)
  for (const bad of [
    '',
    'c2sp.org/tlog-proof@v2\nindex 0\n\n',
    'c2sp.org/tlog-proof@v1\nindex 00\n\n',
    'c2sp.org/tlog-proof@v1\n\n',
    'c2sp.org/tlog-proof@v1\nindex 0\nAA==\n\n',
    `c2sp.org/tlog-proof@v1\nindex 0\n${'47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n'.repeat(64)}\n`,
  ]) {
    t.throws(() => parseReceipt(utf8(bad)), { code: 'INPUT_MALFORMED' }, bad.slice(0, 60))
  }
})

test('check 49: fuzzed notes, checkpoints, receipts and keys give typed errors only', async (t) => {
  const signer = makeSigner('log.example/audit')
  const good = await signCheckpoint({ origin: signer.key.name, size: 3, root: hashEmpty() }, signer)
  const seeds = [good, NEUMANN_NOTE, encodeReceipt({ index: 1, proof: [hashEmpty()], checkpoint: good })].map(
    utf8,
  )
  const mutated = fc
    .tuple(
      fc.constantFrom(...seeds),
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 6 }),
      fc.nat(),
    )
    .map(([seed, edits, cut]) => {
      const bytes = Uint8Array.from(seed)
      for (const [at, value] of edits) bytes[at % bytes.length] = value
      return cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes
    })
  const parsers = [
    (bytes: Uint8Array) => openNote(bytes, [signer.key]),
    (bytes: Uint8Array) => parseCheckpoint(bytes),
    (bytes: Uint8Array) => parseReceipt(bytes),
    (bytes: Uint8Array) => verifyReceipt(bytes, bytes, signer.key),
    (bytes: Uint8Array) => parseVerifierKey(new TextDecoder().decode(bytes)),
  ]
  for (const parse of parsers) {
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 300 })), (bytes) =>
        isTyped(() => parse(bytes)),
      ),
      { numRuns: 500 },
    )
  }
  t.pass()
})
