/** The TSA of a core as tokens need it. */
import { publicKeyObject } from './algorithms/keys.ts'
import type { Core, ServiceIdentity } from './core.ts'
import type { Stamper } from './timestamp-token.ts'
import { encodeSigningCertificate } from './x509/cms-writer.ts'

const stampers = new WeakMap<ServiceIdentity, Stamper>()

/** The TSA of a core, without its key. */
export function stamperOf({ tsa, issuers }: Pick<Core, 'tsa' | 'issuers'>): Stamper {
  const known = stampers.get(tsa)
  if (known) return known
  const { certificate, certDer, signatureAlgorithm } = tsa
  const issuer = issuers.get(tsa.issuerId)
  const stamper = {
    certificate,
    signatureAlgorithm,
    publicKey: publicKeyObject(certificate.spkiDer),
    // The root is the relying party's own.
    certificatesDer: [certDer, ...(issuer?.role === 'issuing' ? [issuer.certDer] : [])],
    signingCertificate: encodeSigningCertificate(certificate, false),
  }
  stampers.set(tsa, stamper)
  return stamper
}
