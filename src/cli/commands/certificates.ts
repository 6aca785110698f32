/** `yinxin issue` and `yinxin revoke`. */
import { readFile, writeFile } from 'node:fs/promises'
import { CodedError } from '../../../ca/errors.ts'
import type { LegalGround, RevocationReason } from '../../../ca/ports.ts'
import type { House } from '../../house.ts'
import type { Caller } from '../../services/tenancy.ts'
import type { Command, CommandInput } from '../command.ts'
import { type CliContext, withHouse } from '../context.ts'
import { parseSubject } from '../subject.ts'

/** The key to certify: from a request, a key that is held already, or one that is made now. */
async function keyOf(
  input: CommandInput,
  house: House,
  caller: Caller,
): Promise<{ csr: string } | { keyId: string }> {
  const { csr, key, generate } = input.options
  if ([csr, key, generate].filter((given) => given !== undefined).length !== 1)
    throw new CodedError('REQUEST_INVALID', 'give exactly one of --csr, --key and --generate')
  if (csr !== undefined) return { csr: await readFile(csr, 'utf8') }
  return { keyId: key ?? (await house.services.keys.create(caller, generate ?? '')).keyId }
}

export const issueCommand: Command<CliContext> = {
  name: 'issue',
  summary: 'issue a certificate',
  positionals: [],
  options: {
    profile: { value: 'NAME', help: 'certificate profile', required: true },
    subject: { value: 'DN', help: 'for example C=CN,O=示例公司,CN=示例公司', required: true },
    csr: { value: 'FILE', help: 'PKCS#10 request, PEM' },
    key: { value: 'ID', help: 'a key that is held here' },
    generate: { value: 'ALGORITHM', help: 'make a key that is held here, for example P-256' },
    evidence: { value: 'ID', help: 'identity evidence, where the profile needs it' },
    out: { value: 'FILE', help: 'write certificate and chain, PEM' },
  },
  run: (input, context, printer) =>
    withHouse(input, context, async (house, caller) => {
      const { profile = '', subject = '', evidence, out } = input.options
      const certificate = await house.services.certificates.issue(caller, {
        profile,
        subject: parseSubject(subject),
        ...(await keyOf(input, house, caller)),
        ...(evidence === undefined ? {} : { identityEvidenceId: evidence }),
      })
      const pem = [certificate.certificatePem, ...(certificate.chainPem ?? [])].join('')
      if (out !== undefined) await writeFile(out, pem)
      printer.result(
        certificate,
        `Issued ${certificate.subject ?? ''}`,
        `  issuer ${certificate.issuerId}, serial ${certificate.serialHex}, valid to ${certificate.notAfter ?? ''}`,
        out === undefined ? pem.trimEnd() : `  written to ${out}`,
      )
      return 0
    }),
}

export const revokeCommand: Command<CliContext> = {
  name: 'revoke',
  summary: 'revoke, hold or release a certificate',
  positionals: [{ name: 'SERIAL', help: 'serial number, hexadecimal' }],
  options: {
    issuer: { value: 'ID', help: 'issuing CA', default: 'issuing-1' },
    reason: {
      value: 'REASON',
      help: 'RFC 5280 reason; certificateHold holds, removeFromCRL releases',
      default: 'unspecified',
    },
    ground: {
      value: 'GROUND',
      help: 'holder-request, false-information, contract-breach, security-not-assured, other-by-law',
      required: true,
    },
    'invalid-since': { value: 'TIME', help: 'when the key was probably compromised, RFC 3339' },
  },
  run: (input, context, printer) =>
    withHouse(input, context, async ({ services }, caller) => {
      const { issuer = '', reason, ground, 'invalid-since': invalidityDate } = input.options
      const certificate = await services.certificates.revoke(caller, issuer, input.positionals[0] ?? '', {
        reason: reason as RevocationReason,
        legalGround: ground as LegalGround,
        ...(invalidityDate === undefined ? {} : { invalidityDate }),
      })
      printer.result(
        certificate,
        `Certificate ${certificate.serialHex} is now ${certificate.state} (${certificate.reason ?? 'no reason'})`,
      )
      return 0
    }),
}
