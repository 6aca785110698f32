import test from 'ava'
import fc from 'fast-check'
import { getKeyAlgorithm } from './algorithms/key-algorithms.ts'
import type { Core, Issuer } from './core.ts'
import { CodedError } from './errors.ts'
import { checkCrl, importCrl } from './import-crl.ts'
import { issue } from './issue.ts'
import type { CrlRow } from './ports.ts'
import { prepare } from './prepare.ts'
import { mutationsOf, PARSER_CODES, verdictOf } from './testing/fuzz.ts'
import { codeOf, makeRequest } from './testing/requests.ts'
import { openTimestampAuthority } from './timestamp.ts'
import { openTestCore, type TestCore } from './testing/test-core.ts'
import { buildCrl } from './testing/build-crl.ts'
import type { CrlEntryFields } from './x509/crl-writer.ts'
import { parseTimeStampResponse } from './x509/tsp.ts'
import { encodeTimeStampRequest } from './x509/tsp-writer.ts'

const P256 = getKeyAlgorithm('P-256')
const DAY = 86_400_000
const ACTOR = { actor: 'operator:test', tenant: null }

interface House extends TestCore {
  /** The same CA as it is where the root key is elsewhere. */
  readonly here: Core
}

async function openHouse(): Promise<House> {
  const made = await openTestCore()
  const issuers = new Map<string, Issuer>([
    ['root', { ...made.root, keyId: null }],
    ['issuing', made.issuer],
  ])
  return { ...made, here: { ...made.core, issuers } }
}

interface CrlParts {
  readonly number?: bigint
  /** Days from now. */
  readonly from?: number
  readonly to?: number
  readonly revoked?: readonly string[]
  readonly reason?: CrlEntryFields['reason']
  readonly nameDer?: Uint8Array
  readonly keyIdentifier?: Uint8Array
  readonly keyId?: string
  readonly part?: boolean
}

async function crlOf(house: House, parts: CrlParts = {}): Promise<Uint8Array> {
  const { root, keys, core } = house
  const second = Math.floor(core.ports.now().getTime() / 1000) * 1000
  const revokedAt = new Date(second)
  const rows = (parts.revoked ?? []).map((serialHex) => ({
    serialHex,
    revokedAt,
    reason: parts.reason ?? ('cACompromise' as const),
    invalidityDate: null,
  }))
  const template = {
    issuerNameDer: parts.nameDer ?? root.certificate.subject.raw,
    authorityKeyIdentifier: parts.keyIdentifier ?? root.subjectKeyIdentifier,
    algorithmDer: P256.signature.identifierDer,
    ...(parts.part === true
      ? { distributionPoint: { uris: ['http://ca.test.invalid/crl/root.crl'], onlyContainsUserCerts: true } }
      : {}),
  }
  const fields = {
    number: parts.number ?? 5n,
    thisUpdate: new Date(second + (parts.from ?? 0) * DAY),
    nextUpdate: new Date(second + (parts.to ?? 180) * DAY),
  }
  const list = (async function* () {
    yield* await Promise.resolve(rows)
  })()
  return buildCrl(template, fields, list, (tbs) =>
    keys.sign(parts.keyId ?? root.keyId ?? '', P256.signature, tbs),
  )
}

const take = async (house: House, parts?: CrlParts): Promise<CrlRow> =>
  importCrl(house.here, await crlOf(house, parts), ACTOR)

const ruleOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work
    return 'taken'
  } catch (error) {
    if (error instanceof CodedError) return String(error.extra['rule'] ?? error.code)
    throw error
  }
}

test('a list of the root is published with its record', async (t) => {
  const house = await openHouse()
  const row = await take(house, { revoked: ['0a', '0b'] })
  t.like(await house.store.lastCrl({ issuerId: 'root', shard: null }), { number: '5', entryCount: 2 })
  t.like(house.store.records.at(-1), {
    type: 'crl.imported',
    actor: 'operator:test',
    data: { issuerId: 'root', crlNumber: '5', added: ['0a', '0b'], removed: [], revokedIssuers: [] },
  })
  t.is(row.nextUpdate.getTime() - row.thisUpdate.getTime(), 180 * DAY)
})

test('attack: a list that breaks a rule is refused by that rule, and changes nothing', async (t) => {
  const house = await openHouse()
  const foreign = await house.keys.generate(P256, null)
  await take(house)
  const writes = house.store.calls.length
  const attacks: [string, CrlParts][] = [
    ['signature', { number: 9n, keyId: foreign.keyId }],
    ['issuer', { number: 9n, nameDer: house.core.tsa.certificate.subject.raw }],
    ['issuer', { number: 9n, keyIdentifier: new Uint8Array(20) }],
    ['key-is-here', { number: 9n, nameDer: house.issuer.certificate.subject.raw }],
    ['number-increases', { number: 5n }],
    ['number-increases', { number: 4n, to: 200 }],
    ['this-update-not-back', { number: 9n, from: -1 }],
    ['this-update', { number: 9n, from: 1 }],
    ['next-update', { number: 9n, from: -200, to: -20 }],
    ['complete-list', { number: 9n, part: true }],
  ]
  for (const [rule, parts] of attacks) t.is(await ruleOf(take(house, parts)), rule)
  t.is(house.store.calls.length, writes)
  t.is(await ruleOf(take(house, { number: 6n })), 'taken')
})

test('attack: a list with more entries than a root has is refused before it is stored', async (t) => {
  const house = await openHouse()
  const revoked = Array.from({ length: 501 }, (_, at) => (at + 0x1000).toString(16))
  t.is(await ruleOf(take(house, { revoked })), 'INPUT_TOO_LARGE')
  const huge = new Uint8Array(200_000)
  t.is(await ruleOf(importCrl(house.here, huge, ACTOR)), 'INPUT_TOO_LARGE')
})

test('attack: the revocation of an issuing CA is not taken back', async (t) => {
  const house = await openHouse()
  const { serialHex } = house.issuer.certificate
  await take(house, { revoked: [serialHex] })
  t.is(await ruleOf(take(house, { number: 6n })), 'entry-stays')
  t.is(await ruleOf(take(house, { number: 6n, revoked: ['0a', serialHex] })), 'taken')
})

test('an issuing CA that its root revoked signs nothing, not even what was prepared before', async (t) => {
  const house = await openHouse()
  await take(house)
  const token = await prepare(house.here, await makeRequest())
  t.truthy((await issue(house.here, await prepare(house.here, await makeRequest()))).certDer)
  await take(house, { number: 6n, revoked: [house.issuer.certificate.serialHex] })
  const uses = house.keys.uses
  t.is(await codeOf(issue(house.here, token)), 'ISSUER_REVOKED')
  t.is(await codeOf(prepare(house.here, await makeRequest())), 'ISSUER_REVOKED')
  const request = encodeTimeStampRequest({ hash: 'SHA-256', digest: new Uint8Array(32), certReq: true })
  const stamp = parseTimeStampResponse(await openTimestampAuthority(house.here).respond(request))
  t.is(stamp.tokenDer, undefined)
  t.is(house.keys.uses, uses)
  t.is(house.store.records.at(-1)?.type, 'certificate.refused')
})

test('what another process took in is seen after half a second', async (t) => {
  const house = await openHouse()
  await take(house)
  await prepare(house.here, await makeRequest())
  const der = await crlOf(house, { number: 6n, revoked: [house.issuer.certificate.serialHex] })
  const { row } = checkCrl(der, house.here.issuers, house.core.ports.now())
  await house.store.publishCrl(row, '5', [])
  house.setNow(new Date(house.core.ports.now().getTime() + 500))
  t.is(await codeOf(prepare(house.here, await makeRequest())), 'ISSUER_REVOKED')
})

test('fuzz: hostile bytes are refused by a code, and none is taken for the list', async (t) => {
  const house = await openHouse()
  const seed = await crlOf(house, { revoked: ['0a'] })
  const now = house.core.ports.now()
  const codes = [...PARSER_CODES, 'CRL_REFUSED']
  fc.assert(
    fc.property(mutationsOf([seed]), (bytes) => {
      const verdict = verdictOf(() => checkCrl(bytes, house.here.issuers, now))
      const isSame = bytes.length === seed.length && bytes.every((byte, at) => byte === seed[at])
      return codes.includes(verdict) && (isSame || verdict !== 'parsed')
    }),
    { numRuns: 2_000 },
  )
  t.pass()
})
