/**
 * Sign a document: assemble, verify our own output, store, answer.
 *
 * The core has recorded the intent before its key was touched. What does not verify is never returned; a crash before
 * the document is stored leaves the records of a signature whose document nobody got, which a repeat makes anew.
 */
import { CodedError } from '../../ca/errors.ts'
import { nameToString, parseCertificate, type SubjectAttribute } from '../../ca/formats.ts'
import type { SignDigestRequest } from '../../ca/ports.ts'
import { toHex } from '../lib/bytes.ts'
import {
  assembleCades,
  assemblePades,
  type Assembled,
  type Level,
  type PadesInput,
} from './assemble-signature.ts'
import { sha256Hex } from '../lib/sha256.ts'
import { requireEvidence } from './identity-evidence.ts'
import type { ServiceDeps } from './deps.ts'
import { actorOf, type Caller } from './tenancy.ts'

export interface SignInput extends PadesInput {
  readonly document: Uint8Array
  readonly fileName?: string
  readonly mediaType: string
  readonly signer:
    | {
        readonly event: {
          readonly profile?: string
          readonly subject: readonly SubjectAttribute[]
          readonly identityEvidenceId?: string
          readonly validitySeconds?: number
        }
      }
    | { readonly certificate: { readonly issuerId: string; readonly serialHex: string } }
  readonly level?: Level
  readonly format?: 'auto' | 'pades' | 'cades'
}

export interface SignatureView {
  readonly id: string
  readonly format: 'pades' | 'cades'
  readonly level: Level
  readonly signedAt: string
  readonly contentSha256: string
  readonly signedSha256: string
  readonly sizeBytes: number
  readonly fileName: string
  readonly certificate: { readonly issuerId: string; readonly serialHex: string; readonly subject: string }
  readonly document: string
  readonly keptUntil: string
}

export interface SignedDocument {
  readonly summary: SignatureView
  readonly bytes: readonly Uint8Array[]
  readonly mediaType: string
}

/** ISO 32000-2 §7.5.2 as readers practise it: the header stands within the first 1024 bytes. */
export const isPdf = (bytes: Uint8Array): boolean =>
  new TextDecoder('latin1').decode(bytes.subarray(0, 1024)).includes('%PDF-')

async function signerOf(
  deps: ServiceDeps,
  caller: Caller,
  input: SignInput,
): Promise<SignDigestRequest['signer']> {
  if ('certificate' in input.signer) return input.signer.certificate
  const { event } = input.signer
  const profile = event.profile ?? 'event'
  const wanted = { ...event, profile }
  return {
    event: {
      profile,
      subject: event.subject,
      identityEvidenceId: await requireEvidence(deps, caller, wanted, '#/signer/event'),
      ...(event.validitySeconds === undefined ? {} : { validitySeconds: event.validitySeconds }),
    },
  }
}

function signedName(fileName: string | undefined, format: 'pades' | 'cades'): string {
  const base = (fileName ?? 'document').replace(/[\\/]/g, '_').slice(-200)
  return format === 'cades' ? `${base}.p7s` : `${base.replace(/\.pdf$/i, '')}-signed.pdf`
}

/** Refuses anything but a signature that our own verifier accepts, time and revocation included. */
async function checkOwnOutput(
  deps: ServiceDeps,
  made: Assembled,
  input: SignInput,
  format: 'pades' | 'cades',
): Promise<void> {
  const report = await deps.verify({
    document: made.bytes,
    ...(format === 'cades' ? { content: input.document } : {}),
    ...(input.password === undefined ? {} : { password: input.password }),
  })
  const own = report.signatures.find(
    (signature) => signature.signer?.serialHex === made.signed.certificate.serialHex,
  )
  if (own?.indication === 'TOTAL-PASSED') return
  deps.log.error(
    {
      indication: own?.indication,
      subIndication: own?.subIndication,
      reasons: own?.reasons.map(({ key }) => key),
    },
    'own output did not verify',
  )
  throw new CodedError('SELF_CHECK_FAILED', 'the signature was made and did not verify; it is not returned', {
    extra: { indication: own?.indication ?? 'missing', subIndication: own?.subIndication ?? null },
  })
}

/** A seal that was asked for must not be left out in silence: a detached signature has no page to show it on. */
function checkNothingVisible({ appearance, password }: SignInput): void {
  const field = appearance === undefined ? (password === undefined ? undefined : 'password') : 'appearance'
  if (field === undefined) return
  const rule = 'is for PDF files, and this document is none or is signed as CAdES'
  throw new CodedError('REQUEST_INVALID', `#/${field} ${rule}`, {
    extra: { errors: [{ pointer: `#/${field}`, rule }] },
  })
}

export function createSignDocument(deps: ServiceDeps) {
  const { randomBytes } = deps
  return async (caller: Caller, input: SignInput): Promise<SignedDocument> => {
    const format =
      input.format === 'auto' || input.format === undefined
        ? isPdf(input.document)
          ? 'pades'
          : 'cades'
        : input.format
    if (format === 'cades') checkNothingVisible(input)
    const level = input.level ?? 'B-T'
    const signer = await signerOf(deps, caller, input)
    const made =
      format === 'pades'
        ? await assemblePades(deps, actorOf(caller), signer, input.document, level, input)
        : await assembleCades(deps, actorOf(caller), signer, input.document, level)
    await checkOwnOutput(deps, made, input, format)
    const summary = summaryOf(made, {
      id: `sig_${toHex(randomBytes(12))}`,
      format,
      level,
      fileName: signedName(input.fileName, format),
      keptUntil: await keptUntil(deps, caller),
    })
    await storeSigned(deps, caller, made, summary)
    return { summary, bytes: [made.bytes], mediaType: MEDIA_TYPE[format] }
  }
}

const MEDIA_TYPE = { pades: 'application/pdf', cades: 'application/pkcs7-signature' } as const

async function keptUntil({ store, config, now }: ServiceDeps, caller: Caller): Promise<Date> {
  const tenant = await store.tenants.find(caller.tenant)
  const seconds = tenant?.documentRetentionSeconds ?? config.documentHours * 3600
  return new Date(now().getTime() + seconds * 1000)
}

function summaryOf(
  { signed, contentSha256, bytes }: Assembled,
  facts: Pick<SignatureView, 'id' | 'format' | 'level' | 'fileName'> & { readonly keptUntil: Date },
): SignatureView {
  const { certificate } = signed
  return {
    id: facts.id,
    format: facts.format,
    level: facts.level,
    signedAt: signed.signingTime.toISOString(),
    contentSha256: toHex(contentSha256),
    signedSha256: sha256Hex(bytes),
    sizeBytes: bytes.length,
    fileName: facts.fileName,
    certificate: {
      issuerId: certificate.issuerId,
      serialHex: certificate.serialHex,
      subject: nameToString(parseCertificate(certificate.certDer).subject),
    },
    document: `/v1/signatures/${facts.id}/document`,
    keptUntil: facts.keptUntil.toISOString(),
  }
}

/** Bytes first, then the row and its record: a crash leaves at most a file that nothing names, which the sweep removes. */
async function storeSigned(
  { store, now }: ServiceDeps,
  caller: Caller,
  made: Assembled,
  summary: SignatureView,
): Promise<void> {
  const at = now()
  const { id, format, level, contentSha256, signedSha256, fileName } = summary
  const { issuerId, serialHex } = summary.certificate
  const documentId = id.replace('sig_', 'doc_')
  const document = {
    id: documentId,
    tenant: caller.tenant,
    mediaType: MEDIA_TYPE[format],
    name: fileName,
    createdAt: at,
    keepUntil: new Date(summary.keptUntil),
  }
  await store.documents.put(document, made.bytes, [], made.bytes.length)
  const row = {
    id,
    tenant: caller.tenant,
    format: `${format} ${level}`,
    contentSha256,
    signedSha256,
    issuerId,
    serialHex,
    documentId,
    actor: caller.actor,
    signedAt: made.signed.signingTime,
    details: { ...summary },
  }
  await store.signatures.add(row, [
    {
      ...actorOf(caller),
      type: 'document.signed',
      at,
      data: { signatureId: id, format, level, contentSha256, signedSha256, issuerId, serialHex },
    },
  ])
}
