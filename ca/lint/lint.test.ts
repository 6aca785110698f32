import { readdirSync } from 'node:fs'

import test from 'ava'

import { lintContext } from '../lint-context.ts'
import { getProfile } from '../profiles.ts'
import { nullValue } from '../asn1/writer.ts'
import { NOW, core, drop, findings, root, set } from '../testing/certificate-parts.ts'
import { EXTENSION_BREAKS } from '../testing/lint-extension-breaks.ts'
import { FIELD_BREAKS } from '../testing/lint-field-breaks.ts'
import { EXT } from '../x509/oids.ts'
import { LINT_RULES, WELL_FORMED, lintCertificate } from './index.ts'

const BREAKS = { ...FIELD_BREAKS, ...EXTENSION_BREAKS }

test('what the templates build has no finding', (t) => {
  for (const name of core.profiles.keys()) if (name !== 'root') t.deepEqual(findings(name), [], name)
  t.deepEqual(
    lintCertificate(root.certDer, lintContext(core, getProfile(core.profiles, 'root'), root, NOW)).filter(
      ({ rule }) => rule !== 'validity-period',
    ),
    [],
  )
})

for (const [rule, breaks] of Object.entries(BREAKS))
  test(`${rule} finds what breaks it`, (t) => {
    for (const [what, profile, bend] of breaks)
      t.true(findings(profile, bend).includes(rule), `${what}: ${findings(profile, bend).join()}`)
  })

test('every rule has a breaking case, a source, and a file of its name', (t) => {
  const names = LINT_RULES.map((rule) => rule.name)
  t.deepEqual(Object.keys(BREAKS).toSorted(), [...names, WELL_FORMED].toSorted())
  t.true(LINT_RULES.every((rule) => rule.source.length > 5))
  const files = readdirSync(import.meta.dirname).map((file) => file.replace(/\.ts$/, ''))
  for (const name of names) t.true(files.includes(name), name)
  t.is(new Set(names).size, names.length)
})

test('what was found clean hides nothing: constant parts are judged again when an octet differs', (t) => {
  for (let round = 0; round < 3; round++) {
    t.deepEqual(findings('event'), [])
    t.true(findings('event', set(EXT.keyUsage, true, nullValue())).includes('key-usage'))
    t.true(findings('event', drop(EXT.authorityKeyIdentifier)).includes('authority-key-identifier'))
  }
})
