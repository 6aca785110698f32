/** The trust list: whom a verification believes. */
import { type Certificate, CodedError, isCoded, nameToString, parseCertificate } from '../../ca/formats.ts'
import { uniqueCertificates } from './evidence.ts'
import { parsePem } from '../lib/pem.ts'

/** One entry of the trust list. */
export interface TrustAnchor {
  readonly certDer: Uint8Array
  /** Shown to people. */
  readonly name: string
  /** Country or region under whose law it is recognised, for example `CN`. */
  readonly jurisdiction?: string
  /** Where the entry comes from: `own`, or a file that an operator added. */
  readonly source: string
  /** What it is trusted for; everything when left out. */
  readonly purposes?: readonly TrustPurpose[]
}

/** What an anchor may vouch for. */
export type TrustPurpose = 'signature' | 'timestamp'

/** An entry with its certificate read. */
export interface Anchor {
  readonly entry: TrustAnchor
  readonly certificate: Certificate
}

/**
 * Reads a trust list.
 *
 * @throws {CodedError} TRUST_LIST_INVALID when an entry is no certificate: a list that is half read trusts less than
 *   its operator thinks
 */
export function readTrust(trust: readonly TrustAnchor[]): Anchor[] {
  return trust.map((entry) => {
    try {
      return { entry, certificate: parseCertificate(entry.certDer) }
    } catch (cause) {
      if (!isCoded(cause)) throw cause
      throw new CodedError(
        'TRUST_LIST_INVALID',
        `trust list: ${entry.name} (${entry.source}) is no certificate`,
        {
          cause,
        },
      )
    }
  })
}

/** Certificates of the anchors for a purpose, each once. */
export function anchorsFor(anchors: readonly Anchor[], purpose: TrustPurpose): Certificate[] {
  return uniqueCertificates(
    anchors
      .filter(({ entry }) => entry.purposes === undefined || entry.purposes.includes(purpose))
      .map(({ certificate }) => certificate),
  )
}

/**
 * Entries from a PEM file that an operator adds.
 *
 * @param source shown with each entry, for example the name of the file
 * @throws {CodedError} TRUST_LIST_INVALID when it holds no certificate, or something else beside them
 */
export function trustFromPem(pem: string, source: string, jurisdiction?: string): TrustAnchor[] {
  const blocks = parsePem(pem)
  const isClean = blocks.length > 0 && blocks.every(({ label }) => label === 'CERTIFICATE')
  if (!isClean) throw new CodedError('TRUST_LIST_INVALID', `${source} does not hold certificates only`)
  const entries = blocks.map(({ bytes }) => ({ certDer: bytes, name: source, source }))
  return readTrust(entries).map(({ entry, certificate }) => ({
    ...entry,
    name: nameToString(certificate.subject),
    ...(jurisdiction === undefined ? {} : { jurisdiction }),
  }))
}
