/** Validation data that travels inside of a document: it is evidence like any other, and no more trusted. */
import {
  type CmsAttribute,
  type SignedData,
  childrenOf,
  isCoded,
  onlyChild,
  readSequence,
} from '../../ca/formats.ts'
import {
  type PdfDocument,
  findArray,
  findDict,
  getCatalog,
  getStreamData,
  resolve,
} from '../formats/pdf/document.ts'
import { isStream } from '../formats/pdf/objects.ts'
import type { Evidence } from './evidence.ts'

/** id-ri-ocsp-response (RFC 5940 §2.1). */
const RI_OCSP = '1.3.6.1.5.5.7.16.2'
/** adbe-revocationInfoArchival (ISO 32000-2, 12.8.3.3.2). */
const REVOCATION_ARCHIVAL = '1.2.840.113583.1.1.8'
/** Objects of one kind that are read from one document. */
const MAX_ITEMS = 200

type Lists = Required<Pick<Evidence, 'certificates' | 'crls' | 'ocspResponses'>>

/** Certificates and revocation data of a CMS message. */
export function evidenceOfCms(data: SignedData): Lists {
  const archived = data.signerInfos.map((signer) => archivedValues(signer.signedAttributes))
  return {
    certificates: data.certificates,
    crls: [...data.crls, ...archived.flatMap(({ crls }) => crls)].slice(0, MAX_ITEMS),
    ocspResponses: [
      ...data.otherRevocationInfo.filter(({ oid }) => oid === RI_OCSP).map(({ value }) => value),
      ...archived.flatMap(({ ocspResponses }) => ocspResponses),
    ].slice(0, MAX_ITEMS),
  }
}

function archivedValues(attributes: readonly CmsAttribute[]): Pick<Lists, 'crls' | 'ocspResponses'> {
  const value = attributes.find(({ oid }) => oid === REVOCATION_ARCHIVAL)?.values[0]
  if (!value) return { crls: [], ocspResponses: [] }
  try {
    const reader = readSequence(value)
    const crls = reader.optional(0xa0)
    const ocsps = reader.optional(0xa1)
    const items = (node: typeof crls): Uint8Array[] =>
      node ? childrenOf(onlyChild(node)).map(({ raw }) => raw) : []
    return { crls: items(crls), ocspResponses: items(ocsps) }
  } catch (error) {
    if (!isCoded(error)) throw error
    return { crls: [], ocspResponses: [] }
  }
}

/** The document security store of a PDF (ISO 32000-2, 12.8.4.3). */
export function evidenceOfPdf(doc: PdfDocument): Lists {
  try {
    const store = findDict(doc, getCatalog(doc), 'DSS')
    const list = (key: string): Uint8Array[] =>
      (store ? (findArray(doc, store, key) ?? []) : []).slice(0, MAX_ITEMS).flatMap((item) => {
        const stream = resolve(doc, item)
        return isStream(stream) ? [getStreamData(doc, stream)] : []
      })
    return { certificates: list('Certs'), crls: list('CRLs'), ocspResponses: list('OCSPs') }
  } catch (error) {
    if (!isCoded(error)) throw error
    return { certificates: [], crls: [], ocspResponses: [] }
  }
}
