/** Answers for what is not a verdict on a signature: none there, only a picture, damaged, locked, of a foreign kind. */
import { type Html, type Part, html } from './html.ts'
import type { Bilingual, Say } from './language.ts'

export type AnswerKind =
  | 'no-file'
  | 'no-signature'
  | 'image-only'
  | 'damaged'
  | 'encrypted'
  | 'password-wrong'
  | 'encryption-unsupported'
  | 'unsupported'
  | 'content-missing'
  | 'too-large'
  | 'not-found'
  | 'busy'

interface Answer {
  readonly title: Bilingual
  readonly text: Bilingual
  readonly tone: 'fail' | 'unknown'
}

const ANSWERS: Readonly<Record<AnswerKind, Answer>> = {
  'no-file': {
    tone: 'unknown',
    title: { zh: '没有收到文件', en: 'No file has come' },
    text: {
      zh: '请先选择一个文件，再点“验证”。空文件无法验证。',
      en: 'Choose a file first, then press Verify. An empty file cannot be verified.',
    },
  },
  'no-signature': {
    tone: 'fail',
    title: { zh: '文件中没有电子签名', en: 'There is no electronic signature in this file' },
    text: {
      zh: '此文件未经密码技术签名：无法证明是谁签署，也无法发现改动。若签名是另一个 .p7s 文件，请把两个文件一起放入。',
      en: 'The file carries no cryptographic signature: nothing proves who signed it, and changes cannot be detected. If the signature is a separate .p7s file, put in both files.',
    },
  },
  'image-only': {
    tone: 'fail',
    title: { zh: '只有图像，没有电子签名', en: 'A picture only, no electronic signature' },
    text: {
      zh: '文件中可见印章或签名的图像，但图像不是电子签名，任何人都可以复制粘贴。它没有密码保障，不能证明是谁签署。',
      en: 'What looks like a seal or a signature is a picture. A picture of a seal is not a signature: anybody can copy and paste it, and it proves nothing.',
    },
  },
  damaged: {
    tone: 'fail',
    title: { zh: '文件已损坏，无法读取', en: 'The file is damaged and cannot be read' },
    text: {
      zh: '请向对方索取原始文件，不要通过会改写文件的软件转存。损坏的文件不能视为已签名。',
      en: 'Ask for the original again, and do not pass it through software that rewrites files. A damaged file must not be taken as signed.',
    },
  },
  encrypted: {
    tone: 'unknown',
    title: { zh: '文件已加密，需要密码', en: 'The file is encrypted and needs its password' },
    text: {
      zh: '请在下方填写密码，再点“验证”（文件若未保留选中，请重新选择）。密码只用来打开这份文件，不保留，不记录。不要自行去除密码：那会改写文件并破坏签名。',
      en: 'Enter the password below and press Verify again; choose the file again if it is no longer chosen. The password only opens this file: it is neither kept nor recorded. Do not remove it yourself: that rewrites the file and breaks its signatures.',
    },
  },
  'password-wrong': {
    tone: 'unknown',
    title: { zh: '密码不正确', en: 'The password is not right' },
    text: {
      zh: '文件已加密，所填的密码打不开它。请核对大小写，再试一次。',
      en: 'The file is encrypted, and this password does not open it. Check capital letters and try again.',
    },
  },
  'encryption-unsupported': {
    tone: 'unknown',
    title: { zh: '不支持文件的加密方式', en: 'This kind of encryption is not supported' },
    text: {
      zh: '文件的加密方式在此无法打开，未作验证。请索取未加密的签署文件。',
      en: 'The file is encrypted in a way that cannot be opened here, and was not verified. Ask for the signed file without encryption.',
    },
  },
  unsupported: {
    tone: 'unknown',
    title: { zh: '不支持此类文件', en: 'This kind of file is not supported' },
    text: {
      zh: '可以验证 PDF，以及 .p7s（分离式 CMS 签名）连同其原文件。Word、图片、OFD 等请先取得带签名的版本。',
      en: 'What can be verified are PDF files, and .p7s files (detached CMS) together with the file that they sign.',
    },
  },
  'content-missing': {
    tone: 'unknown',
    title: { zh: '还缺少被签名的原文件', en: 'The file that was signed is missing' },
    text: {
      zh: '.p7s 只含签名，不含内容。请把 .p7s 和原文件一起放入。',
      en: 'A .p7s holds the signature and not the content. Put in the .p7s together with the file that it signs.',
    },
  },
  'too-large': {
    tone: 'unknown',
    title: { zh: '文件太大', en: 'The file is too large' },
    text: {
      zh: '文件超过本服务的大小或复杂度限制，未作验证。可用命令行 yinxin verify 在本地验证。',
      en: 'The file is beyond the size or complexity limit here and was not verified. Verify it on your own machine with yinxin verify.',
    },
  },
  'not-found': {
    tone: 'unknown',
    title: { zh: '没有此报告', en: 'There is no such report' },
    text: { zh: '请检查链接，或重新验证文件。', en: 'Check the link, or verify the file again.' },
  },
  busy: {
    tone: 'unknown',
    title: { zh: '暂时无法验证', en: 'Verification is not possible at the moment' },
    text: { zh: '文件未作验证。请稍后再试。', en: 'The file was not verified. Please try again later.' },
  },
}

/** The answer for an error code; what a person in front of the page cannot do anything about is "busy". */
export function answerForCode(code: string): AnswerKind {
  switch (code) {
    case 'REQUEST_INVALID':
      return 'no-file'
    case 'PDF_MALFORMED':
    case 'PDF_DAMAGED_SIGNED':
    case 'INPUT_MALFORMED':
      return 'damaged'
    case 'PDF_ENCRYPTED':
      return 'encrypted'
    case 'PDF_ENCRYPTION_UNSUPPORTED':
      return 'encryption-unsupported'
    case 'INPUT_TOO_LARGE':
    case 'PDF_TOO_LARGE':
      return 'too-large'
    case 'MEDIA_TYPE_UNSUPPORTED':
      return 'unsupported'
    case 'NOT_FOUND':
    case 'VERIFICATION_NOT_FOUND':
      return 'not-found'
    default:
      return 'busy'
  }
}

const BY_REASON: Readonly<Record<string, AnswerKind>> = {
  NO_SIGNATURE_FOUND: 'no-signature',
  PICTURE_OF_A_SEAL: 'image-only',
  DOCUMENT_DAMAGED: 'damaged',
  DOCUMENT_DAMAGED_SIGNED: 'damaged',
  DOCUMENT_ENCRYPTED: 'encrypted',
  DOCUMENT_PASSWORD_WRONG: 'password-wrong',
  DOCUMENT_ENCRYPTION_UNSUPPORTED: 'encryption-unsupported',
  DOCUMENT_UNSUPPORTED: 'unsupported',
  DOCUMENT_TOO_LARGE: 'too-large',
  DOCUMENT_EMPTY: 'no-file',
  CONTENT_MISSING: 'content-missing',
}

/** The answer for the reason that a report gives for a document; undefined where its signatures speak for themselves. */
export const answerForReason = (key: string): AnswerKind | undefined =>
  Object.hasOwn(BY_REASON, key) ? BY_REASON[key] : undefined

/**
 * A clear answer in place of a verdict.
 *
 * @param facts stable code or key behind the answer, and what is known beside it
 */
export function answerHtml(kind: AnswerKind, say: Say, facts: { code?: string; more?: Part } = {}): Html {
  const { title, text, tone } = ANSWERS[kind]
  return html`<section class="verdict ${tone}" aria-labelledby="verdict">
    <header>
      <h2 id="verdict">
        <span class="mark" aria-hidden="true">${tone === 'fail' ? '✗' : '?'}</span> ${say(title.zh, title.en)}
      </h2>
    </header>
    <p>${say(text.zh, text.en)}</p>
    ${facts.code !== undefined && html`<p class="soft small"><code>${facts.code}</code></p>`} ${facts.more}
  </section>`
}
