/** Fills the policy texts from the running configuration, so that what they say and what the software does agree. */
import { CodedError } from '../../ca/errors.ts'
import type { Institution } from './institution.ts'
import { type Language, type Say, sayIn } from './language.ts'

/** What the texts need of a profile; a file of `policies/profiles` fits. */
export interface PolicyProfile {
  readonly name: string
  readonly title: { readonly zh: string; readonly en: string }
  readonly validity: {
    readonly defaultSeconds: { readonly value: number }
    readonly minSeconds: { readonly value: number }
    readonly maxSeconds: { readonly value: number }
  }
  readonly keys: { readonly algorithms: { readonly value: readonly string[] } }
  readonly subject: { readonly value: readonly { readonly type: string; readonly required: boolean }[] }
  readonly extensions: {
    readonly certificatePolicies?: { readonly value: { readonly suffix: string } }
  }
}

export interface PolicyFacts {
  readonly institution: Institution
  /** No slash at the end. */
  readonly baseUrl: string
  /** Dotted OID below which the policy OIDs of the profiles stand. */
  readonly policyArc: string
  /** Version of the texts: that of the product. */
  readonly version: string
  readonly crlRefreshSeconds: number
  readonly documentHours: number
  readonly profiles: readonly PolicyProfile[]
}

const UNITS = [
  [31_556_952, '年', 'year'],
  [86_400, '天', 'day'],
  [3600, '小时', 'hour'],
  [60, '分钟', 'minute'],
  [1, '秒', 'second'],
] as const

/** A period in the largest unit that says it exactly enough: years to one decimal, days and below when whole. */
export function periodText(seconds: number, language: Language): string {
  const say = sayIn(language)
  for (const [size, zh, en] of UNITS) {
    const count = Math.round((seconds / size) * 10) / 10
    const exact = size > 86_400 ? seconds >= size * 0.98 : seconds % size === 0
    if (exact && count >= 1) return say(`${count} ${zh}`, `${count} ${en}${count === 1 ? '' : 's'}`)
  }
  return say(`${seconds} 秒`, `${seconds} seconds`)
}

const tableText = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

const oidOf = (facts: PolicyFacts, profile: PolicyProfile): string | undefined => {
  const suffix = profile.extensions.certificatePolicies?.value.suffix
  return suffix === undefined || suffix === 'any' ? undefined : `${facts.policyArc}.${suffix}`
}

function validityTable(profiles: readonly PolicyProfile[], language: Language): string {
  const say = sayIn(language)
  const head = [say('种类', 'Kind'), say('最短', 'Shortest'), say('默认', 'Default'), say('最长', 'Longest')]
  return tableText(
    head,
    profiles.map(({ title, validity: { minSeconds, defaultSeconds, maxSeconds } }) => [
      title[language],
      ...[minSeconds, defaultSeconds, maxSeconds].map((limit) => periodText(limit.value, language)),
    ]),
  )
}

function contactText({ email, telephone }: Institution, say: Say): string {
  const known = [email, telephone].filter((text) => text !== undefined)
  return known.length === 0 ? say('未填写', 'not given') : known.join(' · ')
}

function tables(facts: PolicyFacts, language: Language): Record<string, string> {
  const say = sayIn(language)
  const { profiles } = facts
  const kind = say('种类', 'Kind')
  const withOid = profiles.flatMap((profile) => {
    const oid = oidOf(facts, profile)
    return oid === undefined ? [] : [[profile.title[language], `\`${profile.name}\``, `\`${oid}\``]]
  })
  const subject = (profile: PolicyProfile): string =>
    profile.subject.value.map(({ type, required }) => (required ? `${type}*` : type)).join(', ')
  return {
    'table.policies': tableText([kind, say('模板', 'Profile'), say('策略 OID', 'Policy OID')], withOid),
    'table.subjects': tableText(
      [kind, say('主体属性', 'Subject attributes')],
      profiles.map((profile) => [profile.title[language], subject(profile)]),
    ),
    'table.keys': tableText(
      [kind, say('算法', 'Algorithms')],
      profiles.map((profile) => [profile.title[language], profile.keys.algorithms.value.join(', ')]),
    ),
    'table.validity': validityTable(profiles, language),
    'table.validity.tsa': validityTable(
      profiles.filter(({ name }) => name === 'tsa'),
      language,
    ),
  }
}

/** Every word that a policy text may put into double braces. */
export function policyValues(facts: PolicyFacts, language: Language): Readonly<Record<string, string>> {
  const say = sayIn(language)
  const { institution } = facts
  const event = getProfile(facts, 'event').validity
  const tsa = oidOf(facts, getProfile(facts, 'tsa'))
  return {
    ...tables(facts, language),
    institution: institution.legalName[language],
    licence: institution.licence?.number ?? say('无', 'none'),
    contact: contactText(institution, say),
    baseUrl: facts.baseUrl,
    policyArc: facts.policyArc,
    version: facts.version,
    crlRefreshSeconds: String(facts.crlRefreshSeconds),
    documentHours: String(facts.documentHours),
    'event.min': periodText(event.minSeconds.value, language),
    'event.default': periodText(event.defaultSeconds.value, language),
    'event.max': periodText(event.maxSeconds.value, language),
    'tsa.policy': tsa ?? say('无', 'none'),
    status: statusText(institution, say),
  }
}

function statusText(institution: Institution, say: Say): string {
  if (institution.evaluation)
    return say(
      '评估用：本系统未获电子认证服务许可，证书不得作为信赖依据。',
      'Evaluation only: this system has no licence, and its certificates must not be relied on.',
    )
  return institution.licence
    ? say(
        `依许可证 ${institution.licence.number} 提供服务。`,
        `Provided under licence ${institution.licence.number}.`,
      )
    : say('本机构未填写电子认证服务许可证。', 'This institution has stated no licence.')
}

function getProfile(facts: PolicyFacts, name: string): PolicyProfile {
  const profile = facts.profiles.find((one) => one.name === name)
  if (!profile) throw new CodedError('CONFIG_INVALID', `policy texts need the profile ${name}`)
  return profile
}

/**
 * @throws {CodedError} CONFIG_INVALID for a word without a value: a text with a hole must not be published
 */
export function fillPolicyText(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{\{([^{}]*)\}\}/g, (_, word: string) => {
    const value = Object.hasOwn(values, word) ? values[word] : undefined
    if (value === undefined) throw new CodedError('CONFIG_INVALID', `policy text: {{${word}}} has no value`)
    return value
  })
}
