import { defineRule } from './rule.ts'

/** 证书持有人的电子签名验证数据 */
export const art21VerificationData = defineRule(
  'art21-5-verification-data',
  'Electronic Signature Law art. 21(5)',
  ({ key }) => (key.keyBits.length >= 32 ? undefined : 'the public key of the holder is missing'),
)
