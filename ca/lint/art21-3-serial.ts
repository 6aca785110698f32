import { defineRule } from './rule.ts'

/** 证书序列号 */
export const art21Serial = defineRule(
  'art21-3-serial',
  'Electronic Signature Law art. 21(3)',
  ({ certificate }) =>
    certificate.serial.some((octet) => octet !== 0) ? undefined : 'the serial number is missing',
)
