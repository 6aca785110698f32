// Each guard of .eslint.config.mjs that is ours fires where it must, and is silent where the thing is allowed.
import { join, resolve } from 'node:path'

import test from 'ava'
import { ESLint } from 'eslint'
import tseslint from 'typescript-eslint'

const root = resolve(import.meta.dirname, '../..')

// Rules that need types want a file on disk; the guards below do without.
const eslint = new ESLint({
  cwd: root,
  overrideConfigFile: join(root, '.eslint.config.mjs'),
  overrideConfig: [{ files: ['**/*.ts'], ...tseslint.configs.disableTypeChecked }] as never,
})

async function complaints(path: string, text: string): Promise<string[]> {
  const [result] = await eslint.lintText(text, { filePath: join(root, path) })
  return (result?.messages ?? []).map(({ ruleId, message }) => `${ruleId}: ${message}`)
}

const long = (lines: number): string => `const f = () => {\n${'  f()\n'.repeat(lines)}}\nf()\n`
const branches = `const f = (n: number) => {\n${Array.from({ length: 12 }, (_, i) => `  if (n === ${i}) return ${i}\n`).join('')}  return n\n}\nf(1)\n`
const todo = (text: string): string => `// ${'TO'}DO${text}\n`

/** What it guards → code that breaks it → where it fires → where it is allowed. */
const guards: readonly (readonly [
  RegExp,
  code: string,
  wrong: readonly string[],
  allowed: readonly string[],
])[] = [
  [
    /Private keys/,
    "import { createPrivateKey } from 'node:crypto'\ncreatePrivateKey('')\n",
    ['ca/issue.ts', 'src/services/x.ts', 'src/cli/x.ts', 'src/main.ts', 'src/net/x.ts', 'src/http/x.ts'],
    ['ca/keys/x.ts', 'ca/x.test.ts', 'src/test/x.ts'],
  ],
  [/Private keys/, "import { sign } from 'node:crypto'\nsign\n", ['src/audit/x.ts'], ['ca/keys/x.ts']],
  [
    /Private keys/,
    "import crypto from 'node:crypto'\ncrypto.sign\n;crypto.sign()\n",
    ['ca/ocsp.ts'],
    ['ca/keys/x.ts'],
  ],
  [/Private keys/, 'crypto.subtle.sign()\n', ['src/formats/x.ts'], ['ca/keys/x.ts']],
  [
    /only main and the command line/,
    'new Date()\n',
    ['ca/x.ts', 'ca/keys/x.ts', 'src/http/x.ts'],
    ['src/main.ts', 'src/cli/x.ts', 'src/test/bench/x.ts'],
  ],
  [
    /only main and the command line/,
    'Date.now()\n',
    ['src/verify/x.ts'],
    ['src/main.ts', 'src/verify/x.test.ts'],
  ],
  [
    /SSRF/,
    "fetch('')\n",
    ['ca/x.ts', 'src/services/x.ts', 'src/lib/x.ts', 'src/http/x.ts'],
    ['src/net/x.ts', 'src/sdk/x.ts', 'src/test/x.ts'],
  ],
  [
    /Buffer pools/,
    'Buffer.alloc(1)\n',
    ['ca/x.ts', 'src/verify/x.ts', 'src/net/x.ts'],
    ['src/http/x.ts', 'src/lib/x.ts'],
  ],
  [
    /Buffer is for/,
    'let b: Buffer | undefined\nb = undefined\n',
    ['src/lib/x.ts', 'src/formats/pdf/x.ts'],
    ['src/http/x.ts'],
  ],
  [/Math.random/, 'Math.random()\n', ['ca/keys/x.ts', 'src/main.ts', 'src/cli/x.ts'], []],
  [/Export by name/, 'export default 1\n', ['ca/x.ts', 'src/web/x.ts'], []],
  [/erasable syntax/, 'enum A { B }\nA\n', ['src/lib/x.ts'], []],
  [/note-has-issue/, todo(': later'), ['ca/x.ts', 'src/cli/x.ts', 'src/x.test.ts'], []],
  [/max-lines-per-function/, long(60), ['src/lib/x.ts'], ['src/lib/x.test.ts']],
  [/^max-lines:/, '\n'.repeat(401), ['src/lib/x.ts', 'src/lib/x.test.ts'], []],
  [/complexity/, branches, ['src/lib/x.ts'], []],
  [
    /require-jsdoc/,
    'export function f(): void {}\n',
    ['ca/x.ts', 'src/formats/x.ts', 'src/verify/x.ts', 'src/audit/x.ts'],
    ['src/cli/x.ts', 'ca/x.test.ts'],
  ],
]

for (const [index, [message, code, wrong, allowed]] of guards.entries()) {
  test(`guard ${index + 1} ${message.source} fires where it must and nowhere else`, async (t) => {
    for (const path of wrong) {
      const said = await complaints(path, code)
      t.true(
        said.some((line) => message.test(line)),
        `silent in ${path}: ${said.join('; ')}`,
      )
    }
    for (const path of allowed) {
      const said = await complaints(path, code)
      t.false(
        said.some((line) => message.test(line)),
        `fired in ${path}: ${said.join('; ')}`,
      )
    }
  })
}

test('a note with its issue is fine', async (t) => {
  t.deepEqual(await complaints('src/cli/x.ts', todo('(#12): later')), [])
})

test('a promise that nobody waits for is found', async (t) => {
  const typed = new ESLint({ cwd: root, overrideConfigFile: join(root, '.eslint.config.mjs') })
  const filePath = join(root, 'src/test/corpora.ts')
  const [result] = await typed.lintText('Promise.resolve(1)\nexport {}\n', { filePath })
  t.deepEqual(
    result?.messages.map(({ ruleId }) => ruleId),
    ['@typescript-eslint/no-floating-promises'],
  )
})
