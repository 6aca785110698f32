// The import law: what stands to the left may not import what stands to the right.
//   ca codecs → ca → lib → formats → verify → audit, stats, auth, envelopes → store, net → services → http, web, cli, jobs → main
// Tests may import anything; nothing but a test may import a test. src/test/architecture.test.ts plants a break for each rule.

const test = '[.]test[.]ts$|^(src/test|src/web/testing|ca/testing)/'
const inside = (path, extra) => ({ path, pathNot: extra === undefined ? test : `${test}|${extra}` })
const no = (name, from, to, comment) => ({ name, comment, severity: 'error', from, to })

const codecs = '^ca/(asn1|x509|algorithms)/|^ca/(formats|errors)[.]ts$'
const value = { dependencyTypesNot: ['type-only'] }
const core = (names) => ({ path: `^(node:)?(${names})(/|$)`, dependencyTypes: ['core'] })
const npm = (names) => ({ path: `(^|/)node_modules/(@types/)?(${names})/` })
const product = '^(ca|src|policies|test-vectors)/'

const trustedCore = [
  no(
    'ca-imports-nothing-of-src',
    inside('^ca/'),
    { path: '^(src|test-vectors)/' },
    'The trusted core is read and audited alone.',
  ),
  no(
    'ca-has-two-doors',
    inside('^(src|test-vectors|policies)/'),
    { path: '^ca/', pathNot: '^ca/(index|formats|errors|ports|joined)[.]ts$' },
    'Door 1 is ca/index.ts, door 2 is ca/formats.ts; errors, the types of ports and joined calls go with both.',
  ),
  no(
    'ca-is-opened-in-main',
    inside('^(src|test-vectors|policies)/', '^src/(main|cli/ceremony)[.]ts$'),
    { path: '^ca/(index|ports)[.]ts$', ...value },
    'Everyone else is handed ca: Ca and imports its type only.',
  ),
  no(
    'ca-codecs-hold-no-keys',
    inside(codecs),
    { path: '^ca/', pathNot: codecs },
    'Code that reads foreign bytes must not be able to reach a key.',
  ),
  no(
    'ca-lint-holds-no-keys',
    inside('^ca/lint/'),
    { path: '^ca/', pathNot: `${codecs}|^ca/lint/|^ca/profiles[.]ts$` },
    'A lint rule reads a structure and says what is wrong with it.',
  ),
  no(
    'ca-keys-below-use',
    inside('^ca/keys/'),
    { path: '^ca/', pathNot: `${codecs}|^ca/(keys/|ports[.]ts$)` },
    'A key provider knows nothing of what its keys sign.',
  ),
]

const layers = [
  no(
    'pure-is-pure',
    inside(`${codecs}|^ca/lint/|^src/(lib|formats|verify)/`),
    core('fs|net|http|https|http2|tls|dns|dgram|child_process|worker_threads'),
    'Bytes and time come in as arguments: same input, same answer.',
  ),
  no('lib-at-the-bottom', inside('^src/lib/'), { path: '^src/', pathNot: '^src/lib/' }),
  no('formats-above-lib', inside('^src/formats/'), { path: '^src/', pathNot: '^src/(lib|formats)/' }),
  no('verify-above-formats', inside('^src/verify/'), {
    path: '^src/',
    pathNot: '^src/(lib|formats|verify)/',
  }),
  no('domain-below-store', inside('^src/(audit|stats|auth|envelopes)/'), {
    path: '^src/',
    pathNot: '^src/(lib|formats|verify|audit|stats|auth|envelopes)/',
  }),
  no('store-below-services', inside('^src/(store|net)/'), {
    path: '^src/(services|http|web|cli|jobs|main|sdk)',
  }),
  no('services-below-shell', inside('^src/services/'), { path: '^src/(http|web|cli|jobs|main|sdk)' }),
  no('shell-below-main', inside('^src/(http|web|jobs)/'), { path: '^src/(cli|main)' }),
  no(
    'shell-does-not-reach-store',
    // The ceremony works before there is a house whose services it could ask.
    inside('^src/(http|web|jobs|cli)/', '^src/cli/ceremony[.]ts$'),
    { path: '^src/(store|net)/', ...value },
    'A route asks a service, so that permission and record cannot be skipped.',
  ),
  no('config-is-data', inside('^src/config[.]ts$'), { path: '^src/', pathNot: '^src/lib/' }),
  no('sdk-stands-alone', inside('^src/sdk/'), { path: '^(ca|src|policies)/', pathNot: '^src/sdk/' }),
]

const packages = [
  no('knex-in-store', inside(product, '^src/store/'), npm('knex|sqlite3|better-sqlite3|pg')),
  no('koa-in-http', inside(product, '^src/(http|web)/'), npm('koa|@koa|@fastify/busboy')),
  no('key-packages-in-keys', inside(product, '^ca/keys/'), npm('node-forge|pkcs11js|graphene-pk11')),
  no('asn1-stack-wrapped-once', inside(product, '^ca/(asn1|x509)/'), npm('pkijs|asn1js')),
  no('webcrypto-in-algorithms', inside(product, '^ca/(algorithms|x509|keys)/'), npm('@peculiar/webcrypto')),
  no(
    'pdf-packages-in-formats',
    inside(product, '^src/(formats|cli/demo)/'),
    npm('@libpdf/core|fontkit|pngjs'),
    'Foreign documents, fonts and images are read in one folder; the demonstration draws its own seals.',
  ),
  no(
    'network-in-net',
    inside(product, '^src/(net|http|sdk)/|^src/(main|serve|cli/free-port)[.]ts$'),
    core('net|http|https|http2|tls|dns|dgram'),
    'Outbound requests have size and time limits and the SSRF guard; the server listens in http.',
  ),
  no('processes-from-cli', inside(product, '^src/cli/'), core('child_process|cluster')),
  no('no-development-packages', inside(product), {
    dependencyTypes: ['npm-dev'],
    pathNot: 'node_modules/@types/',
  }),
  no('no-undeclared-packages', {}, { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] }),
]

const whole = [
  no('no-cycles', {}, { circular: true }),
  no('no-test-code', inside(product), { path: test }, 'What ships does not know its tests.'),
  no('no-unresolved', {}, { couldNotResolve: true }),
]

module.exports = {
  forbidden: [...trustedCore, ...layers, ...packages, ...whole],
  options: {
    // Without this, imports that only carry types are erased before the rules see them.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
}
