/** `yinxin crl import`: takes in the CRL that was signed beside an offline root. */
import { readFile } from 'node:fs/promises'
import { CodedError } from '../../../ca/errors.ts'
import type { Command } from '../command.ts'
import { type CliContext, withHouse } from '../context.ts'
import { derFromPem } from '../pem-file.ts'

/** One CRL, PEM or DER; the core checks everything else. @throws {CodedError} INPUT_MALFORMED */
async function readCrlFile(file: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(await readFile(file))
  // DER begins with a SEQUENCE.
  if (bytes[0] === 0x30) return bytes
  const [crlDer, more] = derFromPem(new TextDecoder().decode(bytes), 'X509 CRL')
  if (!crlDer || more) throw new CodedError('INPUT_MALFORMED', `${file} does not hold one CRL`)
  return crlDer
}

export const crlImportCommand: Command<CliContext> = {
  name: 'crl import',
  summary: 'publish the CRL of an offline root; a running service serves it at the next request',
  positionals: [{ name: 'FILE', help: 'what `ceremony --root-crl` printed, PEM or DER' }],
  options: {},
  async run(input, context, printer) {
    const crlDer = await readCrlFile(input.positionals[0] ?? '')
    return withHouse(input, context, async ({ services }, caller) => {
      const { issuerId, number, thisUpdate, nextUpdate, entryCount } = await services.status.importCrl(
        crlDer,
        caller,
      )
      printer.result(
        { issuerId, number, thisUpdate, nextUpdate, entryCount },
        `Published CRL ${number} of ${issuerId}: ${entryCount} revoked, next before ${nextUpdate.toISOString()}.`,
      )
      return 0
    })
  },
}
