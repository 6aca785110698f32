// Work on PDF files inside a process: ours by the code that the service uses, and @libpdf/core.
import { generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CryptoKeySigner, PDF } from '@libpdf/core'
import type { SignDigestRequest } from '../../../ca/ports.ts'
import { allocateWithRoom } from '../../lib/bytes.ts'
import type { House } from '../../house.ts'
import { assemblePades, type Level } from '../../services/assemble-signature.ts'
import { operatorCaller } from '../../services/tenancy.ts'
import { addEvidence, openBenchHouse, SUBJECT } from './house.ts'
import { makePdf } from './make-pdf.ts'
import { measureRounds, peakMemory } from './measure.ts'
import type { Sample } from './statistics.ts'

/** What to sign, and how long. */
export type PdfInput = {
  readonly folder: string
  readonly bytes: number
  readonly pages: number
  readonly seconds: number
  readonly warmUp: number
}

const ACTOR = { actor: 'operator:bench', tenant: 'institution' }
/** As the HTTP body reader keeps behind a document. */
const ROOM = 1_048_576

/** A P-256 key that the CA holds, with its certificate. */
async function heldSigner(house: House): Promise<SignDigestRequest['signer']> {
  const { keyId } = await house.ca.keys.generate('P-256', ACTOR)
  const identityEvidenceId = await addEvidence(house)
  const token = await house.ca.prepare({
    ...ACTOR,
    profile: 'organisation',
    subject: SUBJECT,
    key: { keyId },
    identityEvidenceId,
  })
  const { issuerId, serialHex } = await house.ca.issue(token)
  return { issuerId, serialHex }
}

/** The document as it stands after it was received. */
function received(pdf: Uint8Array): Uint8Array {
  const buffer = allocateWithRoom(pdf.length, ROOM)
  buffer.set(pdf)
  return buffer.subarray(0, pdf.length)
}

const signWith = (house: House, signer: SignDigestRequest['signer'], level: Level) => {
  const { ca } = house
  const font = () => Promise.reject(new Error('nothing is drawn here'))
  const deps = {
    ca,
    now: () => new Date(),
    randomBytes: (count: number) => new Uint8Array(randomBytes(count)),
    font,
  }
  return async (document: Uint8Array): Promise<Uint8Array> =>
    (await assemblePades(deps, ACTOR, signer, document, level, {})).bytes
}

/** Milliseconds for one PAdES-B-B with a held key, its two durable records included. */
export async function sign({ folder, bytes, pages, seconds, warmUp }: PdfInput): Promise<Sample> {
  const house = await openBenchHouse(join(folder, 'data'))
  try {
    const act = signWith(house, await heldSigner(house), 'B-B')
    const pdf = makePdf(bytes, pages)
    return await measureOnCopies(pdf, { seconds, warmUp }, act)
  } finally {
    await house.close()
  }
}

/** Like measureRounds; the copy that each round gets is made outside the clock. */
async function measureOnCopies(
  pdf: Uint8Array,
  { seconds, warmUp }: { seconds: number; warmUp: number },
  act: (document: Uint8Array) => Promise<unknown>,
): Promise<Sample> {
  for (let round = 0; round < warmUp; round++) await act(received(pdf))
  const end = performance.now() + seconds * 1000
  const samples: Sample[] = []
  do {
    const document = received(pdf)
    samples.push(await measureRounds('ms', { seconds: 0, warmUp: 0 }, () => act(document)))
  } while (performance.now() < end)
  return ofTimes(samples.map(({ value }) => value))
}

function ofTimes(times: readonly number[]): Sample {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { value: at(0.5), p50Ms: at(0.5), p99Ms: at(0.99), rssMb: peakMemory() }
}

async function peerSigner(folder: string): Promise<CryptoKeySigner> {
  const key = join(folder, 'peer.key')
  const certificate = join(folder, 'peer.der')
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  await writeFile(key, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  execFileSync('openssl', ['req', '-x509', '-key', key, '-out', certificate, '-outform', 'DER', '-days', '2', '-subj', '/CN=TEST ONLY peer']) // prettier-ignore
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' })
  const imported = await webcrypto.subtle.importKey(
    'pkcs8',
    pkcs8,
    { name: 'ECDSA', namedCurve: 'P-256' },
    false,
    ['sign'],
  )
  return new CryptoKeySigner(imported, new Uint8Array(await readFile(certificate)), 'EC', 'ECDSA')
}

/** Milliseconds for one PAdES-B-B of the same file by @libpdf/core with a P-256 key; nothing recorded. */
export async function signWithLibpdf({ folder, bytes, pages, seconds, warmUp }: PdfInput): Promise<Sample> {
  const signer = await peerSigner(folder)
  const pdf = makePdf(bytes, pages)
  return measureOnCopies(pdf, { seconds, warmUp }, async (document) => {
    const file = await PDF.load(document)
    return (await file.sign({ signer, level: 'B-B' })).bytes
  })
}

/** Publishes what the CRL job would have published by now. */
async function publishCrls({ ca }: Pick<House, 'ca'>): Promise<void> {
  for (const { issuerId, shards } of ca.issuers) {
    await ca.crl({ issuerId, shard: null })
    for (let shard = 0; shard < shards; shard++) await ca.crl({ issuerId, shard })
  }
}

/** A PDF of so many bytes with ten signatures at level B-T, and the data folder whose CA made them. */
export async function makeSigned({ folder, bytes, pages }: PdfInput): Promise<{ file: string }> {
  const house = await openBenchHouse(join(folder, 'data'))
  try {
    const act = signWith(house, await heldSigner(house), 'B-T')
    let pdf = makePdf(bytes, pages)
    for (let count = 0; count < SIGNATURES; count++) pdf = await act(received(pdf))
    await publishCrls(house)
    const file = join(folder, 'signed.pdf')
    await writeFile(file, pdf)
    return { file }
  } finally {
    await house.close()
  }
}

/** Signatures in the file that is verified. */
export const SIGNATURES = 10

type VerifyInput = {
  readonly folder: string
  readonly file: string
  readonly seconds: number
  readonly warmUp: number
}

/** Milliseconds to verify a file by the service: report made, stored and recorded. */
export async function verifySigned({ folder, file, seconds, warmUp }: VerifyInput): Promise<Sample> {
  const house = await openBenchHouse(join(folder, 'data'))
  try {
    const document = new Uint8Array(await readFile(file))
    const caller = operatorCaller('bench')
    return await measureRounds('ms', { seconds, warmUp }, async () => {
      const { report } = await house.services.verifyDocument(caller, { document, fileName: null })
      const passed = report.signatures.filter(({ indication }) => indication === 'TOTAL-PASSED').length
      if (passed !== SIGNATURES) throw new Error(`${passed} of ${SIGNATURES} signatures passed`)
    })
  } finally {
    await house.close()
  }
}
