import { defineRule } from './rule.ts'

/** Both ends count: a period from 00:00:00 to 23:59:59 is a day. */
export const validityPeriod = defineRule(
  'validity-period',
  'RFC 5280 §4.1.2.5; CPS 6.3.2',
  ({ certificate, profile, now }) => {
    const { minSeconds, maxSeconds, backdateSeconds } = profile.validity
    const seconds = (certificate.notAfter.getTime() - certificate.notBefore.getTime()) / 1000 + 1
    if (seconds > maxSeconds.value)
      return `validity of ${seconds} s is over ${maxSeconds.value} s (${maxSeconds.source})`
    if (seconds < minSeconds.value)
      return `validity of ${seconds} s is under ${minSeconds.value} s (${minSeconds.source})`
    const age = (now.getTime() - certificate.notBefore.getTime()) / 1000
    // The part of a second that notBefore is rounded down by is no back-dating.
    if (age >= backdateSeconds.value + 1)
      return `notBefore is dated back by more than ${backdateSeconds.value} s`
    return age < 0 ? 'notBefore lies in the future' : undefined
  },
)
