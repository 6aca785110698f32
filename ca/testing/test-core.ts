/**
 * A whole CA in memory: root, issuing CA, OCSP responder and TSA, made in milliseconds from the real profiles
 * and templates. Nothing but tests imports it.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { digest } from '../algorithms/hashes.ts'
import { getKeyAlgorithm } from '../algorithms/key-algorithms.ts'
import { parseSpki, publicKeyObject } from '../algorithms/keys.ts'
import { toHex } from '../asn1/values.ts'
import { bitString, concat, sequence } from '../asn1/writer.ts'
import { type Core, type Issuer, type ServiceIdentity, shardOf } from '../core.ts'
import { openOneTimeKeys } from '../keys/one-time.ts'
import type { ProviderKey } from '../keys/provider.ts'
import { openThrowAwaySignatures } from '../keys/throw-away.ts'
import type { IssuedRow } from '../ports.ts'
import { type Profile, getProfile, loadProfiles } from '../profiles.ts'
import { compileTemplate, subjectKeyIdentifierFor } from '../template.ts'
import { parseCertificate } from '../x509/certificate.ts'
import { encodeName } from '../x509/name.ts'
import { type MemoryKeys, openMemoryKeys } from './memory-keys.ts'
import { type MemoryStore, openMemoryStore } from './memory-store.ts'
import { workHere } from '../work.ts'

const policies = join(import.meta.dirname, '../../policies')
const P256 = getKeyAlgorithm('P-256')

/** The CA of a test, its clock and its store. */
export interface TestCore {
  readonly core: Core
  readonly store: MemoryStore
  readonly keys: MemoryKeys
  readonly issuer: Issuer
  readonly root: Issuer
  /** Sets the clock. */
  setNow(now: Date): void
  /** Issues a certificate and stores it, without prepare and lint. */
  issueTo(options?: {
    profile?: string
    tenant?: string
    seconds?: number
    commonName?: string
  }): Promise<IssuedRow>
  /** Revokes or holds at the clock of the test. */
  revoke(row: IssuedRow, reason: 'keyCompromise' | 'certificateHold' | 'unspecified'): Promise<void>
  /** Releases a hold. */
  release(row: IssuedRow): Promise<void>
}

const subject = (commonName: string): Uint8Array =>
  encodeName([
    { type: 'C', value: 'CN' },
    { type: 'O', value: 'TEST ONLY' },
    { type: 'CN', value: commonName },
  ])

/** Builds it. @param shards CRL shards of the issuing CA */
export async function openTestCore(options: { now?: Date; shards?: number } = {}): Promise<TestCore> {
  let clock = options.now ?? new Date('2026-05-04T03:02:01.250Z')
  const now = (): Date => clock
  const store = openMemoryStore()
  const keys = openMemoryKeys(now)
  const profiles = loadProfiles(join(policies, 'profiles'), join(policies, 'schema/profile.schema.json'))
  const place = { baseUrl: 'http://ca.test.invalid', policyArc: '2.999.1' }
  const issuers = new Map<string, Issuer>()
  const maker = { now, keys, profiles, place }

  const root = await makeIssuer(maker, 'root', undefined, 1)
  const issuer = await makeIssuer(maker, 'issuing-ca', root, options.shards ?? 4)
  for (const one of [root, issuer]) issuers.set(one.issuerId, one)
  const core: Core = {
    ports: { store, now, randomBytes: (count) => new Uint8Array(randomBytes(count)) },
    keys,
    oneTimeKeys: openOneTimeKeys(now),
    throwAway: await openThrowAwaySignatures([P256]),
    work: workHere,
    issuers,
    profiles,
    template: (profile, one) => compileTemplate(profile, templateIssuer(one), place),
    instanceByte: 1,
    ...place,
    ocsp: [await makeService(maker, 'ocsp-responder', issuer)],
    tsa: await makeService(maker, 'tsa', issuer),
    logKeyId: 'none',
  }
  return {
    core,
    store,
    keys,
    issuer,
    root,
    setNow: (next) => void (clock = next),
    ...acts(core, maker, issuer),
  }
}

interface Maker {
  readonly now: () => Date
  readonly keys: MemoryKeys
  readonly profiles: ReadonlyMap<string, Profile>
  readonly place: { readonly baseUrl: string; readonly policyArc: string }
}

const templateIssuer = (issuer: Issuer): Parameters<typeof compileTemplate>[1] => ({
  issuerId: issuer.issuerId,
  nameDer: issuer.certificate.subject.raw,
  subjectKeyIdentifier: issuer.subjectKeyIdentifier,
  signatureAlgorithm: issuer.signatureAlgorithm,
})

const freshSerial = (): Uint8Array => concat(Uint8Array.of(1), new Uint8Array(randomBytes(15)))

async function makeCertificate(
  maker: Maker,
  profile: Profile,
  key: ProviderKey,
  issuer: Issuer | undefined,
  options: { seconds?: number | undefined; commonName: string },
): Promise<{ certDer: Uint8Array; tbsDer: Uint8Array; shard: number | null }> {
  const { keyBits } = parseSpki(key.spkiDer)
  const subjectKeyIdentifier = subjectKeyIdentifierFor(keyBits)
  const nameDer = subject(options.commonName)
  const above = issuer
    ? templateIssuer(issuer)
    : { issuerId: 'root', nameDer, subjectKeyIdentifier, signatureAlgorithm: P256.signature }
  const serial = freshSerial()
  const start = Math.floor(maker.now().getTime() / 1000) * 1000
  const seconds = options.seconds ?? profile.validity.defaultSeconds.value
  const shard = issuer ? shardOf(toHex(serial), issuer.shards) : null
  const tbsDer = compileTemplate(
    profile,
    above,
    maker.place,
  )({
    serial,
    notBefore: new Date(start - profile.validity.backdateSeconds.value * 1000),
    notAfter: new Date(start + seconds * 1000),
    subjectDer: nameDer,
    spkiDer: key.spkiDer,
    subjectKeyIdentifier,
    shard,
  })
  const signature = await maker.keys.sign(issuer?.keyId ?? key.keyId, P256.signature, tbsDer)
  return { certDer: sequence(tbsDer, P256.signature.identifierDer, bitString(signature)), tbsDer, shard }
}

async function makeIssuer(
  maker: Maker,
  profileName: 'root' | 'issuing-ca',
  above: Issuer | undefined,
  shards: number,
): Promise<Issuer> {
  const key = await maker.keys.generate(P256, null)
  const role = above ? 'issuing' : 'root'
  const profile = getProfile(maker.profiles, profileName)
  const { certDer } = await makeCertificate(maker, profile, key, above, { commonName: `TEST ONLY ${role}` })
  return {
    issuerId: role,
    role,
    certDer,
    certificate: parseCertificate(certDer),
    chainDer: above ? [above.certDer] : [],
    keyId: key.keyId,
    publicKey: publicKeyObject(key.spkiDer),
    signatureAlgorithm: P256.signature,
    subjectKeyIdentifier: subjectKeyIdentifierFor(parseSpki(key.spkiDer).keyBits),
    shards,
  }
}

async function makeService(maker: Maker, profileName: string, issuer: Issuer): Promise<ServiceIdentity> {
  const key = await maker.keys.generate(P256, null)
  const profile = getProfile(maker.profiles, profileName)
  const { certDer } = await makeCertificate(maker, profile, key, issuer, {
    commonName: `TEST ONLY ${profileName}`,
  })
  return {
    issuerId: issuer.issuerId,
    certDer,
    certificate: parseCertificate(certDer),
    keyId: key.keyId,
    signatureAlgorithm: P256.signature,
  }
}

function acts(core: Core, maker: Maker, issuer: Issuer): Pick<TestCore, 'issueTo' | 'revoke' | 'release'> {
  const { store } = core.ports
  const change = async (
    row: IssuedRow,
    to: 'revoked' | 'held' | 'valid',
    reason: 'keyCompromise' | 'certificateHold' | 'unspecified' | null,
  ): Promise<void> => {
    const { issuerId, serialHex } = row
    const from = (await store.findStatus(issuerId, serialHex))?.state ?? 'intent'
    const revokedAt = reason === null ? null : core.ports.now()
    await store.changeStatus(
      { issuerId, serialHex, from, to, revokedAt, reason, legalGround: null, invalidityDate: null },
      [],
    )
  }
  return {
    async issueTo({ profile = 'individual', tenant = 't1', seconds, commonName = 'TEST ONLY subject' } = {}) {
      const rules = getProfile(core.profiles, profile)
      const key = await maker.keys.generate(P256, tenant)
      const { certDer, tbsDer, shard } = await makeCertificate(maker, rules, key, issuer, {
        seconds,
        commonName,
      })
      const row = rowOf(core, rules, { certDer, tbsDer, shard, key, tenant, issuer, commonName })
      await store.recordIntents([row], [])
      await store.recordIssued([row], [])
      return row
    },
    revoke: (row, reason) => change(row, reason === 'certificateHold' ? 'held' : 'revoked', reason),
    release: (row) => change(row, 'valid', null),
  }
}

function rowOf(
  core: Core,
  profile: Profile,
  made: {
    readonly certDer: Uint8Array
    readonly tbsDer: Uint8Array
    readonly shard: number | null
    readonly key: ProviderKey
    readonly tenant: string
    readonly issuer: Issuer
    readonly commonName: string
  },
): IssuedRow {
  const certificate = parseCertificate(made.certDer)
  return {
    issuerId: made.issuer.issuerId,
    serialHex: certificate.serialHex,
    profile: profile.name,
    class: profile.class,
    tbsSha256: toHex(digest('SHA-256', made.tbsDer)),
    spkiSha256: toHex(digest('SHA-256', made.key.spkiDer)),
    shard: made.shard,
    at: core.ports.now(),
    actor: 'system',
    tenant: made.tenant,
    certDer: made.certDer,
    certSha256: toHex(digest('SHA-256', made.certDer)),
    algorithm: 'ecdsa-sha256',
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    subject: `CN=${made.commonName}`,
    commonName: made.commonName,
    subjectSalt: '00',
    keyId: made.key.keyId,
    identityEvidenceId: null,
  }
}
