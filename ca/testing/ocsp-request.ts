/** OCSP requests as clients make them. Nothing but tests and benchmarks imports it. */
import { type HashName, digest, getHash } from '../algorithms/hashes.ts'
import { parseSpki } from '../algorithms/keys.ts'
import { explicit, nullValue, octetString, oid, sequence, unsignedInteger } from '../asn1/writer.ts'
import type { Certificate } from '../x509/certificate.ts'
import { encodeExtension } from '../x509/encode-extensions.ts'
import { EXT } from '../x509/oids.ts'

/** CertID with NULL parameters, as OpenSSL, Java and Go write it. */
export const encodeCertId = (issuer: Certificate, serialHex: string, hash: HashName): Uint8Array =>
  sequence(
    sequence(oid(getHash(hash).oid), nullValue()),
    octetString(digest(hash, issuer.subject.raw)),
    octetString(digest(hash, parseSpki(issuer.spkiDer).keyBits)),
    unsignedInteger(Uint8Array.from(serialHex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))),
  )

/** OCSPRequest over ready CertIDs. @param nonce content of the Nonce OCTET STRING, of any length */
export const encodeOcspRequestOf = (certIds: readonly Uint8Array[], nonce?: Uint8Array): Uint8Array =>
  sequence(
    sequence(
      sequence(...certIds.map((certId) => sequence(certId))),
      ...(nonce ? [explicit(2, sequence(encodeExtension(EXT.ocspNonce, false, octetString(nonce))))] : []),
    ),
  )

/** OCSPRequest about one certificate. */
export const encodeOcspRequest = (
  issuer: Certificate,
  serialHex: string,
  hash: HashName,
  nonce?: Uint8Array,
): Uint8Array => encodeOcspRequestOf([encodeCertId(issuer, serialHex, hash)], nonce)
