/** Requests as tests make them, and their outcomes as codes. Nothing but tests imports it. */
import { getSignatureAlgorithm } from '../algorithms/signatures.ts'
import { CodedError } from '../errors.ts'
import { generatePrivateKey, spkiOf } from '../keys/generate.ts'
import { signWithKeyObject } from '../keys/sign.ts'
import { getKeyAlgorithm } from '../algorithms/key-algorithms.ts'
import type { IssueRequest } from '../ports.ts'
import { buildCsrInfo, encodeCsr } from '../x509/csr.ts'
import { encodeName, type SubjectAttribute } from '../x509/name.ts'

/** A subject that the profiles for people accept. */
export const SUBJECT: readonly SubjectAttribute[] = [
  { type: 'C', value: 'CN' },
  { type: 'CN', value: 'TEST ONLY 张三' },
]

/** A PKCS#10 of a fresh P-256 key that is gone afterwards. */
export async function makeCsr(extensions: readonly Uint8Array[] = []): Promise<Uint8Array> {
  const key = await generatePrivateKey(getKeyAlgorithm('P-256'))
  const name = encodeName([{ type: 'CN', value: 'what a request says does not count' }])
  const info = buildCsrInfo(name, spkiOf(key), extensions)
  const algorithm = getSignatureAlgorithm('ecdsa-sha256')
  return encodeCsr(info, algorithm, signWithKeyObject(key, algorithm, info))
}

/** A request that is in order, but for what is given. */
export const makeRequest = async (extra: Partial<IssueRequest> = {}): Promise<IssueRequest> => ({
  actor: 'apikey:test',
  tenant: 't1',
  profile: 'individual',
  subject: SUBJECT,
  key: extra.key ?? { csrDer: await makeCsr() },
  identityEvidenceId: 'evidence-1',
  ...extra,
})

/** `done`, or the code of the CodedError; anything else is thrown on. */
export const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => {
      if (error instanceof CodedError) return error.code
      throw error
    },
  )
