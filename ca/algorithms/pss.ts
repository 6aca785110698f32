/** RSASSA-PSS-params (RFC 4055 §3.1). */
import { CodedError } from '../errors.ts'
import { type Der, onlyChild, readSequence } from '../asn1/reader.ts'
import { decodeOid, decodeSmallInteger } from '../asn1/values.ts'
import { TAG, contextConstructed } from '../asn1/tags.ts'
import { type HashName, findHash } from './hashes.ts'

const MGF1 = '1.2.840.113549.1.1.8'

function hashOf(algorithm: Der): HashName {
  const reader = readSequence(algorithm)
  const found = findHash(decodeOid(reader.next(TAG.oid)))
  if (!found) throw new CodedError('ALGORITHM_UNSUPPORTED', 'hash of RSASSA-PSS is not known')
  return found.name
}

/**
 * Hash and salt length of RSASSA-PSS parameters; the mask must use the same hash, since OpenSSL
 * verifies nothing else through this door and mixed hashes occur in attacks only.
 *
 * @throws {CodedError} ALGORITHM_UNSUPPORTED, INPUT_MALFORMED
 */
export function parsePssParameters(parameters: Der | undefined): { hash: HashName; saltLength: number } {
  if (!parameters) throw new CodedError('INPUT_MALFORMED', 'RSASSA-PSS has no parameters')
  const reader = readSequence(parameters)
  const hashField = reader.optional(contextConstructed(0))
  const maskField = reader.optional(contextConstructed(1))
  const saltField = reader.optional(contextConstructed(2))
  const trailerField = reader.optional(contextConstructed(3))
  reader.end()
  const hash = hashField ? hashOf(onlyChild(hashField)) : 'SHA-1'
  let maskHash: HashName = 'SHA-1'
  if (maskField) {
    const mask = readSequence(onlyChild(maskField))
    if (decodeOid(mask.next(TAG.oid)) !== MGF1)
      throw new CodedError('ALGORITHM_UNSUPPORTED', 'mask of RSASSA-PSS is not MGF1')
    maskHash = hashOf(mask.next(TAG.sequence))
  }
  const saltLength = saltField ? decodeSmallInteger(onlyChild(saltField)) : 20
  const trailer = trailerField ? decodeSmallInteger(onlyChild(trailerField)) : 1
  if (maskHash !== hash || trailer !== 1 || saltLength < 0 || saltLength > 512)
    throw new CodedError(
      'ALGORITHM_UNSUPPORTED',
      'RSASSA-PSS parameters are outside RFC 4055 §3.1 as used here',
    )
  return { hash, saltLength }
}
