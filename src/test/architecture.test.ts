// The import law holds over the tree, and each of its rules finds a break planted for it:
// a cruise that silently sees nothing (it did, with another compiler) would pass otherwise.
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

import test from 'ava'

import { run } from './judges.ts'

const root = resolve(import.meta.dirname, '../..')
const cruiser = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs')
const smallestTree = 300

type Cruise = {
  readonly modules: number
  readonly violations: readonly { readonly rule: string; readonly from: string; readonly to: string }[]
}

async function cruise(folder: string): Promise<Cruise> {
  const args = [cruiser, '-c', '.dependency-cruiser.cjs', '-T', 'json', 'ca', 'src']
  const { stdout, stderr } = await run(process.execPath, args, { cwd: folder, timeoutMs: 120_000 })
  if (!stdout.startsWith('{')) throw new Error(`dependency-cruiser said: ${stderr}`)
  const { modules, summary } = JSON.parse(stdout)
  return {
    modules: modules.filter(({ source }: { source: string }) => /^(ca|src)\//.test(source)).length,
    violations: summary.violations.map((v: { rule: { name: string }; from: string; to: string }) => ({
      rule: v.rule.name,
      from: v.from,
      to: v.to,
    })),
  }
}

type Tree = Readonly<Record<string, string>>

async function inTree<T>(tree: Tree, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'import-law-'))
  try {
    for (const name of ['.dependency-cruiser.cjs', 'tsconfig.json', 'package.json']) {
      await cp(join(root, name), join(folder, name))
    }
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
    for (const [path, text] of Object.entries(tree)) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), `${text}\n`)
    }
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** A stub of the house in which every import is lawful, those at the edge of each rule included. */
const lawful: Tree = {
  'ca/errors.ts': 'export const code = 1',
  'ca/ports.ts': 'export type CaStore = { add(): void }',
  'ca/asn1/reader.ts': "import 'asn1js'\nexport const read = 1",
  'ca/x509/certificate.ts': "import 'pkijs'\nimport '../asn1/reader.ts'\nexport const parse = 1",
  'ca/algorithms/table.ts': "import 'node:crypto'\nimport '@peculiar/webcrypto'\nexport const row = 1",
  'ca/keys/file.ts':
    "import 'node:fs'\nimport 'node-forge'\nimport '../algorithms/table.ts'\nexport const key = 1",
  'ca/lint/serial.ts': "import '../x509/certificate.ts'\nexport const rule = 1",
  'ca/formats.ts': "export { parse } from './x509/certificate.ts'",
  'ca/index.ts':
    "import './keys/file.ts'\nimport './lint/serial.ts'\nexport type Ca = object\nexport const open = 1",
  'src/lib/bytes.ts': "import '../../ca/errors.ts'\nexport const bytes = 1",
  'src/formats/pades.ts':
    "import 'pngjs'\nimport '../lib/bytes.ts'\nimport '../../ca/formats.ts'\nexport const sign = 1",
  'src/verify/verify.ts': "import '../formats/pades.ts'\nexport const verify = 1",
  'src/audit/tree.ts': "import '../verify/verify.ts'\nexport const tree = 1",
  'src/store/records.ts':
    "import 'knex'\nimport '../audit/tree.ts'\nimport type { CaStore } from '../../ca/ports.ts'\nexport type Store = CaStore",
  'src/net/fetch.ts': "import 'node:https'\nexport const get = 1",
  'src/services/issue.ts':
    "import '../store/records.ts'\nimport '../net/fetch.ts'\nimport type { Ca } from '../../ca/index.ts'\nexport const issue = (ca: Ca) => ca",
  'src/http/app.ts':
    "import 'koa'\nimport 'node:http'\nimport '../services/issue.ts'\nimport type { Store } from '../store/records.ts'\nexport const app = (s: Store) => s",
  'src/config.ts': "import './lib/bytes.ts'\nexport const config = 1",
  'src/main.ts':
    "import '../ca/index.ts'\nimport './http/app.ts'\nimport './config.ts'\nexport const main = 1",
  'src/cli/serve.ts': "import 'node:child_process'\nimport '../main.ts'\nexport const serve = 1",
  'src/cli/ceremony.ts': "import '../../ca/index.ts'\nexport const ceremony = 1",
  'src/sdk/client.ts': "import 'node:https'\nexport const client = 1",
  'src/test/stub.ts': "import 'ava'\nimport '../../ca/keys/file.ts'\nexport const stub = 1",
  'src/verify/verify.test.ts':
    "import 'ava'\nimport 'node:fs'\nimport '../test/stub.ts'\nimport '../../ca/x509/certificate.ts'",
}

/** Rule → file in which the break is planted → what it says. */
const breaks: Readonly<Record<string, readonly [path: string, text: string]>> = {
  'ca-imports-nothing-of-src': ['ca/issue.ts', "import '../src/lib/bytes.ts'"],
  'ca-has-two-doors': ['src/services/shortcut.ts', "import '../../ca/x509/certificate.ts'"],
  'ca-is-opened-in-main': ['src/services/opens.ts', "import { open } from '../../ca/index.ts'\nopen"],
  'ca-codecs-hold-no-keys': ['ca/x509/signs.ts', "import '../keys/file.ts'"],
  'ca-lint-holds-no-keys': ['ca/lint/signs.ts', "import '../keys/file.ts'"],
  'ca-keys-below-use': ['ca/keys/lints.ts', "import '../lint/serial.ts'"],
  'pure-is-pure': ['src/verify/reads.ts', "import 'node:fs/promises'"],
  'lib-at-the-bottom': ['src/lib/up.ts', "import '../formats/pades.ts'"],
  'formats-above-lib': ['src/formats/up.ts', "import '../verify/verify.ts'"],
  'verify-above-formats': ['src/verify/up.ts', "import '../audit/tree.ts'"],
  'domain-below-store': ['src/stats/up.ts', "import '../store/records.ts'"],
  'store-below-services': ['src/net/up.ts', "import '../services/issue.ts'"],
  'services-below-shell': ['src/services/up.ts', "import '../http/app.ts'"],
  'shell-below-main': ['src/jobs/up.ts', "import '../main.ts'"],
  'shell-does-not-reach-store': ['src/http/reaches.ts', "import '../store/records.ts'"],
  'config-is-data': ['src/config.ts', "import './services/issue.ts'"],
  'sdk-stands-alone': ['src/sdk/leans.ts', "import '../lib/bytes.ts'"],
  'knex-in-store': ['src/services/queries.ts', "import 'knex'"],
  'koa-in-http': ['src/services/answers.ts', "import Koa from 'koa'\nnew Koa()"],
  'key-packages-in-keys': ['ca/prepare.ts', "import 'node-forge'"],
  'asn1-stack-wrapped-once': ['src/verify/parses.ts', "import * as pkijs from 'pkijs'\npkijs"],
  'webcrypto-in-algorithms': ['src/verify/engine.ts', "import '@peculiar/webcrypto'"],
  'pdf-packages-in-formats': ['src/http/draws.ts', "import 'pngjs'"],
  'network-in-net': ['src/services/calls.ts', "import 'node:https'"],
  'processes-from-cli': ['src/services/starts.ts', "import 'node:child_process'"],
  'no-development-packages': ['src/services/fuzz.ts', "import 'fast-check'"],
  // Present in node_modules as a dependency of a dependency, and named in no package.json of ours.
  'no-undeclared-packages': ['src/services/borrows.ts', "import 'semver'"],
  'no-cycles': ['src/audit/one.ts', "import './two.ts'"],
  'no-test-code': ['src/services/tested.ts', "import '../test/stub.ts'"],
  'no-unresolved': ['src/services/lost.ts', "import './nowhere.ts'"],
}

test('the import law holds over the whole tree', async (t) => {
  const { modules, violations } = await cruise(root)
  t.deepEqual(violations, [])
  t.true(modules > smallestTree, `only ${modules} modules were seen`)
})

test('lawful imports break no rule', async (t) => {
  const { modules, violations } = await inTree(lawful, cruise)
  t.deepEqual(violations, [])
  t.is(modules, Object.keys(lawful).length)
})

test('each rule has a planted break and names it', async (t) => {
  const { forbidden } = createRequire(import.meta.url)(join(root, '.dependency-cruiser.cjs'))
  const rules = forbidden.map(({ name }: { name: string }) => name)
  t.deepEqual(Object.keys(breaks).toSorted(), rules.toSorted())

  const planted = {
    ...lawful,
    ...Object.fromEntries(Object.values(breaks)),
    'src/audit/two.ts': "import './one.ts'",
  }
  const { violations } = await inTree(planted, cruise)
  for (const [rule, [path]] of Object.entries(breaks)) {
    t.true(
      violations.some((violation) => violation.rule === rule && violation.from === path),
      `${rule} did not find the break in ${path}`,
    )
  }
})
