/** Sentences about signatures, timestamps, whole documents and the law. Keys are stable; sentences may improve. */
const text = (zh: string, en: string): { readonly zh: string; readonly en: string } => ({ zh, en })

/** @see RFC 5652, RFC 3161, ETSI EN 319 102-1 §5.3 */
export const SIGNATURE_TEXTS = {
  SIGNATURE_VALID: text(
    '签名有效，签名后文件内容没有改变。',
    'The signature is valid and the content has not changed since.',
  ),
  SIGNATURE_UNDECIDED: text(
    '签名的有效性无法确定。',
    'It could not be decided whether the signature is valid.',
  ),
  SIGNATURE_INVALID: text('签名无效。', 'The signature is not valid.'),
  CMS_MALFORMED: text('签名数据已损坏，无法读取。', 'The signature data is damaged and cannot be read.'),
  CMS_SIGNER_COUNT: text(
    '签名数据必须恰好有一个签名者。',
    'The signature data must hold exactly one signer.',
  ),
  CMS_NOT_DETACHED: text('签名数据不应包含内容。', 'The signature data must not hold content of its own.'),
  CMS_FORMAT_UNSUPPORTED: text('不支持这种签名格式。', 'This format of signature is not supported.'),
  CMS_ALGORITHM_UNSUPPORTED: text('签名使用了未知的算法。', 'The signature uses an unknown algorithm.'),
  CMS_ALGORITHMS_DIFFER: text(
    '签名中声明的算法互相矛盾。',
    'The algorithms that the signature names contradict each other.',
  ),
  CMS_ATTRIBUTES_MALFORMED: text('签名属性不符合标准。', 'The signed attributes break the standard.'),
  CMS_ATTRIBUTES_MISSING: text(
    '签名中没有签名属性，无法确定所签的是不是这份文件。',
    'The signature holds no signed attributes, so nobody can say that it was this file that was signed.',
  ),
  CMS_ATTRIBUTES_STRIPPED: text(
    '所给的内容其实是某个签名的签名属性：签名者没有把它当作文件签署。',
    'What is given as content are the signed attributes of a signature: its signer never signed them as a document.',
  ),
  CMS_CONTENT_TYPE: text('签名的内容类型不相符。', 'The content type in the signature does not match.'),
  CMS_DIGEST_MISMATCH: text(
    '内容与签名时不一致：签名后被改动，或不是当时所签的文件。',
    'The content is not what was signed: it was changed afterwards, or it is another file.',
  ),
  EVENT_DIGEST_OTHER: text(
    '事件证书不是为此文件签发的：签发记录中列出的是其他文件的摘要。',
    'The event certificate was not made for this document: the record of its issuance lists other digests.',
  ),
  CMS_SIGNATURE_WRONG: text(
    '签名值与证书的公钥不相符。',
    'The signature value does not fit the key of the certificate.',
  ),
  CMS_NO_CERTIFICATE: text('找不到签名者的证书。', 'The certificate of the signer was not found.'),
  CMS_CERTIFICATE_REFERENCE_MALFORMED: text(
    '签名中绑定签名者证书的属性已损坏。',
    'The attribute that names the certificate of the signer is damaged.',
  ),
  CMS_CERTIFICATE_REFERENCE_MISSING: text(
    '签名没有绑定签名者的证书。',
    'The signature does not name the certificate of the signer in what is signed.',
  ),
  CMS_CERTIFICATE_REFERENCE_MISMATCH: text(
    '签名绑定的是另一张证书。',
    'The signature names another certificate than the one that was found.',
  ),
  CMS_NOT_SORTED: text(
    '签名属性的顺序不符合 DER，有些软件会拒绝。',
    'The signed attributes are not in the order of DER; some software refuses them.',
  ),
  CMS_NOT_DER: text('签名数据使用 BER 编码。', 'The signature data is encoded in BER.'),
  CONTENT_MISSING: text(
    '缺少被签名的文件，请一并提供。',
    'The signed content is missing; please supply it too.',
  ),
  TIMESTAMP_VALID: text(
    '时间戳有效，证明签名在该时间已存在。',
    'A valid timestamp proves that the signature existed at that time.',
  ),
  TIMESTAMP_NOT_VALID: text('时间戳不能证明签名时间。', 'A timestamp does not prove the time of signing.'),
  TIMESTAMP_IMPRINT: text('时间戳不属于此签名。', 'The timestamp is not about this signature.'),
  TIMESTAMP_MALFORMED: text('时间戳已损坏，无法读取。', 'The timestamp is damaged and cannot be read.'),
  TIMESTAMP_IN_FUTURE: text('时间戳的时间在未来。', 'The time of the timestamp lies in the future.'),
  TIMESTAMP_ORDER: text('时间戳的先后顺序不正确。', 'The timestamps are not in the right order.'),
  TIME_NOT_PROVED: text(
    '签名时间仅为签名者声称，没有时间戳证明。',
    'The signing time is only claimed by the signer; no timestamp proves it.',
  ),
  CLAIMED_TIME_AFTER_PROOF: text(
    '声称的签名时间晚于时间戳。',
    'The claimed signing time is later than the timestamp.',
  ),
  SIGNING_TIME_TWICE: text(
    'PAdES 不允许在签名中另含签名时间。',
    'PAdES does not allow a signing time inside of the signature.',
  ),
  LATER_SIGNATURE_NOT_VALID: text(
    '之后的签名（域 {field}）无效，它加入文件的内容无人负责。',
    'A later signature, in the field {field}, is not valid: nobody vouches for what it added to the file.',
  ),
  LATER_SEAL_PLACED: text(
    '之后的一个签名在第 {page} 页放置了图片。请将图片下面的内容与当时所签的版本对照。',
    'A later signature placed a picture on page {page}: compare what lies under it with the version that was signed.',
  ),
  LATER_SEAL_NOT_CONFIRMED: text(
    '之后有一个未经确认的签名在第 {page} 页显示了图片，可能遮盖或改变所签内容的样子。',
    'A later, untrusted signature shows a picture on page {page}; it may hide or alter what was signed there.',
  ),
  TOO_MANY_SIGNATURES: text(
    '签名数量超过上限，未全部检查。',
    'There are more signatures than the limit; not all were checked.',
  ),
  NO_SIGNATURE_FOUND: text('文件中没有电子签名。', 'There is no electronic signature in this file.'),
  PICTURE_OF_A_SEAL: text(
    '文件中没有电子签名，只有图片，如印章、手写签名或扫描页。图片不是签名，没有密码技术保障。',
    'There is no electronic signature, only pictures, such as a seal, handwriting or a scanned page. A picture is not a signature: nothing protects it.',
  ),
  DOCUMENT_DAMAGED: text('文件已损坏，无法检查。', 'The file is damaged and cannot be checked.'),
  DOCUMENT_DAMAGED_SIGNED: text(
    '文件已损坏；其中有签名的痕迹，但无法检查。',
    'The file is damaged; it holds traces of a signature that cannot be checked.',
  ),
  DOCUMENT_ENCRYPTED: text('文件已加密，需要密码。', 'The file is encrypted; its password is needed.'),
  DOCUMENT_PASSWORD_WRONG: text(
    '文件已加密，所给的密码不正确。',
    'The file is encrypted, and the password that was given is not right.',
  ),
  DOCUMENT_ENCRYPTION_UNSUPPORTED: text(
    '不支持文件的加密方式。',
    'The way in which the file is encrypted is not supported.',
  ),
  DOCUMENT_UNSUPPORTED: text(
    '不是 PDF，也不是 .p7s 签名文件，无法检查。',
    'This is neither a PDF nor a .p7s signature; it cannot be checked.',
  ),
  DOCUMENT_TOO_LARGE: text('文件超过大小或复杂度上限。', 'The file is over a limit of size or complexity.'),
  DOCUMENT_EMPTY: text('文件为空。', 'The file is empty.'),
  SIGNATURES_ALL_VALID: text(
    '所有签名均有效，签名后内容没有改变。',
    'All signatures are valid and the content has not changed since.',
  ),
  SIGNATURES_NOT_ALL_DECIDED: text(
    '至少有一个签名无法确定是否有效。',
    'At least one signature could not be decided.',
  ),
  SIGNATURES_NOT_ALL_VALID: text(
    '至少有一个签名无效，请勿信赖此文件。',
    'At least one signature is not valid. Do not rely on this file.',
  ),
  LAW_13_1: text(
    '电子签名制作数据用于签名时，专属于电子签名人',
    'The signature creation data belonged to the signatory alone when it was used',
  ),
  LAW_13_2: text(
    '签署时电子签名制作数据仅由电子签名人控制',
    'At signing, the creation data was controlled by the signatory alone',
  ),
  LAW_13_3: text(
    '签署后对电子签名的任何改动能够被发现',
    'Any change to the signature after signing can be found',
  ),
  LAW_13_4: text(
    '签署后对内容和形式的任何改动能够被发现',
    'Any change to content and form after signing can be found',
  ),
  LAW_SIGNATURE_CHECKED: text(
    '签名值已用证书公钥验证。',
    'The signature value was verified with the key of the certificate.',
  ),
  LAW_SIGNATURE_BROKEN: text('签名值验证失败。', 'The signature value does not verify.'),
  LAW_SIGNATURE_UNCHECKED: text('签名值无法验证。', 'The signature value could not be verified.'),
  LAW_CONTENT_COVERED: text(
    '签名覆盖全部内容，且内容未变。',
    'The signature covers the whole content, and it is unchanged.',
  ),
  LAW_CONTENT_CHANGED: text('签名后内容有改动。', 'The content was changed after signing.'),
  LAW_CONTENT_UNCHECKED: text('内容无法核对。', 'The content could not be compared.'),
  LAW_CUSTODY_UNKNOWN: text(
    '没有密钥保管的记录，无法判断。',
    'There is no record of how the key was kept; this cannot be judged.',
  ),
  LAW_CUSTODY_RECORD: text('密钥保管记录。', 'Record of how the key was kept.'),
  LAW_HASH_WEAK: text(
    '摘要算法已不安全，改动可能无法被发现。',
    'The digest algorithm is no longer safe: a change might not be found.',
  ),
  LAW_CERTIFICATE_IDENTIFIES: text('证书标明了签名人。', 'The certificate names the signatory.'),
  LAW_CERTIFICATE_UNTRUSTED: text(
    '证书不受信任，无法确认签名人。',
    'The certificate is not trusted: nobody confirms who the signatory is.',
  ),
} as const
