/**
 * Every error code with its HTTP status and titles, and the rendering of RFC 9457 problem documents.
 *
 * The table is a Record over the whole union: a code without a row does not compile. The same table makes
 * the pages under /problems and the list in OpenAPI.
 */
import type { Context } from 'koa'
import { CodedError } from '../../ca/errors.ts'
import type { ErrorCode } from '../lib/error-codes.ts'
import type { Reply } from './route.ts'

export interface ProblemRow {
  readonly status: number
  readonly title: string
  readonly titleZh: string
}

const row = (status: number, title: string, titleZh: string): ProblemRow => ({ status, title, titleZh })

export const PROBLEMS: Readonly<Record<ErrorCode, ProblemRow>> = {
  REQUEST_INVALID: row(400, 'Request does not have the shape of this route', '请求格式不符'),
  INPUT_MALFORMED: row(400, 'Input cannot be parsed', '输入无法解析'),
  APPEARANCE_INVALID: row(400, 'Visible signature cannot be drawn as asked', '签名外观无法绘制'),
  APPEARANCE_IMAGE_INVALID: row(400, 'Image is not a usable PNG', '图片不是可用的 PNG'),
  PADES_OPTION_INVALID: row(400, 'A signature option is not valid', '签名选项无效'),
  PADES_PAGE_OUT_OF_RANGE: row(400, 'The document has no such page', '文件没有该页'),
  AUTH_REQUIRED: row(401, 'A valid API key is required', '需要有效的 API 密钥'),
  AUTH_FORBIDDEN: row(403, 'This key may not do that', '该密钥无此权限'),
  NOT_FOUND: row(404, 'There is nothing at this address', '此地址没有内容'),
  CERT_NOT_FOUND: row(404, 'No such certificate', '没有该证书'),
  KEY_NOT_FOUND: row(404, 'No such key', '没有该密钥'),
  PROFILE_UNKNOWN: row(404, 'No such certificate profile', '没有该证书模板'),
  ISSUER_UNKNOWN: row(404, 'No such issuer', '没有该签发者'),
  LOG_RANGE: row(404, 'The log has no such entry or tile', '日志没有该条目'),
  METHOD_NOT_ALLOWED: row(405, 'Method is not allowed on this path', '此路径不允许该方法'),
  CERT_NOT_VALID: row(409, 'The certificate is on hold, revoked or expired', '证书已挂起、吊销或过期'),
  REVOCATION_CONFLICT: row(409, 'The certificate is in another state', '证书状态冲突'),
  SERIAL_COLLISION: row(409, 'Serial number is taken', '序列号已被占用'),
  TOKEN_REJECTED: row(409, 'Issuance token is used, expired or of another issuer', '签发令牌已失效'),
  KEY_DESTROYED: row(409, 'The key has been destroyed', '密钥已销毁'),
  KEY_BLOCKED: row(409, 'The key is blocked', '密钥已被禁用'),
  LOG_CONFLICT: row(409, 'Another process wrote the log', '日志写入冲突'),
  DOCUMENT_ERASED: row(410, 'The document has been erased; its digests remain', '文件已删除，仅保留摘要'),
  INPUT_TOO_LARGE: row(413, 'Input is too large', '输入过大'),
  PDF_TOO_LARGE: row(413, 'PDF is beyond a limit', 'PDF 超出限制'),
  APPEARANCE_IMAGE_TOO_LARGE: row(413, 'Image is too large', '图片过大'),
  MEDIA_TYPE_UNSUPPORTED: row(415, 'Media type is not supported here', '不支持的媒体类型'),
  PROFILE_VIOLATION: row(422, 'Request does not fit the certificate profile', '请求不符合证书模板'),
  CSR_PROOF_OF_POSSESSION: row(422, 'The request does not prove possession of the key', '未能证明持有私钥'),
  KEY_WEAK: row(422, 'The public key is weak or not valid', '公钥强度不足或无效'),
  ALGORITHM_UNSUPPORTED: row(422, 'Algorithm is not supported', '不支持的算法'),
  LINT_FAILED: row(422, 'The certificate would break a rule', '证书违反规则'),
  CEREMONY_INVALID: row(422, 'The ceremony file is not valid', '密钥仪式文件无效'),
  DIGEST_NOT_AUTHORISED: row(422, 'The key may not sign this digest', '该密钥未获授权签署此摘要'),
  IDENTITY_EVIDENCE_REQUIRED: row(422, 'The profile needs identity evidence', '该模板需要身份核验证据'),
  IDENTITY_EVIDENCE_MISMATCH: row(
    422,
    'The identity evidence failed, is too old, is about somebody else or does not back an attribute',
    '身份核验证据不符',
  ),
  PDF_MALFORMED: row(422, 'The PDF is damaged beyond repair', 'PDF 已损坏且无法修复'),
  PDF_ENCRYPTED: row(
    422,
    'The PDF is encrypted and the password is missing or wrong',
    'PDF 已加密，密码缺失或错误',
  ),
  PDF_ENCRYPTION_UNSUPPORTED: row(
    422,
    'The encryption of the PDF is not supported',
    '不支持该 PDF 的加密方式',
  ),
  PDF_NOT_PERMITTED: row(422, 'The permissions of the PDF forbid signing', 'PDF 权限禁止签名'),
  PDF_DAMAGED_SIGNED: row(422, 'The PDF is damaged and already signed', 'PDF 已签名且已损坏'),
  PDF_CERTIFIED_NO_CHANGES: row(422, 'The PDF is certified against changes', 'PDF 已认证且禁止更改'),
  PDF_FIELD_LOCKED: row(422, 'A signature locks this field', '字段已被签名锁定'),
  PDF_XFA_DYNAMIC: row(422, 'Dynamic XFA forms are not signed', '不支持动态 XFA 表单'),
  PADES_FIELD_INVALID: row(422, 'The signature field cannot be used', '签名域不可用'),
  PADES_FIELD_SIGNED: row(422, 'The signature field is already signed', '签名域已签名'),
  PADES_SEED_VALUE_UNSUPPORTED: row(
    422,
    'The signature field asks for what is not supported',
    '签名域的要求不受支持',
  ),
  PADES_CERTIFY_NOT_FIRST: row(422, 'Only the first signature can certify', '只有首个签名可以认证'),
  RATE_LIMITED: row(429, 'Too many requests', '请求过多'),
  ISSUANCE_MISMATCH: row(
    500,
    'What was signed is not what was checked; issuing has stopped',
    '签发内容与检查内容不一致',
  ),
  SELF_CHECK_FAILED: row(500, 'Our own output did not verify and was not returned', '自检未通过，结果未返回'),
  PADES_CONTENTS_TOO_SMALL: row(500, 'The signature did not fit its place', '签名超出预留空间'),
  APPEARANCE_FONT_INVALID: row(500, 'The font cannot be used', '字体不可用'),
  AUDIT_RECORD_INVALID: row(500, 'An audit record cannot be written', '审计记录无效'),
  CRL_UNEXPLAINED_CHANGE: row(
    500,
    'The next CRL differs from the last one without a reason',
    'CRL 出现无法解释的变化',
  ),
  LOG_CORRUPT: row(500, 'The log does not agree with its checkpoint', '日志与检查点不一致'),
  LOG_FORK: row(500, 'The log has two histories', '日志出现分叉'),
  CRL_REFUSED: row(422, 'The CRL breaks a rule and was not taken in', 'CRL 违反规则，未导入'),
  CRL_EXPIRED: row(
    503,
    'A CRL is over or missing; no signature can be validated',
    'CRL 已过期或缺失，签名无法验证',
  ),
  ISSUER_REVOKED: row(
    503,
    'The issuing CA is revoked; it signs nothing any more',
    '签发 CA 已被吊销，停止签发',
  ),
  CONFIG_INVALID: row(500, 'The configuration is not valid', '配置无效'),
  VALIDATION_POLICY_INVALID: row(500, 'A validation policy cannot be used', '验证策略无效'),
  TRUST_LIST_INVALID: row(500, 'A trust list cannot be used', '信任列表无效'),
  EVIDENCE_UNAVAILABLE: row(502, 'Validation data could not be fetched', '无法获取验证数据'),
  ACCESS_POLICY_INVALID: row(500, 'The access policy is not valid', '权限策略无效'),
  API_KEY_MALFORMED: row(401, 'The API key is not well formed', 'API 密钥格式错误'),
  API_KEY_NOT_FOUND: row(404, 'No such API key', '没有该 API 密钥'),
  CURSOR_INVALID: row(400, 'The cursor is not one that this list has given', '翻页游标无效'),
  DOCUMENT_NOT_FOUND: row(404, 'No such document', '没有该文件'),
  IDEMPOTENCY_IN_PROGRESS: row(409, 'The first request with this key is still running', '首个请求仍在处理'),
  IDEMPOTENCY_KEY_REUSED: row(
    422,
    'The Idempotency-Key was used for another request',
    '幂等键已用于其他请求',
  ),
  IDENTITY_EVIDENCE_NOT_FOUND: row(404, 'No such identity evidence', '没有该身份核验证据'),
  RETENTION_NOT_OVER: row(409, 'The legal retention period is not over', '法定保存期未满'),
  SIGNATURE_NOT_FOUND: row(404, 'No such signature', '没有该签名'),
  STATISTICS_RANGE: row(400, 'The period is not valid', '统计期间无效'),
  STATISTICS_STATE: row(500, 'The figures cannot be folded', '统计无法汇总'),
  STORE_BACKUP_FAILED: row(500, 'The backup failed', '备份失败'),
  STORE_CLOSED: row(503, 'The store is closed', '存储已关闭'),
  STORE_OLDER_THAN_CHECKPOINT: row(
    503,
    'The database is older than the published log',
    '数据库早于已发布日志',
  ),
  CA_OVERLOADED: row(503, 'Too many certificates wait to be made; try again', '签发繁忙，请重试'),
  STORE_OVERLOADED: row(503, 'Too much is waiting to be written; try again', '写入繁忙，请重试'),
  STORE_SCHEMA_NEWER: row(503, 'The database was written by a newer version', '数据库版本较新'),
  TENANT_EXISTS: row(409, 'A tenant with this id exists', '租户已存在'),
  TENANT_NOT_FOUND: row(404, 'No such tenant', '没有该租户'),
  VERIFICATION_NOT_FOUND: row(404, 'No such report', '没有该报告'),
  KEY_UNAVAILABLE: row(503, 'The key cannot be used now', '密钥暂不可用'),
  CLOCK_WENT_BACK: row(503, 'The clock is behind the last record; nothing is signed', '时钟回退，停止签名'),
  STORE_UNAVAILABLE: row(503, 'The store is not available', '存储不可用'),
  AUDIT_UNAVAILABLE: row(503, 'Audit records cannot be written; nothing is signed', '审计不可用，停止签名'),
  LOG_STORE_OLDER: row(503, 'The database is older than the published log', '数据库早于已发布日志'),
  LOG_CHECKPOINT_MISSING: row(503, 'The published checkpoint is missing', '缺少已发布的检查点'),
  SHUTTING_DOWN: row(503, 'The service is shutting down', '服务正在关闭'),
}

/** The row of a code, or undefined for a code that is not ours. */
export const findProblem = (code: string): ProblemRow | undefined =>
  Object.hasOwn(PROBLEMS, code) ? PROBLEMS[code as ErrorCode] : undefined

/** What a page about a problem shows. */
export interface ProblemFacts extends ProblemRow {
  readonly code: string
  readonly requestId: string
}

/** A problem as a page, for a person whose browser asked for HTML first (src/web/error-page.ts). */
export type ErrorPage = (
  problem: ProblemFacts,
  request: { readonly path: string; readonly language: unknown; readonly acceptLanguage: string },
) => Reply

interface ProblemDeps {
  readonly baseUrl: string
  readonly errorPage?: ErrorPage
  readonly log: { error(fields: object, message: string): void }
}

/** Seconds after which a request that was refused for load or shutdown may come again. */
const RETRY_AFTER_SECONDS: Readonly<Record<number, string>> = { 429: '1', 503: '5' }

/** A problem as it is sent. */
export interface ProblemAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** The members of RFC 9457, and those of the error. */
  readonly document: Readonly<Record<string, unknown>>
  readonly facts: ProblemFacts
}

/**
 * The problem document of an error. What is not a CodedError becomes 500 without detail, since a
 * foreign message may hold a path, a query or a secret; its cause is in the log under the request id.
 */
export function problemOf(
  error: unknown,
  instance: string,
  requestId: string,
  { baseUrl, log }: Pick<ProblemDeps, 'baseUrl' | 'log'>,
): ProblemAnswer {
  const { code, message, extra, row: known } = factsOf(error)
  const { status, title } = known
  if (status >= 500) log.error({ requestId, code, err: error }, 'request failed')
  const document = {
    ...{ type: `${baseUrl}/problems/${code}`, title, status, code, detail: message, instance, requestId },
    ...extra,
  }
  return { status, headers: problemHeaders(status), document, facts: { ...known, code, requestId } }
}

/** Writes the problem document of an error, or its page. */
export function renderProblem(ctx: Context, error: unknown, requestId: string, deps: ProblemDeps): void {
  const { status, headers, document, facts } = problemOf(error, ctx.path, requestId, deps)
  ctx.status = status
  ctx.set(headers)
  ctx.vary('Accept')
  if (deps.errorPage && ctx.accepts(JSON_FIRST) === 'text/html') renderErrorPage(ctx, deps.errorPage, facts)
  else ctx.body = JSON.stringify(document)
}

/** What may be said of an error: everything of a coded one, and of any other that it happened. */
function factsOf(error: unknown) {
  const known = error instanceof CodedError ? findProblem(error.code) : undefined
  if (!(error instanceof CodedError) || !known)
    return { ...UNKNOWN_FAULT, row: row(500, 'Internal error', '内部错误') }
  const { code, message, extra } = error
  return { code, message, extra, row: known }
}

/** The problem of one item of a batch, inside an answer that is no problem document. */
export function itemProblem(error: CodedError): Readonly<Record<string, unknown>> {
  const { code, message, extra, row: known } = factsOf(error)
  const { errors } = extra as { readonly errors?: unknown }
  return {
    code,
    title: known.title,
    status: known.status,
    detail: message,
    ...(errors === undefined ? {} : { errors }),
  }
}

const UNKNOWN_FAULT = {
  code: 'INTERNAL',
  message: 'The request could not be completed; quote the request id when you report it.',
  extra: {},
}

/** Only who prefers HTML to both gets a page: a browser does, a program that takes anything does not. */
const JSON_FIRST = ['application/problem+json', 'application/json', 'text/html']

const problemHeaders = (status: number): Record<string, string> => ({
  'Content-Type': 'application/problem+json; charset=utf-8',
  'Cache-Control': 'no-store',
  ...(RETRY_AFTER_SECONDS[status] ? { 'Retry-After': RETRY_AFTER_SECONDS[status] } : {}),
  ...(status === 401 ? { 'WWW-Authenticate': 'Bearer realm="yinxin"' } : {}),
})

function renderErrorPage(ctx: Context, errorPage: ErrorPage, problem: ProblemFacts): void {
  const request = { path: ctx.path, language: ctx.query['lang'], acceptLanguage: ctx.get('accept-language') }
  const page = errorPage(problem, request)
  for (const [name, value] of Object.entries(page.headers ?? {})) ctx.set(name, value)
  ctx.vary('Accept')
  ctx.type = page.contentType ?? 'text/html; charset=utf-8'
  ctx.body = Buffer.concat(page.bytes ?? [])
}
