/** Sentences about certificates, paths, revocation and algorithms. Keys are stable; sentences may improve. */
const text = (zh: string, en: string): { readonly zh: string; readonly en: string } => ({ zh, en })

/** @see RFC 5280 §6, ETSI EN 319 102-1 §5.2.6 */
export const CHAIN_TEXTS = {
  CHAIN_VALID: text(
    '证书链有效，通向受信任的根。',
    'The certificate chain is valid and leads to a trusted anchor.',
  ),
  CERT_EXPIRED: text('证书在检查的时间已过期。', 'A certificate had expired at the time of the check.'),
  CERT_NOT_YET_VALID: text(
    '证书在检查的时间尚未生效。',
    'A certificate was not yet valid at the time of the check.',
  ),
  CERT_MALFORMED: text('证书的扩展无法读取。', 'An extension of a certificate cannot be read.'),
  CERT_KEY_UNUSABLE: text('证书的公钥无法使用。', 'The public key of a certificate cannot be used.'),
  CERT_KEY_USAGE: text(
    '证书的密钥用途不允许这样使用。',
    'The key usage of the certificate does not allow this use.',
  ),
  CERT_EXT_KEY_USAGE: text(
    '证书的扩展密钥用途不允许这样使用。',
    'The extended key usage of the certificate does not allow this use.',
  ),
  CERT_IS_A_CA: text(
    '这是证书颁发机构的证书，不能用于此处。',
    'This is the certificate of an authority; it may not be used here.',
  ),
  CERT_CRITICAL_EXTENSION_UNKNOWN: text(
    '证书含有无法处理的关键扩展。',
    'A certificate has a critical extension that is not understood.',
  ),
  CERT_PROFILE: text(
    '证书不符合 RFC 5280 的格式要求。',
    'A certificate breaks a rule of RFC 5280 for its form.',
  ),
  PATH_NOT_FOUND: text(
    '找不到通向受信任根的证书链：签发者不在信任列表中。',
    'No chain to a trusted anchor was found: the issuer is not on the trust list.',
  ),
  PATH_WORK_LIMIT: text(
    '证书链过于复杂，已停止检查。',
    'The certificate chain is too complex; the check was stopped.',
  ),
  PATH_SIGNATURE_INVALID: text(
    '证书上的签发者签名不正确。',
    'The signature of an issuer on a certificate is wrong.',
  ),
  PATH_ISSUER_NAME: text('证书的签发者名称不相符。', 'The issuer name of a certificate does not match.'),
  PATH_NOT_A_CA: text(
    '证书链中有证书无权签发证书。',
    'A certificate of the chain may not issue certificates.',
  ),
  PATH_CA_KEY_USAGE: text(
    '签发者的密钥用途不允许签发证书。',
    'The key usage of an issuer does not allow it to issue certificates.',
  ),
  PATH_CA_EXT_KEY_USAGE: text('签发者的用途限制不允许此类证书。', 'An issuer is limited to other purposes.'),
  PATH_LENGTH: text('证书链超过允许的长度。', 'The certificate chain is longer than allowed.'),
  PATH_NAME_CONSTRAINTS: text(
    '证书中的名称超出签发者的允许范围。',
    'A name lies outside of what the issuer may certify.',
  ),
  PATH_POLICY: text(
    '证书链不满足所要求的证书策略。',
    'The chain does not meet the required certificate policies.',
  ),
  ALGORITHM_UNKNOWN: text('使用了未知的算法。', 'An unknown algorithm is used.'),
  ALGORITHM_TOO_WEAK: text(
    '所用的算法或密钥在该时间已不再安全。',
    'An algorithm or key was no longer strong enough at that time.',
  ),
  REVOCATION_GOOD: text('证书未被吊销。', 'The certificate is not revoked.'),
  REVOCATION_MISSING: text(
    '没有吊销信息，因此无法确认证书是否有效。',
    'There is no revocation information, so nobody can say that the certificate is good.',
  ),
  REVOCATION_STALE: text(
    '吊销信息已过期，请稍后再试。',
    'The revocation information is too old; try again later.',
  ),
  REVOCATION_UNUSABLE: text(
    '吊销信息无法使用或不可信。',
    'The revocation information cannot be used or trusted.',
  ),
  REVOCATION_UNKNOWN_TO_RESPONDER: text(
    'OCSP 服务不认识该证书。',
    'The OCSP responder does not know the certificate.',
  ),
  REVOCATION_NOT_OFFERED: text(
    '证书声明不提供吊销信息；其有效期很短，策略允许。',
    'The certificate says that it has no revocation information; it is short-lived and the policy allows that.',
  ),
  REVOCATION_NOT_OFFERED_TOO_LONG: text(
    '证书声明不提供吊销信息，但其有效期过长，策略不允许。',
    'The certificate says that it has no revocation information, but it is valid for longer than the policy allows.',
  ),
  REVOKED: text('证书在签名之前已被吊销。', 'The certificate was revoked before the signature was made.'),
  REVOKED_UNPROVEN: text(
    '证书已被吊销，且无法证明签名早于吊销时间。',
    'The certificate is revoked, and nothing proves that the signature was made before that.',
  ),
  REVOKED_LATER: text(
    '证书后来被吊销，但时间戳证明签名在此之前。',
    'The certificate was revoked later; a timestamp proves that the signature is older.',
  ),
  CA_REVOKED: text('签发者的证书已被吊销。', 'The certificate of an issuer is revoked.'),
  CERT_ON_HOLD: text('证书被暂停使用，请稍后再试。', 'The certificate is on hold; try again later.'),
  OUT_OF_BOUNDS: text(
    '现在已超出证书有效期，且无法证明签名在有效期内作出。',
    'The certificate is outside of its validity now, and nothing proves that the signature was made within it.',
  ),
  EXPIRED_BEFORE_SIGNING: text(
    '签名时证书已过期。',
    'The certificate had expired before the signature was made.',
  ),
  SIGNED_BEFORE_ISSUE: text(
    '签名早于证书的生效时间。',
    'The signature is older than the certificate is valid.',
  ),
} as const
