/** Sentences about what is wrong with signatures in a PDF, and about changes after signing. Keys are stable. */
import type { SignatureProblem } from '../formats/pdf/signature-problems.ts'
import type { ChangeDetail } from './changes/change-types.ts'

interface Text {
  readonly zh: string
  readonly en: string
}

const text = (zh: string, en: string): Text => ({ zh, en })

type Upper<Text extends string> = Text extends `${infer Head}-${infer Tail}`
  ? `${Uppercase<Head>}_${Upper<Tail>}`
  : Uppercase<Text>

/** Key `PDF_…` of a structural problem. */
export type ProblemKey = `PDF_${Upper<SignatureProblem>}`
/** Key `CHANGE_…` of what happened after a signature. */
export type ChangeKey = `CHANGE_${Upper<ChangeDetail>}`

/** @see ISO 32000-2, 12.8.1 */
export const PROBLEM_TEXTS: Readonly<Record<SignatureProblem, Text>> = {
  'byte-range-missing': text(
    '签名没有说明覆盖哪些字节。',
    'The signature does not say which bytes it covers.',
  ),
  'byte-range-malformed': text('签名的覆盖范围无法读取。', 'The range of the signature cannot be read.'),
  'byte-range-start': text(
    '签名没有从文件开头开始覆盖。',
    'The signature does not cover the file from its first byte.',
  ),
  'byte-range-order': text(
    '签名的覆盖范围互相重叠或颠倒。',
    'The ranges of the signature overlap or are out of order.',
  ),
  'byte-range-beyond-eof': text(
    '签名的覆盖范围超出文件末尾。',
    'The range of the signature goes beyond the end of the file.',
  ),
  'byte-range-gap': text(
    '签名留出的空隙不只是签名值本身。',
    'The signature leaves out more than its own value.',
  ),
  'byte-range-end': text(
    '签名没有覆盖到某次保存的末尾。',
    'The signature does not reach the end of a save of the file.',
  ),
  'bytes-after-revision': text(
    '文件末尾之后还有未签名的数据。',
    'There is unsigned data after the end of the file.',
  ),
  'contents-missing': text('签名值缺失。', 'The signature value is missing.'),
  'contents-empty': text('签名值为空。', 'The signature value is empty.'),
  'contents-malformed': text('签名值不是有效的签名数据。', 'The signature value is not signature data.'),
  'contents-padding': text('签名值之后藏有其他数据。', 'There is other data behind the signature value.'),
  'contents-elsewhere': text(
    '签名留出的空隙不是它自己的签名值。',
    'The gap of the signature is not its own value.',
  ),
  'contents-shared': text('两个签名共用同一个签名值。', 'Two signatures share one value.'),
  'dictionary-compressed': text(
    '签名字典被压缩存放，标准不允许。',
    'The signature dictionary is compressed, which the standard forbids.',
  ),
  'dictionary-not-indirect': text(
    '签名字典不是独立对象。',
    'The signature dictionary is not an object of its own.',
  ),
  'dictionary-key-duplicate': text('签名字典中有重复的键。', 'The signature dictionary holds a key twice.'),
  'dictionary-unreadable': text('签名字典无法读取。', 'The signature dictionary cannot be read.'),
  'value-malformed': text(
    '签名域的值不是签名字典。',
    'The value of the signature field is not a signature dictionary.',
  ),
  'value-shared': text('两个签名域共用同一个签名。', 'Two signature fields share one signature.'),
  'field-name-duplicate': text('两个签名域同名。', 'Two signature fields have the same name.'),
  'field-lock-unclear': text('签名域的锁定规则无法读取。', 'The lock of a signature field cannot be read.'),
  'sub-filter-missing': text('签名没有说明格式。', 'The signature does not name its format.'),
  orphan: text(
    '签名不属于任何签名域，可能已被隐藏。',
    'The signature belongs to no field of the document; it may have been hidden.',
  ),
}

/** @see ISO 32000-2, 12.8.2.2 */
export const CHANGE_TEXTS: Readonly<Record<ChangeDetail, Text>> = {
  'signature-added': text('之后加入了新的签名。', 'A signature was added later.'),
  'field-signed': text('之后签署了预留的签名域。', 'A prepared signature field was signed later.'),
  'seal-placed': text('之后放置了签名的外观。', 'The appearance of a signature was placed later.'),
  'timestamp-added': text('之后加入了文件时间戳。', 'A document timestamp was added later.'),
  'validation-data-updated': text('之后加入了验证数据。', 'Validation data was added later.'),
  'extensions-declared': text('之后声明了格式扩展。', 'An extension of the format was declared later.'),
  'version-raised': text('之后提高了格式版本号。', 'The format version was raised later.'),
  'dates-updated': text('之后更新了修改日期。', 'The modification date was updated later.'),
  'object-freed-unused': text('之后释放了未使用的对象。', 'An unused object was freed later.'),
  'byte-range-malformed': text('签名的覆盖范围无法读取。', 'The range of the signature cannot be read.'),
  'byte-range-not-from-start': text(
    '签名没有从文件开头开始覆盖。',
    'The signature does not cover the file from its first byte.',
  ),
  'byte-range-gap-not-contents': text(
    '签名留出的空隙不只是签名值本身。',
    'The signature leaves out more than its own value.',
  ),
  'byte-range-not-whole-revision': text(
    '签名没有覆盖一次完整的保存。',
    'The signature does not cover a whole save of the file.',
  ),
  'bytes-after-end': text('文件末尾之后还有数据。', 'There is data after the end of the file.'),
  'bytes-unaccounted': text(
    '签名后加入了来历不明的数据。',
    'Data of unknown purpose was added after signing.',
  ),
  'revision-end-unclear': text('某次保存的结尾不清楚。', 'The end of a save is unclear.'),
  'xref-points-back': text(
    '签名后的交叉引用指回已签名的数据。',
    'A cross-reference added later points back into signed data.',
  ),
  'xref-order-unusual': text('交叉引用的顺序异常。', 'The order of the cross-references is unusual.'),
  'structure-ambiguous': text(
    '签名后的结构有歧义，不同软件可能显示不同内容。',
    'What was added is ambiguous: other software may show something else.',
  ),
  'save-form-unusual': text(
    '签名后的保存不合格式，别的软件可能改用另一种方式读取文件。',
    'A later save is not in the form of the standard: other software may read the file in another way.',
  ),
  'object-hidden': text(
    '签名后加入的数据里藏有对象，别的软件可能会显示它。',
    'An object is hidden in data that was added after signing: other software may show it.',
  ),
  'object-unreferenced': text(
    '签名后加入了没有任何地方用到的对象。',
    'An object that nothing uses was added after signing.',
  ),
  'validation-data-foreign': text(
    '签名后加入的验证数据里有不属于验证数据的内容。',
    'The validation data that was added holds something else than certificates, CRLs and OCSP responses.',
  ),
  'signed-revision-unreadable': text('已签名的版本无法读取。', 'The signed revision cannot be read.'),
  'entry-changed': text('签名后文件结构被改动。', 'An entry of the document was changed after signing.'),
  'root-replaced': text('签名后文件的根被替换。', 'The root of the document was replaced after signing.'),
  'encryption-changed': text('签名后加密设置被改动。', 'The encryption was changed after signing.'),
  'object-redefined': text('签名后对象被重新定义。', 'An object was redefined after signing.'),
  'object-removed': text('签名后对象被删除。', 'An object was removed after signing.'),
  'object-now-defined': text(
    '签名后补上了原来空缺的对象。',
    'An object that was missing was defined after signing.',
  ),
  'object-shared': text('签名后改动了共用的对象。', 'A shared object was changed after signing.'),
  'object-unreadable': text('签名后加入的对象无法读取。', 'An object that was added cannot be read.'),
  'information-changed': text(
    '签名后文件信息被改动。',
    'The document information was changed after signing.',
  ),
  'metadata-changed': text('签名后元数据被改动。', 'The metadata was changed after signing.'),
  'annotation-added': text('签名后加入了批注。', 'An annotation was added after signing.'),
  'annotation-removed': text('签名后删除了批注。', 'An annotation was removed after signing.'),
  'field-added': text('签名后加入了表单域。', 'A form field was added after signing.'),
  'field-removed': text('签名后删除了表单域。', 'A form field was removed after signing.'),
  'field-name-repeated': text(
    '签名后加入了同名的表单域。',
    'A form field with a name that was in use was added after signing.',
  ),
  'field-never-signed': text(
    '签名后加入了未签署的签名域。',
    'A signature field that nobody signed was added after signing.',
  ),
  'field-entry-not-allowed': text(
    '签名后加入的签名域含有不允许的内容。',
    'A signature field that was added holds something that is not allowed.',
  ),
  'field-entry-changed': text('签名后表单域被改动。', 'A form field was changed after signing.'),
  'signature-range-wrong': text(
    '之后的签名没有覆盖它带来的改动。',
    'A later signature does not cover the change that it came with.',
  ),
  'signature-reused': text('之后的签名域使用了旧的签名。', 'A later signature field uses an old signature.'),
  'widget-overlaps': text(
    '之后加入的签名外观遮盖了其他内容。',
    'The appearance of a later signature lies over other content.',
  ),
  'widget-covers-page': text(
    '之后加入的签名外观遮盖了页面。',
    'The appearance of a later signature covers the page.',
  ),
  'certified-no-changes': text(
    '文件已认证为不允许任何改动。',
    'The document is certified against any change.',
  ),
  'field-locked': text('该签名域已被锁定。', 'The field was locked.'),
}
