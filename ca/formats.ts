/**
 * Door 2 of the trusted core: the pure codecs that `src/` shares. No keys, no I/O.
 * Every name is listed, so that what crosses the door is seen in review.
 */
export { CodedError, isCoded } from './errors.ts'
export {
  type Der,
  type SequenceReader,
  checkDer,
  childrenOf,
  expectTag,
  onlyChild,
  parseDer,
  readDer,
  readSequence,
} from './asn1/reader.ts'
export { TAG, context, contextConstructed } from './asn1/tags.ts'
export {
  ascii,
  decodeBitString,
  decodeBitStringOctets,
  decodeBoolean,
  decodeInteger,
  decodeNamedBits,
  decodeOid,
  decodeSmallInteger,
  decodeString,
  decodeTime,
  integerBytes,
  serialHexOf,
  toHex,
} from './asn1/values.ts'
export {
  bitString,
  boolean,
  compareBytes,
  concat,
  enumerated,
  explicit,
  generalizedTime,
  ia5String,
  implicit,
  integer,
  namedBits,
  nullValue,
  octetString,
  oid,
  sequence,
  setOf,
  time,
  tlv,
  unsignedInteger,
  utf8String,
} from './asn1/writer.ts'
export {
  type HashName,
  type HashRow,
  HASHES,
  digest,
  findHash,
  getHash,
  startHash,
} from './algorithms/hashes.ts'
export {
  type CurveRow,
  type KeyKind,
  type PublicKeyInfo,
  CURVES,
  KEY_OID,
  parseSpki,
  publicKeyObject,
} from './algorithms/keys.ts'
export {
  type AlgorithmIdentifier,
  type SignatureAlgorithm,
  SIGNATURE_ALGORITHMS,
  getSignatureAlgorithm,
  parseAlgorithmIdentifier,
  signatureAlgorithmOf,
  verifySignature,
} from './algorithms/signatures.ts'
export {
  type Certificate,
  type Extension,
  MAX_CERTIFICATE_BYTES,
  parseCertificate,
  parseExtensions,
} from './x509/certificate.ts'
export {
  type AccessDescription,
  type AuthorityKeyIdentifier,
  type BasicConstraints,
  type DistributionPoint,
  type GeneralName,
  type PolicyInformation,
  authorityInfoAccessOf,
  basicConstraintsOf,
  certificatePoliciesOf,
  extKeyUsageOf,
  keyUsageOf,
  parseAuthorityKeyIdentifier,
  parseDistributionPointName,
  parseDistributionPoints,
  parseGeneralName,
  parseGeneralNames,
  subjectKeyIdentifierOf,
} from './x509/extensions.ts'
export {
  type Name,
  type NameAttribute,
  type SubjectAttribute,
  ATTRIBUTE_TYPES,
  encodeName,
  findAttribute,
  isNameWithin,
  isSameName,
  nameKey,
  nameToString,
  parseName,
} from './x509/name.ts'
export { ACCESS, ANY_POLICY, EKU, EXT, KEY_USAGE, type KeyUsageName } from './x509/oids.ts'
export {
  type Crl,
  type IssuingDistributionPoint,
  MAX_CRL_BYTES,
  crlAuthorityKeyIdentifierOf,
  crlNumberOf,
  deltaCrlIndicatorOf,
  issuingDistributionPointOf,
  parseCrl,
} from './x509/crl.ts'
export {
  type CrlContent,
  type CrlPart,
  crlByteLength,
  readWholeCrl,
  streamCrl,
  wholeCrl,
} from './x509/crl-content.ts'
export {
  type CrlEntry,
  type CrlLookup,
  type CrlReason,
  CRL_REASONS,
  countCrlEntries,
  crlEntries,
  findCrlEntry,
} from './x509/crl-entries.ts'
export {
  type BasicOcspResponse,
  type CertId,
  type OcspCertStatus,
  type OcspRequest,
  type OcspResponse,
  type OcspResponseStatus,
  type ResponderId,
  type SingleResponse,
  MAX_OCSP_RESPONSE_BYTES,
  OCSP_STATUS,
  parseBasicResponse,
  parseCertId,
  parseOcspRequest,
  parseOcspResponse,
} from './x509/ocsp.ts'
export {
  type CmsAttribute,
  type EssCertId,
  type SignedData,
  type SignerIdentifier,
  type SignerInfo,
  type SignerInfoProblem,
  ATTRIBUTE,
  CONTENT,
  MAX_CMS_BYTES,
  attributeValuesOf,
  contentTypeOf,
  essCertIdsOf,
  essReferencesOf,
  findAttributeValue,
  isSignedAttributes,
  messageDigestOf,
  parseCountersignature,
  parseSignedData,
  signingTimeOf,
} from './x509/cms.ts'
export { addUnsignedAttribute } from './x509/cms-writer.ts'
export {
  type MessageImprint,
  type TimeStampResponse,
  type TimeStampToken,
  type TstInfo,
  MAX_TSP_TOKEN_BYTES,
  parseTimeStampResponse,
  parseTimeStampToken,
  parseTstInfo,
} from './x509/tsp.ts'
export { encodeTimeStampRefusal, encodeTimeStampRequest } from './x509/tsp-writer.ts'
export { encodeOcspError } from './x509/ocsp-writer.ts'
export { decodeOcspGetPath } from './x509/ocsp-get.ts'
export { type BerLimits, BER_LIMITS, berToDer } from './asn1/foreign.ts'
export { type Csr, MAX_CSR_BYTES, checkProofOfPossession, parseCsr } from './x509/csr.ts'
export {
  type KeyAlgorithm,
  type KeyAlgorithmName,
  KEY_ALGORITHMS,
  findKeyAlgorithm,
} from './algorithms/key-algorithms.ts'
