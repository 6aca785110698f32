import { findAttribute } from '../x509/name.ts'
import { defineConstantRule } from './rule.ts'

/** 电子认证服务提供者名称 */
export const art21Issuer = defineConstantRule(
  'art21-1-issuer',
  'Electronic Signature Law art. 21(1)',
  ({ certificate }) =>
    (findAttribute(certificate.issuer, 'O') ?? '').trim() === ''
      ? 'the name of the certification institution is missing'
      : undefined,
)
