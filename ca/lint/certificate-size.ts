import { defineRule } from './rule.ts'

export const certificateSize = defineRule('certificate-size', 'CPS 7.1', ({ certificate, profile }) => {
  const { value, source } = profile.maxCertificateBytes
  return certificate.raw.length <= value
    ? undefined
    : `certificate has ${certificate.raw.length} bytes, at most ${value} (${source})`
})
