/** `yinxin sign`: a PDF becomes PAdES, any other file gets a detached .p7s. */
import { readFile, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { CodedError } from '../../../ca/errors.ts'
import { joinInPlace } from '../../lib/bytes.ts'
import type { SignInput } from '../../services/sign-document.ts'
import type { Command, CommandInput } from '../command.ts'
import { type CliContext, withHouse } from '../context.ts'
import { parseSubject } from '../subject.ts'

function signerOf({ options }: CommandInput): SignInput['signer'] {
  const { subject, evidence, certificate } = options
  if ((subject === undefined) === (certificate === undefined))
    throw new CodedError('REQUEST_INVALID', 'give exactly one of --subject and --certificate')
  if (subject !== undefined)
    return {
      event: {
        subject: parseSubject(subject),
        ...(evidence === undefined ? {} : { identityEvidenceId: evidence }),
      },
    }
  const [issuerId = '', serialHex = ''] = (certificate ?? '').split('/')
  return { certificate: { issuerId, serialHex } }
}

function appearanceOf({ options }: CommandInput): Pick<SignInput, 'appearance'> {
  const { page, rect, text } = options
  if (rect === undefined) return {}
  const numbers = rect.split(',').map(Number)
  if (numbers.length !== 4 || !numbers.every(Number.isFinite))
    throw new CodedError('REQUEST_INVALID', '--rect is not LEFT,BOTTOM,RIGHT,TOP in points')
  return {
    appearance: {
      page: Number(page),
      rect: numbers,
      ...(text === undefined ? {} : { lines: text.split('\\n') }),
    },
  }
}

export const signCommand: Command<CliContext> = {
  name: 'sign',
  summary: 'sign a document with an event certificate or a held certificate',
  positionals: [{ name: 'FILE', help: 'document' }],
  options: {
    subject: { value: 'DN', help: 'signer of an event certificate, for example C=CN,CN=…' },
    evidence: { value: 'ID', help: 'identity evidence of that signer' },
    certificate: { value: 'ISSUER/SERIAL', help: 'a held certificate instead' },
    level: { value: 'LEVEL', help: 'B-B or B-T', default: 'B-T' },
    page: { value: 'N', help: 'page of a visible signature', default: '1' },
    rect: { value: 'L,B,R,T', help: 'its rectangle in points; invisible when left out' },
    image: { value: 'PNG', help: 'seal or handwriting' },
    text: { value: 'TEXT', help: 'text beside it; \\n starts a line' },
    reason: { value: 'TEXT', help: 'reason, into the signature' },
    out: { value: 'FILE', help: 'where to write; beside the document when left out' },
  },
  run: (input, context, printer) =>
    withHouse(input, context, async ({ services }, caller) => {
      const [file = ''] = input.positionals
      const { image, reason, level, out } = input.options
      if (level !== 'B-B' && level !== 'B-T') throw new CodedError('REQUEST_INVALID', '--level is B-B or B-T')
      await services.status.publishDueCrls()
      const { summary, bytes } = await services.signDocument(caller, {
        document: new Uint8Array(await readFile(file)),
        fileName: basename(file),
        mediaType: 'application/octet-stream',
        signer: signerOf(input),
        level,
        ...appearanceOf(input),
        ...(image === undefined ? {} : { image: new Uint8Array(await readFile(image)) }),
        ...(reason === undefined ? {} : { reason }),
      })
      const target =
        out ?? (summary.format === 'cades' ? `${file}.p7s` : file.replace(/(\.pdf)?$/i, '-signed.pdf'))
      await writeFile(target, joinInPlace(bytes))
      printer.result(
        { ...summary, file: target },
        `Signed ${basename(file)} (${summary.format} ${summary.level})`,
        `  by ${summary.certificate.subject}, serial ${summary.certificate.serialHex}`,
        `  written to ${target}`,
      )
      return 0
    }),
}
