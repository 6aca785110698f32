/** Makes one of everything for a tenant, through the API. */
import { sampleTablePdf } from '../sample-pdf.ts'
import type { TestKey } from './start.ts'

export interface CertificateJson {
  readonly issuerId: string
  readonly serialHex: string
  readonly state: string
  readonly subject: string
  readonly certSha256: string
  readonly spkiSha256: string
  readonly certificatePem: string
  readonly chainPem: readonly string[]
  readonly notAfter: string
  readonly keyId: string | null
  readonly reason: string | null
  readonly legalGround: string | null
  readonly invalidityDate: string | null
}

export interface SignatureJson {
  readonly id: string
  readonly certificate: { readonly issuerId: string; readonly serialHex: string }
  readonly signedSha256: string
  readonly sizeBytes: number
  readonly fileName: string
}

export const subjectOf = (name: string) => [
  { type: 'C', value: 'CN' },
  { type: 'O', value: name },
  { type: 'CN', value: name },
]

/** Records that somebody's identity was checked; `more` replaces what is usual. */
export async function addEvidence(key: TestKey, name: string, more: object = {}): Promise<string> {
  const { id } = await key.api.json<{ id: string }>('POST', '/v1/identity-evidence', {
    json: {
      subject: subjectOf(name),
      method: 'counter',
      source: 'TEST ONLY',
      result: 'passed',
      checkedAt: new Date(Date.now() - 60_000).toISOString(),
      operator: 'tester',
      materialSha256: ['00'.repeat(32)],
      ...more,
    },
  })
  return id
}

/** A held key and its certificate. */
export async function issueHeld(key: TestKey, name: string): Promise<CertificateJson> {
  const { keyId } = await key.api.json<{ keyId: string }>('POST', '/v1/keys', { json: {} })
  return key.api.json<CertificateJson>('POST', '/v1/certificates', {
    json: {
      profile: 'organisation',
      subject: subjectOf(name),
      keyId,
      identityEvidenceId: await addEvidence(key, name),
    },
  })
}

/** Signer of an event certificate. */
export const eventSigner = async (key: TestKey, name: string) => ({
  event: { subject: subjectOf(name), identityEvidenceId: await addEvidence(key, name) },
})

/** A signed PDF. */
export async function signPdf(key: TestKey, name: string, json: object = {}): Promise<SignatureJson> {
  return key.api.json<SignatureJson>('POST', '/v1/signatures', {
    json: { signer: await eventSigner(key, name), ...json },
    files: { document: { bytes: sampleTablePdf(), name: 'contract.pdf', type: 'application/pdf' } },
  })
}

export interface TenantObjects {
  readonly evidenceId: string
  readonly certificate: CertificateJson
  readonly keyId: string
  readonly signature: SignatureJson
  readonly verificationId: string
}

/** One of everything that belongs to a tenant. */
export async function makeObjects(key: TestKey, name: string): Promise<TenantObjects> {
  const certificate = await issueHeld(key, name)
  const signature = await signPdf(key, name)
  const verification = await key.api.json<{ id: string }>('POST', '/v1/verifications', {
    files: { document: { bytes: sampleTablePdf(), name: 'unsigned.pdf' } },
  })
  return {
    evidenceId: await addEvidence(key, name),
    certificate,
    keyId: certificate.keyId ?? '',
    signature,
    verificationId: verification.id,
  }
}
