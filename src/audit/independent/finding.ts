/** What the verifier can find wrong, as stable keys with a sentence in English and Chinese. Pure. */

/** Sentences for each kind of finding. */
const FINDING_TEXTS = {
  'checkpoint-malformed': ['The checkpoint cannot be read', '检查点无法读取'],
  'checkpoint-not-signed': [
    'The checkpoint is not signed by the key of this log',
    '检查点不是由本日志的密钥签名',
  ],
  'earlier-checkpoint-malformed': ['An earlier checkpoint cannot be read', '先前的检查点无法读取'],
  'earlier-checkpoint-not-signed': [
    'An earlier checkpoint is not signed by the key of this log',
    '先前的检查点不是由本日志的密钥签名',
  ],
  'earlier-checkpoint-differs': [
    'The records do not hash to the root of an earlier checkpoint: history was changed',
    '记录与先前检查点的根哈希不符：历史已被改动',
  ],
  'earlier-checkpoint-larger': [
    'An earlier checkpoint covers more records than the log holds: records were removed',
    '先前检查点包含的记录多于现有记录：记录已被删除',
  ],
  'root-differs': ['The records do not hash to the signed root', '记录与已签名的根哈希不符'],
  'records-missing': ['There are fewer records than the checkpoint covers', '记录少于检查点所涵盖的数量'],
  'bundle-malformed': ['A bundle of entries cannot be read', '条目文件无法读取'],
  'record-gap': ['A record is missing or out of order', '记录缺失或次序错误'],
  'record-malformed': ['An entry is not a record in canonical form', '条目不是规范格式的记录'],
  'record-id-repeated': ['Two records have the same id', '两条记录的编号相同'],
  'record-differs-from-tile': [
    'A record does not hash to its place in the stored tree',
    '记录与树中存储的哈希不符',
  ],
  'tile-missing': ['A stored tile is missing or too short', '存储的哈希块缺失或过短'],
  'tile-differs': ['A stored tile is not what the records hash to', '存储的哈希块与记录不符'],
  'time-went-back': ['A record is older than the ones before it', '记录时间早于其前面的记录'],
  'serial-repeated': ['A serial number was used twice', '证书序列号重复'],
  'outcome-without-intent': [
    'Something was signed without an intent recorded before',
    '签名之前没有记录意图',
  ],
  'outcome-repeated': ['One intent has two outcomes', '同一意图有两个结果'],
  'intent-without-outcome': ['An intent has no outcome', '意图没有结果'],
  'issued-differs-from-intent': [
    'The certificate issued is not the one that was intended',
    '签发的证书与所记录的意图不符',
  ],
  'status-of-unknown-serial': [
    'A certificate that no record issued was revoked, held or released',
    '被吊销、冻结或解冻的证书没有签发记录',
  ],
  'status-step-wrong': ['A status change does not follow from the one before', '状态变更与之前的状态不相符'],
  'key-used-after-destruction': ['A key was used after it was destroyed', '密钥销毁后仍被使用'],
  'crl-number-not-increasing': ['A CRL number did not increase', 'CRL 编号没有递增'],
  'crl-time-went-back': ['A CRL is older than the one before it', 'CRL 时间早于前一份'],
  'crl-entry-without-revocation': [
    'A CRL lists a certificate that no record revoked',
    'CRL 列出了没有吊销记录的证书',
  ],
  'crl-entry-removed': [
    'A CRL dropped a certificate that is neither expired nor released',
    'CRL 删去了既未到期也未解冻的证书',
  ],
  'crl-count-differs': [
    'A CRL has another number of entries than its changes add up to',
    'CRL 条目数与变更记录不符',
  ],
  'issued-by-revoked-issuer': [
    'A CA went on issuing after its root had revoked it',
    '根 CA 吊销签发 CA 后，该 CA 仍在签发证书',
  ],
  'revocation-not-in-crl': ['A revoked certificate is in no CRL', '已吊销的证书不在任何 CRL 中'],
  'report-differs': ['A reported figure is not what the records add up to', '上报数据与记录统计不符'],
} as const satisfies Record<string, readonly [string, string]>

/** Kind of a finding; stable. */
export type FindingKind = keyof typeof FINDING_TEXTS

/** One thing that is wrong. */
export type Finding = {
  readonly kind: FindingKind
  /** Place in the log, where there is one. */
  readonly index: number | null
  /** What it is about: a serial, a tile, a size. No personal data. */
  readonly subject: string
  readonly en: string
  readonly zh: string
}

/** Takes findings. */
export type Report = (kind: FindingKind, index: number | null, subject: string) => void

/** Collects findings; the first thousand are kept, all are counted. */
export function createFindings(): { report: Report; list: Finding[]; count: () => number } {
  const list: Finding[] = []
  let count = 0
  const report: Report = (kind, index, subject) => {
    count++
    const [en, zh] = FINDING_TEXTS[kind]
    if (list.length < 1000) list.push({ kind, index, subject: subject.slice(0, 200), en, zh })
  }
  return { report, list, count: () => count }
}
