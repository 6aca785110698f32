// The rules against the corpus of zlint, where one of ours says the same as one of theirs.
import test from 'ava'

import { loadCases, readCorpusFile, skipNote } from '../../src/test/corpora.ts'
import { decodeBase64 } from '../asn1/octets.ts'
import { lintContext } from '../lint-context.ts'
import { getProfile } from '../profiles.ts'
import { core, issuer } from '../testing/certificate-parts.ts'
import { LINT_RULES, WELL_FORMED, lintCertificate } from './index.ts'

/** zlint's lint → our rule; where `exact`, a Pass of theirs must be a pass of ours too (ours never say less). */
const SAME: Readonly<Record<string, readonly [rule: string, exact?: 'exact']>> = {
  e_basic_constr_invalid_der: ['basic-constraints'],
  e_cert_contains_unique_identifier: ['unique-identifiers', 'exact'],
  e_cert_extensions_version_not_3: ['version-3'],
  e_cert_sig_alg_not_match_tbs_sig_alg: [WELL_FORMED],
  e_cert_unique_identifier_version_not_2_or_3: [WELL_FORMED],
  e_ext_authority_key_identifier_critical: ['extension-criticality'],
  e_ext_cert_policy_duplicate: ['policy-oid'],
  e_ext_duplicate_extension: [WELL_FORMED],
  e_ext_san_no_entries: ['subject-alt-name'],
  e_ext_subject_key_identifier_critical: ['extension-criticality'],
  e_issuer_field_empty: ['art21-1-issuer'],
  e_key_usage_incorrect_length: ['key-usage'],
  e_path_len_constraint_improperly_included: ['basic-constraints'],
  e_path_len_constraint_zero_or_less: ['basic-constraints'],
  e_serial_number_not_positive: ['serial-number'],
  e_subject_common_name_max_length: ['subject-encoding'],
  e_subject_dn_not_printable_characters: ['subject-encoding'],
  e_subject_dn_serial_number_max_length: ['subject-encoding'],
  e_subject_given_name_max_length: ['subject-encoding'],
  e_subject_email_max_length: ['subject-attributes'],
  e_superfluous_ku_encoding: ['key-usage'],
  e_tbs_signature_rsa_encryption_parameter_not_null: ['signature-algorithm'],
  e_utc_time_not_in_zulu: [WELL_FORMED],
  e_validity_time_not_positive: ['art21-4-validity', 'exact'],
  e_wrong_time_format_pre2050: ['validity-encoding', 'exact'],
  n_multiple_subject_rdn: ['subject-attributes'],
  w_ext_key_usage_not_critical: ['extension-criticality'],
  w_subject_dn_trailing_whitespace: ['subject-encoding'],
}

interface Result {
  readonly lint: string
  readonly expected: string
}

const fromPem = (bytes: Uint8Array): Uint8Array =>
  decodeBase64(/-----BEGIN CERTIFICATE-----([^-]+)-----END/.exec(new TextDecoder().decode(bytes))?.[1] ?? '')

test('what zlint finds wrong, ours find wrong', (t) => {
  const cases = loadCases('zlint')
  if (!cases) {
    skipNote(t, 606, 'corpora are absent')
    return t.pass()
  }
  const context = lintContext(core, getProfile(core.profiles, 'individual'), issuer, core.ports.now())
  let compared = 0
  let others = 0
  for (const { id, files, expected } of cases) {
    const der = fromPem(readCorpusFile('zlint', String(files?.['input'])))
    const found = new Set(lintCertificate(der, context).map(({ rule }) => rule))
    for (const { lint, expected: verdict } of expected as readonly Result[]) {
      const [rule, exact] = SAME[lint] ?? []
      if (rule === undefined || verdict === 'NA' || verdict === 'NE') {
        others++
        continue
      }
      compared++
      // What the strict parser refuses, no rule sees any more: that is an answer too.
      if (verdict !== 'Pass')
        t.true(found.has(rule) || found.has(WELL_FORMED), `${id}: ${lint}, ours found ${[...found].join()}`)
      else if (exact) t.false(found.has(rule), `${id}: ${lint} passes, ${rule} finds something`)
    }
  }
  t.log(
    `${compared} results compared, ${others} are of lints for the web, of other profiles, or do not apply`,
  )
  t.true(compared > 40)
  const names = [...LINT_RULES.map(({ name }) => name), WELL_FORMED]
  t.deepEqual(
    Object.values(SAME).filter(([rule]) => !names.includes(rule)),
    [],
  )
})
