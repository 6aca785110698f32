import { signatureAlgorithmOf } from '../algorithms/signatures.ts'
import { defineRule } from './rule.ts'

/** 电子认证服务提供者的电子签名 */
export const art21Signature = defineRule(
  'art21-6-signature',
  'Electronic Signature Law art. 21(6)',
  ({ certificate }) => {
    if (certificate.signature.length < 32) return 'the signature of the institution is missing'
    const { hash } = signatureAlgorithmOf(certificate.signatureAlgorithm)
    return hash === 'SHA-1' || hash === 'MD5'
      ? 'the signature of the institution uses a broken hash'
      : undefined
  },
)
