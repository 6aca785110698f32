import { findAttribute } from '../x509/name.ts'
import { defineRule } from './rule.ts'

/** 证书持有人名称 */
export const art21Holder = defineRule(
  'art21-2-holder',
  'Electronic Signature Law art. 21(2)',
  ({ certificate }) =>
    (findAttribute(certificate.subject, 'CN') ?? '').trim() === ''
      ? 'the name of the holder is missing'
      : undefined,
)
