/** Signatures that were made, and their documents while they are kept. */
import { CodedError } from '../../ca/errors.ts'
import type { StoredSignature } from '../store/signatures.ts'
import { type PageView, pageOf, type Paging } from './paging.ts'
import type { ServiceDeps } from './deps.ts'
import type { SignatureView } from './sign-document.ts'
import type { Caller } from './tenancy.ts'

export interface KeptDocument {
  readonly bytes: AsyncIterable<Uint8Array>
  readonly sizeBytes: number
  readonly mediaType: string
  readonly fileName: string
}

// The row was written from exactly this shape.
const viewOf = (row: StoredSignature): SignatureView => row.details as unknown as SignatureView

export function createSignatures({ store, receipt }: Pick<ServiceDeps, 'store' | 'receipt'>) {
  async function find(caller: Caller, id: string): Promise<StoredSignature> {
    const row = await store.signatures.find(id, caller.scope)
    if (!row) throw new CodedError('NOT_FOUND', 'no signature of this tenant has this id')
    return row
  }
  return {
    get: async (caller: Caller, id: string): Promise<SignatureView> => viewOf(await find(caller, id)),

    list: async (caller: Caller, paging: Paging): Promise<PageView<SignatureView>> =>
      pageOf(await store.signatures.list(caller.scope, paging), viewOf),

    /** @throws {CodedError} NOT_FOUND, DOCUMENT_ERASED with its digest */
    async document(caller: Caller, id: string): Promise<KeptDocument> {
      const { documentId } = await find(caller, id)
      if (documentId === null) throw new CodedError('NOT_FOUND', 'only a digest was signed')
      const { document, bytes } = await store.documents.open(documentId, caller.scope)
      return {
        bytes,
        sizeBytes: document.size,
        mediaType: document.mediaType,
        fileName: document.name ?? 'document',
      }
    },

    /** tlog-proof of the `document.signed` record. @throws {CodedError} NOT_FOUND, LOG_RANGE */
    async receipt(caller: Caller, id: string): Promise<string> {
      const { recordId } = await find(caller, id)
      if (recordId === null) throw new CodedError('NOT_FOUND', 'the signature has no record')
      return receipt(recordId)
    },
  }
}
