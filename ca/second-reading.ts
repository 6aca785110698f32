/**
 * A second opinion on what a ceremony made, before it is kept for years: each certificate is read and its signature
 * verified by pkijs over @peculiar/webcrypto, which share no code with the templates that wrote it.
 */
import { compareBytes } from './asn1/writer.ts'
import { CodedError, isCoded } from './errors.ts'
import { parseCertificate } from './x509/certificate.ts'
import { isCertificateSignedBy, readCertificate } from './x509/pkijs.ts'

/** A certificate with that of its issuer; a root is its own. */
export interface MadeCertificate {
  readonly certDer: Uint8Array
  readonly issuerDer: Uint8Array
}

/** pkijs 4 reads Ed25519 and does not verify it; OpenSSL has verified every signature when it was made. */
async function isSignatureRight({ certDer, issuerDer }: MadeCertificate): Promise<boolean> {
  try {
    return await isCertificateSignedBy(certDer, issuerDer)
  } catch (error) {
    if (isCoded(error, 'ALGORITHM_UNSUPPORTED')) return true
    throw error
  }
}

/**
 * Holds each certificate against what pkijs makes of it.
 *
 * @throws {CodedError} ISSUANCE_MISMATCH when pkijs reads something else, or finds a signature wrong
 */
export async function checkSecondReading(made: readonly MadeCertificate[]): Promise<void> {
  for (const one of made) {
    const theirs = readCertificate(one.certDer)
    const ours = parseCertificate(one.certDer)
    const isSame =
      theirs.serialHex === ours.serialHex &&
      theirs.notAfter.getTime() === ours.notAfter.getTime() &&
      theirs.extensionOids.length === ours.extensions.size &&
      compareBytes(theirs.der, one.certDer) === 0
    if (!isSame || !(await isSignatureRight(one)))
      throw new CodedError(
        'ISSUANCE_MISMATCH',
        'a second reader does not agree with a certificate of this ceremony',
      )
  }
}
