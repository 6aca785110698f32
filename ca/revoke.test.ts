import test from 'ava'

import { getKeyAlgorithm } from './algorithms/key-algorithms.ts'
import { CodedError } from './errors.ts'
import { issue } from './issue.ts'
import type { IssuedCertificate, LegalGround, RevocationReason, RevokeRequest } from './ports.ts'
import { prepare } from './prepare.ts'
import { revoke } from './revoke.ts'
import { openTestCore, type TestCore } from './testing/test-core.ts'

const GROUND: LegalGround = 'other-by-law'

async function issued(made: TestCore, profile = 'individual', keyId?: string): Promise<IssuedCertificate> {
  const key = keyId ?? (await made.keys.generate(getKeyAlgorithm('P-256'), 't1')).keyId
  const subject = [
    { type: 'C', value: 'CN' },
    { type: 'CN', value: 'TEST ONLY' },
  ]
  const token = await prepare(made.core, {
    actor: 'system',
    tenant: 't1',
    profile,
    subject,
    key: { keyId: key },
    identityEvidenceId: 'e',
  })
  return issue(made.core, token)
}

const asks = (
  { issuerId, serialHex }: { issuerId: string; serialHex: string },
  reason: RevocationReason,
  extra: Partial<RevokeRequest> = {},
): RevokeRequest => ({
  actor: 'operator:a',
  tenant: null,
  issuerId,
  serialHex,
  reason,
  legalGround: GROUND,
  ...extra,
})

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => {
      if (error instanceof CodedError) return error.code
      throw error
    },
  )

const changes = ({ store }: TestCore): string[] =>
  store.records.map((r) => r.type).filter((type) => !/intent|issued/.test(type))

test('every reason revokes, with its record', async (t) => {
  const reasons = [
    'unspecified',
    'keyCompromise',
    'affiliationChanged',
    'superseded',
    'cessationOfOperation',
    'privilegeWithdrawn',
    'aACompromise',
  ] as const
  for (const reason of reasons) {
    const made = await openTestCore()
    const one = await issued(made)
    const { status } = await revoke(made.core, asks(one, reason))
    t.is(status.state, 'revoked')
    t.is(status.reason, reason)
    t.is(status.legalGround, GROUND)
    t.deepEqual(status.revokedAt, made.core.ports.now())
    const { data, tenant } = made.store.records.at(-1) ?? {}
    t.deepEqual(data, { serialHex: one.serialHex, issuerId: one.issuerId, legalGround: GROUND, reason })
    t.is(tenant, 't1')
  }
})

test('the same request again changes nothing and writes no second record', async (t) => {
  const made = await openTestCore()
  const one = await issued(made)
  const invalidityDate = new Date(made.core.ports.now().getTime() - 60_000)
  const request = asks(one, 'keyCompromise', { invalidityDate })
  const first = await revoke(made.core, request)
  const second = await revoke(made.core, request)
  t.deepEqual(second.status, first.status)
  t.deepEqual(changes(made), ['certificate.revoked'])
  t.deepEqual(first.status.invalidityDate, invalidityDate)
})

test('the same request twice at once writes one record', async (t) => {
  const made = await openTestCore()
  const one = await issued(made)
  const both = await Promise.all([1, 2].map(() => revoke(made.core, asks(one, 'superseded'))))
  t.deepEqual(
    both.map(({ status }) => status.state),
    ['revoked', 'revoked'],
  )
  t.deepEqual(changes(made), ['certificate.revoked'])
})

test('revoked is for good: no release, no hold, no other reason', async (t) => {
  const made = await openTestCore()
  const one = await issued(made)
  await revoke(made.core, asks(one, 'superseded'))
  for (const reason of ['removeFromCRL', 'certificateHold', 'unspecified', 'keyCompromise'] as const)
    t.is(await codeOf(revoke(made.core, asks(one, reason))), 'REVOCATION_CONFLICT', reason)
  t.deepEqual(changes(made), ['certificate.revoked'])
})

test('hold, release, hold, revoke: each step once, and the date of the last hold stays', async (t) => {
  const made = await openTestCore()
  const one = await issued(made)
  await revoke(made.core, asks(one, 'certificateHold'))
  await revoke(made.core, asks(one, 'certificateHold'))
  const released = await revoke(made.core, asks(one, 'removeFromCRL'))
  await revoke(made.core, asks(one, 'removeFromCRL'))
  t.is(released.status.state, 'valid')
  t.is(released.status.revokedAt, null)
  t.is(released.status.reason, null)
  const held = (await revoke(made.core, asks(one, 'certificateHold'))).status
  made.setNow(new Date(made.core.ports.now().getTime() + 3_600_000))
  const { status } = await revoke(made.core, asks(one, 'cessationOfOperation'))
  t.is(status.state, 'revoked')
  t.deepEqual(status.revokedAt, held.revokedAt)
  t.deepEqual(changes(made), [
    'certificate.held',
    'certificate.released',
    'certificate.held',
    'certificate.revoked',
  ])
})

test('check 14: keyCompromise blocks the key and revokes every certificate of it', async (t) => {
  const made = await openTestCore()
  const { keyId } = await made.keys.generate(getKeyAlgorithm('P-256'), 't1')
  const [first, second, other] = [
    await issued(made, 'event', keyId),
    await issued(made, 'event', keyId),
    await issued(made),
  ]
  const { changed } = await revoke(
    made.core,
    asks(first, 'keyCompromise', { legalGround: 'security-not-assured' }),
  )
  t.is(changed.length, 2)
  t.is((await made.store.findStatus(second.issuerId, second.serialHex))?.state, 'revoked')
  t.is((await made.store.findStatus(other.issuerId, other.serialHex))?.state, 'valid')
  t.is(await codeOf(issued(made, 'event', keyId)), 'KEY_BLOCKED')
  t.deepEqual(
    changes(made).filter((type) => type !== 'certificate.refused'),
    ['certificate.revoked', 'certificate.revoked'],
  )
})

test('check 14: a repeated request goes on with the siblings where a crash stopped', async (t) => {
  const made = await openTestCore()
  const { keyId } = await made.keys.generate(getKeyAlgorithm('P-256'), 't1')
  const [first, second] = [await issued(made, 'event', keyId), await issued(made, 'event', keyId)]
  made.store.failNext('changeStatus', 'fail-but-persisted')
  t.is(await codeOf(revoke(made.core, asks(first, 'keyCompromise'))), 'STORE_UNAVAILABLE')
  t.is((await made.store.findStatus(second.issuerId, second.serialHex))?.state, 'valid')
  await revoke(made.core, asks(first, 'keyCompromise'))
  t.is((await made.store.findStatus(second.issuerId, second.serialHex))?.state, 'revoked')
  t.deepEqual(changes(made), ['certificate.revoked', 'certificate.revoked'])
})

test('art. 29: each ground carries its reasons and no others', async (t) => {
  const made = await openTestCore()
  const one = await issued(made)
  const wrong: [LegalGround, RevocationReason][] = [
    ['holder-request', 'privilegeWithdrawn'],
    ['false-information', 'superseded'],
    ['contract-breach', 'keyCompromise'],
    ['security-not-assured', 'affiliationChanged'],
  ]
  for (const [legalGround, reason] of wrong)
    t.is(
      await codeOf(revoke(made.core, asks(one, reason, { legalGround }))),
      'PROFILE_VIOLATION',
      `${legalGround} ${reason}`,
    )
  t.is(await codeOf(revoke(made.core, asks(one, 'cACompromise'))), 'PROFILE_VIOLATION', 'a leaf is no CA')
  t.is(await codeOf(revoke(made.core, asks(one, 'toString' as RevocationReason))), 'PROFILE_VIOLATION')
  t.is(
    await codeOf(revoke(made.core, asks(one, 'unspecified', { legalGround: 'constructor' as LegalGround }))),
    'PROFILE_VIOLATION',
  )
  t.deepEqual(changes(made), [])
})

test('an invalidity date in the future, or with a hold, is refused', async (t) => {
  const made = await openTestCore()
  const one = await issued(made)
  const later = new Date(made.core.ports.now().getTime() + 1)
  t.is(
    await codeOf(revoke(made.core, asks(one, 'keyCompromise', { invalidityDate: later }))),
    'PROFILE_VIOLATION',
  )
  t.is(
    await codeOf(revoke(made.core, asks(one, 'keyCompromise', { invalidityDate: new Date(Number.NaN) }))),
    'PROFILE_VIOLATION',
  )
  const past = new Date(0)
  t.is(
    await codeOf(revoke(made.core, asks(one, 'certificateHold', { invalidityDate: past }))),
    'PROFILE_VIOLATION',
  )
})

test('another tenant finds nothing', async (t) => {
  const made = await openTestCore()
  const one = await issued(made)
  t.is(await codeOf(revoke(made.core, asks(one, 'superseded', { tenant: 't2' }))), 'CERT_NOT_FOUND')
  t.is(await codeOf(revoke(made.core, asks({ ...one, serialHex: 'ff' }, 'superseded'))), 'CERT_NOT_FOUND')
  t.is(await codeOf(revoke(made.core, asks(one, 'superseded', { tenant: 't1' }))), 'done')
})

test('an orphan can be revoked and not held; an event certificate is not held', async (t) => {
  const made = await openTestCore()
  const { keyId } = await made.keys.generate(getKeyAlgorithm('P-256'), 't1')
  const orphan = await prepare(made.core, {
    actor: 'system',
    tenant: 't1',
    profile: 'event',
    subject: [
      { type: 'C', value: 'CN' },
      { type: 'CN', value: 'TEST ONLY' },
    ],
    key: { keyId },
    identityEvidenceId: 'e',
  })
  t.is(await codeOf(revoke(made.core, asks(orphan, 'certificateHold'))), 'PROFILE_VIOLATION')
  t.is((await revoke(made.core, asks(orphan, 'unspecified'))).status.state, 'revoked')
})

test('a store that fails leaves neither status nor record', async (t) => {
  const made = await openTestCore()
  const one = await issued(made)
  made.store.failNext('changeStatus', 'fail')
  t.is(await codeOf(revoke(made.core, asks(one, 'superseded'))), 'STORE_UNAVAILABLE')
  t.is((await made.store.findStatus(one.issuerId, one.serialHex))?.state, 'valid')
  t.deepEqual(changes(made), [])
})
