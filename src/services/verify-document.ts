/** Verify a document for somebody: run the engine, store the report, record that it was made. */
import { CodedError } from '../../ca/errors.ts'
import type { Json } from '../../ca/ports.ts'
import { toHex } from '../lib/bytes.ts'
import type { Report } from '../verify/report.ts'
import { sha256Hex } from '../lib/sha256.ts'
import type { ServiceDeps } from './deps.ts'
import { type Caller } from './tenancy.ts'
import type { VerifyInput } from './verification-engine.ts'

export interface VerificationView {
  readonly id: string
  readonly fileName: string | null
  readonly verifiedAt: string
  readonly report: Report
}

export interface VerifyDocumentInput extends VerifyInput {
  readonly fileName: string | null
}

type Deps = Pick<ServiceDeps, 'store' | 'now' | 'randomBytes' | 'verify'>

/** Anonymous reports have no tenant: whoever knows the id, 192 random bits, may read them. */
const ownerOf = (caller: Caller): string | null => (caller.tenant === '' ? null : caller.tenant)

export function createVerifyDocument({ store, now, randomBytes, verify }: Deps) {
  return async (caller: Caller, input: VerifyDocumentInput): Promise<VerificationView> => {
    if (input.document.length === 0) throw new CodedError('REQUEST_INVALID', '#/document is empty')
    const at = now()
    const report = await verify(input)
    const id = `ver_${toHex(randomBytes(24))}`
    const tenant = ownerOf(caller)
    const documentSha256 = sha256Hex(input.document)
    const { indication, policy } = report
    await store.verifications.add(
      {
        id,
        tenant,
        documentSha256,
        indication,
        policy: policy.name,
        at,
        report: { fileName: input.fileName, report: report as unknown as Json },
      },
      [
        {
          type: 'verification.done',
          at,
          actor: caller.actor,
          tenant,
          // The log is public, and who knows the id of an anonymous report may read it.
          data: { idSha256: sha256Hex(id), documentSha256, indication, policySha256: policy.sha256 },
        },
      ],
    )
    return { id, fileName: input.fileName, verifiedAt: at.toISOString(), report }
  }
}

export function createVerifications({ store }: Pick<Deps, 'store'>) {
  return {
    /** @throws {CodedError} NOT_FOUND */
    async get(caller: Caller, id: string): Promise<VerificationView> {
      const row = await store.verifications.find(id, caller.scope === '' ? null : caller.scope)
      if (!row) throw new CodedError('NOT_FOUND', 'no report with this id is yours to read')
      const { fileName, report } = row.report as unknown as { fileName: string | null; report: Report }
      return { id, fileName, verifiedAt: row.at.toISOString(), report }
    },
  }
}
