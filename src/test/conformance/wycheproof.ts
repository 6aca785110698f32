// Wycheproof: edge cases of signature verification, by the algorithm table of ca/algorithms.
import {
  CodedError,
  type HashName,
  type SignatureAlgorithm,
  getSignatureAlgorithm,
  isCoded,
  parseSpki,
  publicKeyObject,
  verifySignature,
} from '../../../ca/formats.ts'
import { type Corpus, type CorpusCase, type Said, pathOf } from './cases.ts'

type Vector = { readonly tcId: number; readonly msg: string; readonly sig: string; readonly result: string }
type Group = {
  readonly publicKeyDer?: string
  readonly sha?: string
  readonly mgfSha?: string
  readonly sLen?: number
  readonly tests: readonly Vector[]
}
type VectorFile = {
  readonly algorithm: string
  readonly schema: string
  readonly testGroups: readonly Group[]
}

const schemas = /^(ecdsa_verify|eddsa_verify|rsassa_pkcs1_verify|rsassa_pss_verify)/

const fromHex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16))

/** One verdict per vector of a file; undefined for algorithms that are not signature verification in DER form. */
export function sayVectors(
  corpus: Corpus,
  entry: CorpusCase,
): readonly (Said & { id: string; expected: string })[] | undefined {
  const schema = String(entry['schema'])
  if (!schemas.test(schema)) return undefined
  const text = new TextDecoder().decode(corpus.read(pathOf(entry, 'vectors')))
  const file = JSON.parse(text) as VectorFile
  return file.testGroups.flatMap((group) => {
    const verify = verifierOf(schema, file, group)
    return group.tests.map((vector) => {
      const verdict = verify(fromHex(vector.msg), fromHex(vector.sig)) ? 'valid' : 'invalid'
      return { id: `${entry.id}#${vector.tcId}`, verdict, expected: vector.result }
    })
  })
}

function verifierOf(
  schema: string,
  file: VectorFile,
  group: Group,
): (data: Uint8Array, signature: Uint8Array) => boolean {
  try {
    const { spkiDer } = parseSpki(fromHex(group.publicKeyDer ?? ''))
    const algorithm = algorithmOf(schema, file, group)
    const key = publicKeyObject(spkiDer)
    return (data, signature) => verifySignature(algorithm, key, data, signature)
  } catch (error) {
    if (!isCoded(error)) throw error
    return () => false
  }
}

function algorithmOf(schema: string, file: VectorFile, group: Group): SignatureAlgorithm {
  if (schema.startsWith('eddsa')) return getSignatureAlgorithm(spkiName(group))
  const hash = (group.sha ?? '').replace('-', '').toLowerCase()
  if (schema.startsWith('ecdsa')) return getSignatureAlgorithm(`ecdsa-${hash}`)
  const plain = getSignatureAlgorithm(`rsa-${hash}`)
  if (!schema.startsWith('rsassa_pss')) return plain
  if (group.mgfSha !== group.sha)
    throw new CodedError('ALGORITHM_UNSUPPORTED', `${file.algorithm}: mixed hashes`)
  return { ...plain, saltLength: group.sLen ?? 0, hash: group.sha as HashName }
}

const spkiName = (group: Group): string => (group.publicKeyDer?.includes('2b6571') ? 'ed448' : 'ed25519')
