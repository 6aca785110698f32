import { createPublicKey, verify } from 'node:crypto'
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import test from 'ava'

import { requireTool, run } from '../../src/test/judges.ts'
import { KEY_ALGORITHMS, getKeyAlgorithm } from '../algorithms/key-algorithms.ts'
import { publicKeyObject } from '../algorithms/keys.ts'
import { getSignatureAlgorithm, startVerification, verifySignature } from '../algorithms/signatures.ts'
import { integer, octetString, oid, sequence } from '../asn1/writer.ts'
import { CodedError } from '../errors.ts'
import { decryptPrivateKey } from './encrypted-private-key.ts'
import { type EncryptedFileOptions, openEncryptedFileKeys } from './encrypted-file.ts'
import { generatePrivateKey } from './generate.ts'
import { openOneTimeKeys, signOnceWith } from './one-time.ts'
import type { KeyProvider } from './provider.ts'
import { signWithKeyObject, startMessage } from './sign.ts'

const now = (): Date => new Date('2026-05-04T03:02:01Z')
const P256 = getKeyAlgorithm('P-256')
const message = new TextEncoder().encode('TEST ONLY')
const cost = { n: 1024, r: 8, p: 1 }

async function inFolder(
  use: (
    folder: string,
    open: (extra?: Partial<EncryptedFileOptions>) => Promise<KeyProvider>,
  ) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'keys-test-'))
  try {
    await use(folder, (extra) =>
      openEncryptedFileKeys({ folder, passphrase: 'TEST ONLY', now, cost, ...extra }),
    )
  } finally {
    await rm(folder, { recursive: true })
  }
}

const codeOf = async (work: () => unknown): Promise<string> => {
  try {
    await work()
    return 'done'
  } catch (error) {
    if (error instanceof CodedError) return error.code
    throw error
  }
}

test('every algorithm: made, signed with, opened again by another process', async (t) => {
  await inFolder(async (_, open) => {
    const first = await open()
    for (const row of KEY_ALGORITHMS.filter(({ name }) => name !== 'RSA-4096')) {
      const key = await first.generate(row, 't1')
      const second = await open()
      t.deepEqual(second.publicKey(key.keyId), key)
      const signature = await second.sign(key.keyId, row.signature, message)
      t.true(verifySignature(row.signature, publicKeyObject(key.spkiDer), message, signature), row.name)
    }
    t.is(first.list().length, 5)
  })
})

test('openssl reads the key files of the default cost', async (t) => {
  if (!requireTool(t, 'openssl')) return
  await inFolder(async (folder) => {
    const keys = await openEncryptedFileKeys({ folder, passphrase: 'TEST ONLY', now })
    const { keyId, spkiDer } = await keys.generate(P256, 't1')
    const file = join(folder, `${keyId}.pem`)
    const { status, stdout, stderr } = await run('openssl', [
      'pkey',
      '-in',
      file,
      '-passin',
      'pass:TEST ONLY',
      '-pubout',
    ])
    t.is(status, 0, stderr)
    t.deepEqual(new Uint8Array(createPublicKey(stdout).export({ type: 'spki', format: 'der' })), spkiDer)
    const wrong = await run('openssl', ['pkey', '-in', file, '-passin', 'pass:wrong', '-noout'])
    t.not(wrong.status, 0)
  })
})

test('key files are readable by their owner only and hold no clear private key', async (t) => {
  await inFolder(async (folder, open) => {
    const keys = await open()
    const { keyId } = await keys.generate(P256, null)
    t.is((await stat(join(folder, `${keyId}.pem`))).mode & 0o777, 0o600)
    const text = await readFile(join(folder, `${keyId}.pem`), 'utf8')
    t.notRegex(text, /BEGIN (EC )?PRIVATE KEY/)
    t.deepEqual(
      (await readdir(folder)).filter((name) => name.startsWith('.')),
      [],
      'no file is left aside',
    )
  })
})

test('a wrong passphrase, a swapped public key and a damaged file are refused', async (t) => {
  await inFolder(async (folder, open) => {
    const keys = await open()
    const [one, two] = [await keys.generate(P256, null), await keys.generate(P256, null)]
    const sign = async (keyId: string, extra?: Partial<EncryptedFileOptions>): Promise<string> => {
      const provider = await open(extra)
      return codeOf(() => provider.sign(keyId, P256.signature, message))
    }
    t.is(await sign(one.keyId), 'done')
    t.is(await sign(one.keyId, { passphrase: 'wrong' }), 'KEY_UNAVAILABLE')
    const file = join(folder, `${one.keyId}.pem`)
    const text = await readFile(file, 'utf8')
    const otherText = await readFile(join(folder, `${two.keyId}.pem`), 'utf8')
    const publicOf = (from: string): string =>
      from.slice(from.indexOf('-----BEGIN PUBLIC'), from.indexOf('-----BEGIN ENC'))
    await writeFile(file, text.replace(publicOf(text), publicOf(otherText)))
    t.is(await sign(one.keyId), 'KEY_UNAVAILABLE', 'swapped public key')
    for (const damaged of [
      '',
      text.slice(0, 300),
      text.replace('Algorithm: P-256', 'Algorithm: P-384'),
      text.replaceAll('A', 'B'),
    ]) {
      await writeFile(file, damaged)
      t.not(await sign(one.keyId), 'done')
    }
  })
})

test('a destroyed key stays destroyed, and the other keys stay', async (t) => {
  await inFolder(async (folder, open) => {
    const keys = await open()
    const [one, two] = [await keys.generate(P256, null), await keys.generate(P256, null)]
    await keys.destroy(one.keyId)
    for (const provider of [keys, await open()]) {
      t.is(await codeOf(() => provider.sign(one.keyId, P256.signature, message)), 'KEY_DESTROYED')
      t.is(await codeOf(() => provider.publicKey(one.keyId)), 'KEY_DESTROYED')
      t.deepEqual(
        provider.list().map(({ keyId }) => keyId),
        [two.keyId],
      )
    }
    t.false((await readdir(folder)).includes(`${one.keyId}.pem`))
    t.is(await codeOf(() => keys.destroy(one.keyId)), 'KEY_DESTROYED')
  })
})

test('a key id is no path', async (t) => {
  await inFolder(async (folder, open) => {
    const keys = await open()
    await writeFile(join(folder, '../outside.pem'), 'x')
    for (const keyId of ['../outside', '/etc/passwd', '', '.', 'a/b', 'key-\u0000', 'K'.repeat(10)])
      for (const work of [
        () => keys.publicKey(keyId),
        () => keys.sign(keyId, P256.signature, message),
        () => keys.destroy(keyId),
      ])
        t.is(await codeOf(work), 'KEY_NOT_FOUND', keyId)
    await rm(join(folder, '../outside.pem'))
  })
})

test('a key signs only with rows of its kind, and never with SHA-1', async (t) => {
  await inFolder(async (_, open) => {
    const keys = await open()
    const { keyId } = await keys.generate(P256, null)
    for (const name of ['rsa-sha256', 'ed25519', 'ecdsa-sha1', 'rsa-md5'])
      t.is(
        await codeOf(() => keys.sign(keyId, getSignatureAlgorithm(name), message)),
        'ALGORITHM_UNSUPPORTED',
        name,
      )
  })
})

test('a message that comes in pieces is signed and verified as the whole of it is', async (t) => {
  const pairs = [
    ['P-256', 'ecdsa-sha256'],
    ['P-384', 'ecdsa-sha384'],
    ['RSA-2048', 'rsa-sha256'],
    ['Ed25519', 'ed25519'],
  ] as const
  for (const [keyName, algorithmName] of pairs) {
    const privateKey = await generatePrivateKey(getKeyAlgorithm(keyName))
    const publicKey = createPublicKey(privateKey)
    const algorithm = getSignatureAlgorithm(algorithmName)
    const streamed = startMessage(algorithm)
    for (const octet of message) streamed.update(Uint8Array.of(octet))
    const signature = signWithKeyObject(privateKey, algorithm, streamed)
    t.true(verifySignature(algorithm, publicKey, message, signature), algorithmName)
    const isBy = (octets: Uint8Array, key = publicKey): boolean => {
      const verification = startVerification(algorithm, key)
      verification.update(octets.subarray(0, 3))
      verification.update(octets.subarray(3))
      return verification.isBy(signature)
    }
    t.true(isBy(message), algorithmName)
    t.false(isBy(message.toReversed()), algorithmName)
    const other = getKeyAlgorithm(keyName === 'Ed25519' ? 'P-256' : 'Ed25519')
    t.false(isBy(message, createPublicKey(await generatePrivateKey(other))), 'a key of another kind')
  }
})

test('a key file that asks for gigabytes of scrypt is refused before work starts', async (t) => {
  const kdf = (n: number, r: number, p: number): Uint8Array =>
    sequence(
      sequence(
        oid('1.2.840.113549.1.5.13'),
        sequence(
          sequence(
            oid('1.3.6.1.4.1.11591.4.11'),
            sequence(octetString(new Uint8Array(16)), integer(n), integer(r), integer(p)),
          ),
          sequence(oid('2.16.840.1.101.3.4.1.42'), octetString(new Uint8Array(16))),
        ),
      ),
      octetString(new Uint8Array(48)),
    )
  for (const [n, r, p] of [
    [2 ** 24, 8, 1],
    [1024, 8, 1000],
    [1000, 8, 1],
    [0, 8, 1],
    [1024, 2 ** 20, 1],
  ] as const)
    t.is(await codeOf(() => decryptPrivateKey(kdf(n, r, p), 'x')), 'INPUT_TOO_LARGE', `${n} ${r} ${p}`)
})

test('a one-time key signs each of its digests once and is gone', async (t) => {
  const keys = openOneTimeKeys(now)
  const { keyId, spkiDer } = keys.generate('t1', ['aa', 'bb'])
  const sign = signOnceWith(keys.take(keyId), P256.signature)
  for (const digestHex of ['bb', 'aa'])
    t.true(verify('sha256', message, publicKeyObject(spkiDer), sign(digestHex, message)))
  t.is(await codeOf(() => sign('aa', message)), 'KEY_DESTROYED')
  t.is(await codeOf(() => keys.take(keyId)), 'KEY_DESTROYED')
  t.is(await codeOf(() => keys.publicKey(keyId)), 'KEY_NOT_FOUND')
  t.is(keys.size, 0)
})

test('attack: a one-time key is gone when it is asked for another digest, or for the same twice', async (t) => {
  const keys = openOneTimeKeys(now)
  for (const asked of ['cc', 'aa']) {
    const { keyId } = keys.generate('t1', ['aa', 'bb'])
    const sign = signOnceWith(keys.take(keyId), P256.signature)
    sign('aa', message)
    t.is(await codeOf(() => sign(asked, message)), 'DIGEST_NOT_AUTHORISED')
    t.is(await codeOf(() => sign('bb', message)), 'KEY_DESTROYED')
  }
})

test('a one-time key is gone too when its signature fails', async (t) => {
  const keys = openOneTimeKeys(now)
  const { keyId } = keys.generate('t1', ['aa', 'bb'])
  const sign = signOnceWith(keys.take(keyId), getSignatureAlgorithm('rsa-sha256'))
  t.is(await codeOf(() => sign('aa', message)), 'ALGORITHM_UNSUPPORTED')
  t.is(await codeOf(() => sign('bb', message)), 'KEY_DESTROYED')
})

test('no more one-time keys are alive than there is room for', async (t) => {
  const keys = openOneTimeKeys(now)
  for (let n = 0; n < 10_000; n++) keys.generate('t1', [])
  t.is(await codeOf(() => keys.generate('t1', [])), 'CA_OVERLOADED')
  t.is(keys.size, 10_000)
})

test('a key that was made elsewhere is taken in, and kinds that are not held are not', async (t) => {
  await inFolder(async (_, open) => {
    const keys = await open()
    const { keyId, algorithm } = await keys.importKey(
      await generatePrivateKey(getKeyAlgorithm('P-384')),
      't1',
    )
    t.is(algorithm, 'P-384')
    t.truthy(await (await open()).sign(keyId, getKeyAlgorithm('P-384').signature, message))
    const { generateKeyPairSync } = await import('node:crypto')
    t.is(
      await codeOf(() => keys.importKey(generateKeyPairSync('ed448').privateKey, null)),
      'ALGORITHM_UNSUPPORTED',
    )
  })
})
