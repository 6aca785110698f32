/**
 * Puts one signature together: PDF → PAdES (EN 319 142-1), any other file → detached CAdES (EN 319 122-1).
 *
 * The core builds and signs the CMS attributes from the digest alone; document bytes never cross its door.
 */
import { startHash, type HashName } from '../../ca/formats.ts'
import type { Actor, Ca, SignDigestRequest, SignedDigest } from '../../ca/ports.ts'
import { buildAppearance } from '../formats/pades/appearance.ts'
import { finishPades } from '../formats/pades/finish.ts'
import type { FontFace } from '../formats/pades/font.ts'
import { preparePades, type PadesOptions } from '../formats/pades/prepare.ts'
import { joinInPlace } from '../lib/bytes.ts'

export type Level = 'B-B' | 'B-T'

/** A visible signature as asked for. */
export interface AppearanceInput {
  readonly page: number
  readonly rect: readonly number[]
  readonly lines?: readonly string[]
}

export interface PadesInput {
  readonly appearance?: AppearanceInput
  readonly image?: Uint8Array
  readonly fieldName?: string
  readonly reason?: string
  readonly location?: string
  readonly certify?: 1 | 2 | 3
  readonly password?: string
}

export interface Assembled {
  readonly bytes: Uint8Array
  readonly contentSha256: Uint8Array
  readonly signed: SignedDigest
}

export interface AssembleDeps {
  readonly ca: Ca
  readonly now: () => Date
  readonly randomBytes: (count: number) => Uint8Array
  /** Loaded when the first visible signature with text is made: the font has ten megabytes. */
  readonly font: () => Promise<FontFace>
}

type Signer = SignDigestRequest['signer']

const HASH: HashName = 'SHA-256'
// Room beside the certificates: attributes and structure, and an RFC 3161 token with its own chain.
const CMS_OVERHEAD = 2_000
const TOKEN_RESERVE = 8_192

const sha256 = (parts: readonly Uint8Array[]): Uint8Array => {
  const hash = startHash(HASH)
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

/** Bytes that a CMS of ours takes at most in /Contents. */
function reserve(ca: Ca, level: Level): number {
  const chain = ca.issuers.reduce((sum, issuer) => sum + issuer.certDer.length, 0)
  return CMS_OVERHEAD + 2_000 + chain + (level === 'B-T' ? TOKEN_RESERVE : 0)
}

/**
 * Signs a PDF by appending one revision.
 *
 * @param document with free room behind it where possible, see `joinInPlace`
 * @throws {CodedError} the PDF_, PADES_ and APPEARANCE_ codes, and those of the core
 */
export async function assemblePades(
  deps: AssembleDeps,
  actor: Actor,
  signer: Signer,
  document: Uint8Array,
  level: Level,
  input: PadesInput,
): Promise<Assembled> {
  const { appearance } = input
  const font = appearance?.lines?.length ? await deps.font() : undefined
  const options: PadesOptions = {
    signingTime: deps.now(),
    contentsSize: reserve(deps.ca, level),
    ...(input.reason === undefined ? {} : { reason: input.reason }),
    ...(input.location === undefined ? {} : { location: input.location }),
    ...(input.fieldName === undefined ? {} : { fieldName: input.fieldName }),
    ...(input.certify === undefined ? {} : { docMdp: input.certify }),
    ...(input.password === undefined ? {} : { password: input.password }),
    ...(appearance ? { appearance: drawn(appearance, input.image, font) } : {}),
  }
  const prepared = preparePades(document, options)
  const contentSha256 = sha256(prepared.digestInput)
  const withTimestamp = level === 'B-T'
  const signed = await deps.ca.signDigest({
    ...actor,
    signer,
    contentSha256,
    format: 'pades',
    withTimestamp,
  })
  return { bytes: joinInPlace(finishPades(prepared.state, signed.cmsDer)), contentSha256, signed }
}

function drawn(
  appearance: AppearanceInput,
  image: Uint8Array | undefined,
  font: FontFace | undefined,
): NonNullable<PadesOptions['appearance']> {
  const [left = 0, bottom = 0, right = 0, top = 0] = appearance.rect
  return {
    page: appearance.page,
    rect: [left, bottom, right, top],
    build: (allocate, { width, height }) =>
      buildAppearance(
        {
          width,
          height,
          lines: appearance.lines ?? [],
          ...(image ? { image } : {}),
          ...(font ? { font } : {}),
        },
        allocate,
      ),
  }
}

/** Signs any file: the answer is the detached CMS. @throws {CodedError} those of the core */
export async function assembleCades(
  deps: AssembleDeps,
  actor: Actor,
  signer: Signer,
  document: Uint8Array,
  level: Level,
): Promise<Assembled> {
  const contentSha256 = sha256([document])
  const withTimestamp = level === 'B-T'
  const signed = await deps.ca.signDigest({
    ...actor,
    signer,
    contentSha256,
    format: 'cades',
    withTimestamp,
  })
  return { bytes: signed.cmsDer, contentSha256, signed }
}
