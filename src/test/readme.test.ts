// What the documents say about the repository is true, and what CONTRIBUTING.md forbids is absent.
// Each check is a function over a list of files, so that a planted break shows that it can fail.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize, resolve } from 'node:path'

import test from 'ava'

const root = resolve(import.meta.dirname, '../..')

/** Path → text; binary files are left out. */
type Files = ReadonlyMap<string, string>

const unpublished = /^(node_modules|data|coverage|[.]git)(\/|$)|[.]sqlite$/

// A source archive has no history to ask; then everything but the known by-products counts.
function repositoryNames(): string[] {
  if (!existsSync(join(root, '.git'))) {
    return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => !unpublished.test(name))
  }
  const args = ['-c', 'safe.directory=*', 'ls-files', '-z', '--cached', '--others', '--exclude-standard']
  return execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 }).split('\0')
}

function repositoryFiles(): Files {
  const files = new Map<string, string>()
  for (const name of repositoryNames()) {
    if (name === '' || statSync(join(root, name), { throwIfNoEntry: false })?.isFile() !== true) continue
    const bytes = readFileSync(join(root, name))
    if (!bytes.subarray(0, 8192).includes(0)) files.set(name, bytes.toString('utf8'))
  }
  return files
}

function foldersWithoutReadme(files: Files): string[] {
  const folders = new Set(
    [...files.keys()].filter((path) => /^(ca|src|policies|test-vectors)\/.*\.ts$/.test(path)).map(dirname),
  )
  return [...folders].filter((folder) => !files.has(`${folder}/README.md`)).toSorted()
}

const builtInScripts = new Set(['test', 'start'])

function unknownScripts(files: Files): string[] {
  const { scripts } = JSON.parse(files.get('package.json') ?? '{"scripts":{}}')
  const unknown: string[] = []
  for (const [path, text] of markdown(files)) {
    for (const match of text.matchAll(/\bnpm (?:run (?:-s |--silent )?([a-z][\w:-]*)|(test|start)\b)/g)) {
      const name = match[1] ?? match[2] ?? ''
      if (!(name in scripts)) unknown.push(`${path}: npm ${builtInScripts.has(name) ? '' : 'run '}${name}`)
    }
    if (/\bnpm cit\b/.test(text) && !('test' in scripts)) unknown.push(`${path}: npm cit`)
  }
  return unknown
}

function deadLinks(files: Files, exists: (path: string) => boolean): string[] {
  const dead: string[] = []
  for (const [path, text] of markdown(files)) {
    const prose = text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/`[^`\n]*`/g, '')
    for (const [, target = ''] of prose.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)) {
      if (/^([a-z][a-z0-9+.-]*:|#|\/)/i.test(target)) continue
      const file = normalize(join(dirname(path), decodeURIComponent(target.replace(/[#?].*$/, ''))))
      if (file.startsWith('..') || !exists(file)) dead.push(`${path}: ${target}`)
    }
  }
  return dead
}

const longest = 400

function tooLong(files: Files): string[] {
  return [...files]
    .filter(([path]) => /\.(ts|js|mjs|cjs|java|sh|css|md)$|^\.ci\//.test(path))
    .filter(([, text]) => text.replace(/\n$/, '').split('\n').length > longest)
    .map(([path]) => path)
}

function nakedNotes(files: Files): string[] {
  // Split, so that this file does not find itself.
  const note = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'].join('|')})\\b(?!\\(#\\d+\\):)`)
  return linesThat(
    files,
    (line, path) => !/^(CONTRIBUTING\.md|\.eslint\.config\.mjs)$/.test(path) && note.test(line),
  )
}

function tracesOfMachines(files: Files): string[] {
  const paths = new RegExp(
    `(^|[\\s'"\`(=:])/(${['wo' + 'rk', 'ro' + 'ot', 'ho' + 'me', 'tm' + 'p', 'Us' + 'ers'].join('|')})/`,
  )
  const hosts = new RegExp(['registry' + '\\.', 'artifact' + 'ory', 'npm' + 'mirror\\.com'].join('|'))
  const resolved = new RegExp(`"${'resol' + 'ved'}": "http`)
  return linesThat(
    files,
    (line, path) =>
      paths.test(line) || hosts.test(line) || (path === 'package-lock.json' && resolved.test(line)),
  )
}

function markdown(files: Files): [string, string][] {
  return [...files].filter(([path]) => path.endsWith('.md'))
}

function linesThat(files: Files, isWrong: (line: string, path: string) => boolean): string[] {
  return [...files].flatMap(([path, text]) =>
    text.split('\n').flatMap((line, index) => (isWrong(line, path) ? [`${path}:${index + 1}`] : [])),
  )
}

const here = repositoryFiles()
const existsHere = (path: string): boolean => existsSync(join(root, path))
const planted = (path: string, text: string): Files => new Map([[path, text]])

test('the repository is seen', (t) => {
  t.true(here.size > 50, `only ${here.size} files`)
  t.true(here.has('README.md') && here.has('package.json') && here.has('.ci/run'))
})

test('every folder with code has a README', (t) => {
  t.deepEqual(foldersWithoutReadme(planted('src/lost/a.ts', '')), ['src/lost'])
  t.deepEqual(foldersWithoutReadme(here), [])
})

test('every npm script that a document names exists', (t) => {
  const files = new Map([
    ['package.json', '{"scripts":{"demo":""}}'],
    ['a.md', 'npm run demo, npm run lost, `npm start`, npm cit'],
  ])
  t.deepEqual(unknownScripts(files), ['a.md: npm run lost', 'a.md: npm start', 'a.md: npm cit'])
  t.deepEqual(unknownScripts(here), [])
})

test('the README gives the commands that a newcomer needs', (t) => {
  const readme = here.get('README.md') ?? ''
  for (const command of ['npm ci && npm run demo', 'npm start', 'npm cit'])
    t.true(readme.includes(command), command)
  t.regex(here.get('.ci/run') ?? '', /\bnpm cit\b/)
})

test('no link between documents is dead', (t) => {
  const files = planted(
    'docs/a.md',
    '[a](b.md) [c](../README.md#x) [d](https://example.org) `[e](f)` [g](../../out.md)',
  )
  t.deepEqual(
    deadLinks(files, (path) => path === 'README.md'),
    ['docs/a.md: b.md', 'docs/a.md: ../../out.md'],
  )
  t.deepEqual(deadLinks(here, existsHere), [])
})

test('no file is longer than 400 lines', (t) => {
  t.deepEqual(tooLong(planted('a.ts', 'x\n'.repeat(longest + 1))), ['a.ts'])
  t.deepEqual(tooLong(planted('a.ts', 'x\n'.repeat(longest))), [])
  t.deepEqual(tooLong(here), [])
})

test('every note of work to do names its issue', (t) => {
  t.deepEqual(nakedNotes(planted('a.ts', `// ${'TO'}DO: later\n// ${'TO'}DO(#12): later`)), ['a.ts:1'])
  t.deepEqual(nakedNotes(here), [])
})

test('nothing tells on which machine, or from which registry, it was made', (t) => {
  const marks = [`see '/${'wo'}rk/x'`, `https://${'regis'}try.example/x`, 'fine: /var/lib and work/x']
  t.deepEqual(tracesOfMachines(planted('a.ts', marks.join('\n'))), ['a.ts:1', 'a.ts:2'])
  const lock = planted('package-lock.json', `"${'resol'}ved": "https://example.org/a.tgz"`)
  t.deepEqual(tracesOfMachines(lock), ['package-lock.json:1'])
  t.deepEqual(tracesOfMachines(here), [])
})
