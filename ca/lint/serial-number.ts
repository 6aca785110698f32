import { defineRule } from './rule.ts'

/** 1 octet of instance, 4 of time and 88 random bits: positive, unique among instances, never near 20 octets. */
export const serialNumber = defineRule(
  'serial-number',
  'RFC 5280 §4.1.2.2',
  ({ certificate, instanceByte }) => {
    const { serial } = certificate
    const first = serial[0] ?? 0
    if (first > 0x7f) return 'serial number is negative'
    if (serial.every((octet) => octet === 0)) return 'serial number is zero'
    if (serial.length > 20) return 'serial number is longer than 20 octets'
    if (serial.length !== 16) return 'serial number has not 1 instance octet, 4 of time and 88 random bits'
    return first === instanceByte ? undefined : 'serial number does not start with the octet of this instance'
  },
)
