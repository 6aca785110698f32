/** What is wrong with a data folder is found: each break is planted in a copy of a sound one. */
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import test from 'ava'
import { fromBase64 } from '../../lib/bytes.ts'
import { makeCsr } from '../e2e/csr.ts'
import { addEvidence, subjectOf } from '../e2e/objects.ts'
import { startService } from '../e2e/start.ts'
import { makeTempFolder } from '../temp-store.ts'
import { checkHouse } from './check-house.ts'

const NAME = 'Count TEST ONLY'
const FIRST = `(SELECT min(id) FROM serials WHERE profile = 'organisation')`

let dataDir: string
let verifierKey: string
let issuersDer: Uint8Array[]

const filesOf = (folder: string) => ({
  database: join(folder, 'yinxin.sqlite'),
  checkpoint: join(folder, 'published/checkpoint'),
  verifierKey,
  issuersDer,
})

test.before(async () => {
  const service = await startService('count')
  dataDir = service.dataDir
  const { alpha, house } = service
  const identityEvidenceId = await addEvidence(alpha, NAME)
  const subject = subjectOf(NAME)
  for (const profile of ['organisation', 'organisation', 'event', 'device']) {
    const json = { profile, subject, csr: makeCsr(subject), identityEvidenceId }
    const { issuerId, serialHex } = await alpha.api.json<{ issuerId: string; serialHex: string }>(
      'POST',
      '/v1/certificates',
      { json },
    )
    if (profile === 'device')
      await alpha.api.json('POST', `/v1/certificates/${issuerId}/${serialHex}/revocation`, {
        json: { reason: 'superseded', legalGround: 'holder-request' },
      })
  }
  issuersDer = house.material.issuers.map(({ certificate }) => fromBase64(certificate))
  const key = await service.fetch(`${service.address}/log/key`)
  verifierKey = (await key.text()).trim()
  await service.running.close()
  await house.close()
})
test.after.always(() => rm(dataDir, { recursive: true, force: true }))

test('check 39: every stored certificate is read again by OpenSSL: digest, serial, end, key, TBS, signature', async (t) => {
  const report = await checkHouse(filesOf(dataDir))
  t.deepEqual(report.findings, [])
  t.is(report.certificates, 8, 'root, issuing CA, OCSP, TSA and four')
  t.is(report.serials, 8)
  t.is(report.revoked, 1)
})

const BREAKS: readonly [what: string, sql: string, found: RegExp][] = [
  [
    'a certificate is gone',
    `DELETE FROM certificates WHERE serial_id = ${FIRST}`,
    /no certificate is stored/,
  ],
  ['a serial is gone', `DELETE FROM serials WHERE id = ${FIRST}`, /an intent in the log only/],
  [
    'bytes of a certificate were changed',
    `UPDATE certificates SET cert_der = substr(cert_der, 1, length(cert_der) - 1) || x'00' WHERE serial_id = ${FIRST}`,
    /another hash/,
  ],
  [
    'a certificate is that of another serial',
    `UPDATE certificates SET (cert_der, cert_sha256) = (SELECT cert_der, cert_sha256 FROM certificates ORDER BY serial_id DESC LIMIT 1) WHERE serial_id = ${FIRST}`,
    /another serial/,
  ],
  [
    'the end was moved',
    `UPDATE certificates SET not_after = not_after + 1000 WHERE serial_id = ${FIRST}`,
    /ends at another time/,
  ],
  [
    'the key hash was changed',
    `UPDATE serials SET spki_sha256 = tbs_sha256 WHERE id = ${FIRST}`,
    /another key/,
  ],
  [
    'the intent was for something else',
    `UPDATE serials SET tbs_sha256 = spki_sha256 WHERE id = ${FIRST}`,
    /intent was for something else/,
  ],
  ['a revocation is gone', 'DELETE FROM revocations', /revoked in the log only/],
  [
    'a serial that nobody intended',
    `INSERT INTO serials SELECT id + 1000, issuer_id, 'aa' || substr(serial_hex, 3), tenant, profile, class, tbs_sha256, spki_sha256, shard, actor, at FROM serials WHERE id = ${FIRST}`,
    /no intent took this serial/,
  ],
  [
    'a record was changed',
    `UPDATE audit_records SET leaf = CAST(replace(CAST(leaf AS TEXT), 'organisation', 'organisatiom') AS BLOB) WHERE seq = (SELECT max(seq) FROM audit_records WHERE CAST(leaf AS TEXT) LIKE '%"profile":"organisation"%')`,
    /root-differs|differs-from-tile/,
  ],
  ['a record is gone', `DELETE FROM audit_records WHERE type = 'certificate.revoked'`, /record-gap|places/],
  ['places overlap', 'UPDATE log_runs SET count = count + 1', /places|read/],
  ['the head was set back', 'UPDATE log_states SET size = size - 1', /places/],
  ['a tile was changed', `UPDATE log_tiles SET hashes = zeroblob(length(hashes)) WHERE level = 0`, /tile/],
]

for (const [what, sql, found] of BREAKS) {
  test(`check 42: found: ${what}`, async (t) => {
    const folder = await makeTempFolder(t)
    await cp(dataDir, folder, { recursive: true })
    const db = new DatabaseSync(join(folder, 'yinxin.sqlite'))
    db.exec('PRAGMA foreign_keys = OFF')
    db.exec(sql)
    db.close()
    const { findings } = await checkHouse(filesOf(folder)).catch((error: unknown) => ({
      findings: [String(error)],
    }))
    t.regex(findings.join('\n'), found)
  })
}

test('check 39: a certificate that no CA of the house signed is found', async (t) => {
  const { findings } = await checkHouse({ ...filesOf(dataDir), issuersDer: issuersDer.slice(0, 1) })
  t.regex(findings.join('\n'), /no CA of this house signed it/)
})
