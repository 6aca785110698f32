import { execFileSync } from 'node:child_process'
import test from 'ava'
import { Type } from 'typebox'
import { buildOpenApi } from '../http/openapi.ts'
import { route } from '../http/route.ts'
import { readOperations, sampleOf } from './openapi-view.ts'

const made = route({
  method: 'POST',
  path: '/v1/things/{id}',
  operationId: 'makeThing',
  tag: 'Things',
  summary: 'Make a thing',
  permission: 'certificate.issue',
  params: Type.Object({ id: Type.String() }),
  body: Type.Object({
    name: Type.String({ description: "the holder's name", examples: ["O'Neil $(id) 张"] }),
    parts: Type.Array(Type.Object({ size: Type.Integer({ minimum: 1, maximum: 9 }) })),
    kind: Type.Union([Type.Literal('a'), Type.Literal('b')]),
    note: Type.Optional(Type.String()),
  }),
  responses: { 201: { description: 'Made', schema: Type.Object({ id: Type.String() }) } },
  errors: ['REQUEST_INVALID', 'PROFILE_VIOLATION'],
  creates: true,
  handler: () => Promise.resolve({ status: 201 }),
})
const operations = readOperations(buildOpenApi([made], 'https://ca.example', '0.1.0'))
const operation = operations[0]!

test('an operation is read with its permission, parameters, nested fields and answers', (t) => {
  t.is(operations.length, 1)
  t.is(operation.permission, 'certificate.issue')
  t.deepEqual(
    operation.parameters.map(({ name, place, required }) => [name, place, required]),
    [
      ['id', 'path', true],
      ['Idempotency-Key', 'header', false],
    ],
  )
  t.deepEqual(
    operation.body.map(({ name, type, required }) => [name, type, required]),
    [
      ['name', 'string', true],
      ['parts', 'object[]', true],
      ['parts[].size', 'integer 1…9', true],
      ['kind', '"a" | "b"', true],
      ['note', 'string', false],
    ],
  )
  t.deepEqual(
    operation.answers.map(({ status }) => status),
    ['201', '400', '422', 'default'],
  )
})

test('a shell reads the example as it was meant: quotes and substitutions in a sample stay text', (t) => {
  t.true(operation.curl.includes('-H "Authorization: Bearer $YINXIN_KEY"'))
  const script = `curl() { for word in "$@"; do printf '%s\\0' "$word"; done; }\nuuidgen() { echo u; }\nYINXIN_KEY=k\n${operation.curl}`
  const words = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\0')
  t.true(words.includes('https://ca.example/v1/things/{id}'))
  t.true(words.includes('Authorization: Bearer k'))
  const body = words[words.indexOf('-d') + 1] ?? ''
  t.deepEqual(JSON.parse(body), { name: "O'Neil $(id) 张", parts: [{ size: 1 }], kind: 'a' })
})

test('a schema that refers to itself without end has a sample', (t) => {
  const loop: Record<string, unknown> = { type: 'object', required: ['again'] }
  loop['properties'] = { again: loop }
  t.notThrows(() => JSON.stringify(sampleOf(loop)))
})
