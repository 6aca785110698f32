// What imports cannot show, lint does: key use, clocks, randomness, network and size limits.
// These rules guard against slips. They are no wall against an attacker: an alias slips past them.
import jsdoc from 'eslint-plugin-jsdoc'
import tseslint from 'typescript-eslint'

const tests = ['**/*.test.ts', 'src/test/**']

const keyNames = [
  'createPrivateKey',
  'createSign',
  'generateKeyPair',
  'generateKeyPairSync',
  'privateDecrypt',
  'privateEncrypt',
]

const keyUse = [
  {
    selector: `CallExpression[callee.property.name=/^(${keyNames.join('|')})$/]`,
    message: 'Private keys are made and used in ca/keys only.',
  },
  {
    selector:
      "CallExpression[callee.property.name=/^(sign|decrypt|unwrapKey|generateKey)$/][callee.object.name='subtle']",
    message: 'Private keys are made and used in ca/keys only.',
  },
  {
    selector:
      "CallExpression[callee.property.name=/^(sign|decrypt|unwrapKey|generateKey)$/][callee.object.property.name='subtle']",
    message: 'Private keys are made and used in ca/keys only.',
  },
  {
    selector: "CallExpression[callee.property.name='sign'][callee.object.name='crypto']",
    message: 'Private keys are made and used in ca/keys only.',
  },
]

const clock = [
  {
    selector: "NewExpression[callee.name='Date'][arguments.length=0]",
    message: 'Take now: () => Date as an argument; only main and the command line read the clock.',
  },
  {
    selector: "CallExpression[callee.object.name='Date'][callee.property.name='now']",
    message: 'Take now: () => Date as an argument; only main and the command line read the clock.',
  },
]

const everywhere = [
  {
    selector: "CallExpression[callee.object.name='Math'][callee.property.name='random']",
    message: 'Take randomBytes as an argument; Math.random can be predicted.',
  },
  {
    selector: 'ExportDefaultDeclaration',
    message: 'Export by name, so that a thing has one name everywhere.',
  },
  { selector: 'TSEnumDeclaration', message: 'Node runs the sources directly: erasable syntax only.' },
]

const bufferType = {
  selector: "TSTypeReference[typeName.name='Buffer']",
  message: 'Take and return Uint8Array; Buffer is for the HTTP library alone.',
}

const keyImports = ['node:crypto', 'crypto'].map((name) => ({
  name,
  importNames: [...keyNames, 'sign'],
  message: 'Private keys are made and used in ca/keys only.',
}))

const noFetch = {
  name: 'fetch',
  message: 'Outbound HTTP goes through src/net, which has limits and the SSRF guard.',
}
const noBuffer = { name: 'Buffer', message: 'Use Uint8Array; Buffer pools and its slices share memory.' }

/** A note without an issue is forgotten; a note with one can be counted and closed. */
const noteHasIssue = {
  meta: { type: 'suggestion', schema: [] },
  create: (context) => ({
    Program() {
      for (const comment of context.sourceCode.getAllComments()) {
        if (!/\b(TODO|FIXME|XXX)\b(?!\(#\d+\):)/.test(comment.value)) continue
        context.report({ loc: comment.loc, message: 'Write TODO(#12): … with the number of its issue.' })
      }
    },
  }),
}

const house = { rules: { 'note-has-issue': noteHasIssue } }

const core = {
  'array-callback-return': 'error',
  complexity: ['error', 12],
  'default-case-last': 'error',
  eqeqeq: ['error', 'always', { null: 'ignore' }],
  'max-depth': ['error', 4],
  'max-lines': ['error', { max: 400 }],
  'max-lines-per-function': ['error', { max: 60 }],
  'max-params': ['error', 6],
  'no-async-promise-executor': 'error',
  'no-case-declarations': 'error',
  'no-constant-condition': ['error', { checkLoops: false }],
  'no-debugger': 'error',
  'no-empty': 'error',
  'no-eval': 'error',
  'no-fallthrough': 'error',
  'no-implied-eval': 'error',
  'no-loss-of-precision': 'error',
  'no-new-func': 'error',
  'no-promise-executor-return': 'error',
  'no-self-compare': 'error',
  'no-unreachable': 'error',
  'no-unsafe-finally': 'error',
  'no-useless-catch': 'error',
  'no-var': 'error',
  'object-shorthand': 'error',
  'prefer-const': 'error',
  'house/note-has-issue': 'error',
}

const typed = {
  '@typescript-eslint/await-thenable': 'error',
  '@typescript-eslint/consistent-type-imports': 'error',
  '@typescript-eslint/no-explicit-any': 'error',
  '@typescript-eslint/no-floating-promises': 'error',
  '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
  '@typescript-eslint/no-non-null-assertion': 'error',
  '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
  '@typescript-eslint/only-throw-error': 'error',
  '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
}

const documented = {
  'jsdoc/require-jsdoc': [
    'error',
    {
      enableFixer: false,
      publicOnly: { esm: true, cjs: false, window: false },
      require: { FunctionDeclaration: true, ClassDeclaration: true, ArrowFunctionExpression: true },
      contexts: ['TSInterfaceDeclaration', 'TSTypeAliasDeclaration'],
    },
  ],
  'jsdoc/require-description': 'error',
  'jsdoc/check-param-names': ['error', { disableMissingParamChecks: true }],
  'jsdoc/check-tag-names': 'error',
  'jsdoc/no-types': 'error',
}

const settings = [
  { ignores: ['node_modules/', 'data/', 'coverage/', '**/*.min.js'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  { files: ['**/*.{ts,js,mjs,cjs}'], plugins: { house }, rules: core },
  {
    files: ['**/*.ts'],
    plugins: { '@typescript-eslint': tseslint.plugin },
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: typed,
  },
  {
    files: ['ca/**/*.ts', 'src/**/*.ts', 'policies/**/*.ts', 'test-vectors/**/*.ts'],
    rules: {
      'no-restricted-syntax': ['error', ...everywhere, bufferType, ...clock, ...keyUse],
      'no-restricted-imports': ['error', { paths: keyImports }],
      'no-restricted-globals': ['error', noFetch, noBuffer],
    },
  },
  // The places below are allowed one thing each; later entries replace the rule, so each repeats the rest.
  {
    files: ['ca/keys/**/*.ts'],
    rules: {
      'no-restricted-syntax': ['error', ...everywhere, bufferType, ...clock],
      'no-restricted-imports': 'off',
    },
  },
  {
    files: ['src/main.ts', 'src/cli/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', ...everywhere, bufferType, ...keyUse] },
  },
  { files: ['src/net/**/*.ts', 'src/sdk/**/*.ts'], rules: { 'no-restricted-globals': ['error', noBuffer] } },
  {
    files: ['src/http/**/*.ts'],
    rules: {
      'no-restricted-syntax': ['error', ...everywhere, ...clock, ...keyUse],
      'no-restricted-globals': ['error', noFetch],
    },
  },
  {
    // The lowest folders turn base64, hexadecimal and UTF-8 into Uint8Array for everyone above, and the PDF reader
    // searches large files with Buffer's native indexOf; none of them has it in a type.
    files: ['src/lib/**/*.ts', 'ca/asn1/**/*.ts', 'src/formats/pdf/**/*.ts'],
    rules: { 'no-restricted-globals': ['error', noFetch] },
  },
  {
    files: ['ca/**/*.ts', 'src/{formats,verify,audit}/**/*.ts'],
    ignores: tests,
    plugins: { jsdoc },
    settings: { jsdoc: { mode: 'typescript', tagNamePreference: { returns: 'returns' } } },
    rules: documented,
  },
  {
    // A list of route definitions is a table, not a function to follow.
    files: ['src/http/routes/*.ts'],
    rules: { 'max-lines-per-function': 'off' },
  },
  {
    files: tests,
    rules: {
      'no-restricted-syntax': ['error', ...everywhere],
      'no-restricted-imports': 'off',
      'no-restricted-globals': 'off',
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
]

export default settings
