/** Reads the OpenAPI document into what the reference page shows: operations by tag, fields, an example. */

type Json = Record<string, unknown>

export interface Field {
  /** `subject[].value`: path from the root of the body. */
  readonly name: string
  readonly place: 'path' | 'query' | 'header' | 'body'
  readonly type: string
  readonly required: boolean
  readonly description: string
}

export interface Answer {
  readonly status: string
  readonly description: string
  readonly contentType: string
  readonly fields: readonly Field[]
}

export interface Operation {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly tag: string
  readonly summary: string
  readonly description: string
  /** `public`, or the permission that the API key needs. */
  readonly permission: string
  readonly parameters: readonly Field[]
  readonly body: readonly Field[]
  readonly answers: readonly Answer[]
  readonly curl: string
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const object = (value: unknown): Json => (isObject(value) ? value : {})
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const text = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Nesting beyond this is not shown: the page is for people. */
const DEPTH = 4

function typeOf(schema: Json): string {
  const choices = list(schema['enum'] ?? schema['anyOf'] ?? schema['oneOf'])
  if ('const' in schema) return JSON.stringify(schema['const'])
  if (choices.length > 0)
    return choices.map((one) => (isObject(one) ? typeOf(one) : JSON.stringify(one))).join(' | ')
  if (text(schema['$ref'])) return text(schema['$ref']).split('/').pop() ?? ''
  if (schema['type'] === 'array') return `${typeOf(object(schema['items']))}[]`
  const format = text(schema['format'])
  return `${text(schema['type']) || 'any'}${format === '' ? '' : ` (${format})`}${limitsOf(schema)}`
}

function limitsOf(schema: Json): string {
  const limit = (low: string, high: string): string =>
    schema[low] === undefined && schema[high] === undefined
      ? ''
      : ` ${String(schema[low] ?? '')}…${String(schema[high] ?? '')}`
  return limit('minimum', 'maximum') + limit('minLength', 'maxLength')
}

/** The fields of a schema, nested ones by their path. */
function fieldsOf(schema: Json, prefix = '', depth = 0): readonly Field[] {
  const required = list(schema['required'])
  return Object.entries(object(schema['properties'])).flatMap(([key, value]) => {
    const property = object(value)
    const name = `${prefix}${key}`
    const field: Field = {
      name,
      place: 'body',
      type: typeOf(property),
      required: required.includes(key),
      description: text(property['description']),
    }
    if (depth >= DEPTH) return [field]
    const items = object(property['items'])
    return [field, ...fieldsOf(property, `${name}.`, depth + 1), ...fieldsOf(items, `${name}[].`, depth + 1)]
  })
}

/** A value that fits the schema: its example, default or first choice, else one by type. */
export function sampleOf(schema: Json, depth = 0): unknown {
  const [example] = list(schema['examples'])
  if (example !== undefined) return example
  if ('default' in schema) return schema['default']
  if ('const' in schema) return schema['const']
  const [choice] = list(schema['enum'])
  if (choice !== undefined) return choice
  const [variant] = list(schema['anyOf'] ?? schema['oneOf'])
  if (variant !== undefined) return sampleOf(object(variant), depth + 1)
  if (depth > DEPTH) return {}
  if (schema['type'] === 'array') return [sampleOf(object(schema['items']), depth + 1)]
  if (isObject(schema['properties'])) return sampleObject(schema, depth)
  return sampleScalar(schema)
}

function sampleObject(schema: Json, depth: number): Json {
  const required = list(schema['required'])
  const entries = Object.entries(object(schema['properties']))
  return Object.fromEntries(
    entries
      .filter(([key]) => required.includes(key))
      .map(([key, value]) => [key, sampleOf(object(value), depth + 1)]),
  )
}

function sampleScalar(schema: Json): unknown {
  if (schema['type'] === 'integer' || schema['type'] === 'number') return schema['minimum'] ?? 1
  if (schema['type'] === 'boolean') return true
  if (schema['type'] === 'object') return {}
  return schema['format'] === 'date-time' ? '2026-11-24T08:00:00.000Z' : '…'
}

const shellQuote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

function curlBody(content: Json): readonly string[] {
  const multipart = object(object(content['multipart/form-data'])['schema'])
  const parts = Object.entries(object(multipart['properties']))
  if (parts.length > 0)
    return parts.map(([name, schema]) =>
      object(schema)['format'] === 'binary'
        ? `-F ${name}=@${name === 'document' ? 'contract.pdf' : `${name}.bin`}`
        : `-F ${shellQuote(`${name}=${JSON.stringify(sampleOf(object(schema)))};type=application/json`)}`,
    )
  const json = object(content['application/json'])['schema']
  if (json === undefined) return []
  return [
    `-H 'Content-Type: application/json'`,
    `-d ${shellQuote(JSON.stringify(sampleOf(object(json)), null, 2))}`,
  ]
}

function curlOf(baseUrl: string, method: string, path: string, operation: Json): string {
  const words = ['curl', ...(method === 'GET' ? [] : [`-X ${method}`])]
  const needed = list(operation['parameters'])
    .map(object)
    .filter((one) => one['in'] === 'query' && one['required'] === true)
    .map((one) => `${text(one['name'])}=${encodeURIComponent(String(sampleOf(object(one['schema']))))}`)
  words.push(shellQuote(`${baseUrl}${path}${needed.length > 0 ? `?${needed.join('&')}` : ''}`))
  if (list(operation['security']).length > 0) words.push('-H "Authorization: Bearer $YINXIN_KEY"')
  if (list(operation['parameters']).some((one) => object(one)['name'] === 'Idempotency-Key'))
    words.push('-H "Idempotency-Key: $(uuidgen)"')
  words.push(...curlBody(object(object(operation['requestBody'])['content'])))
  return words.join(' \\\n  ')
}

function parametersOf(operation: Json): readonly Field[] {
  return list(operation['parameters']).map((one) => {
    const parameter = object(one)
    return {
      name: text(parameter['name']),
      place: text(parameter['in']) as Field['place'],
      type: 'schema' in parameter ? typeOf(object(parameter['schema'])) : 'JSON',
      required: parameter['required'] === true,
      description: text(parameter['description']),
    }
  })
}

function bodyOf(operation: Json): readonly Field[] {
  const content = object(object(operation['requestBody'])['content'])
  const media = content['multipart/form-data'] ?? content['application/json']
  return fieldsOf(object(object(media)['schema']))
}

function answersOf(operation: Json): readonly Answer[] {
  return Object.entries(object(operation['responses'])).map(([status, value]) => {
    const response = object(value)
    const [contentType = '', media] = Object.entries(object(response['content']))[0] ?? []
    const schema = object(object(media)['schema'])
    return { status, description: text(response['description']), contentType, fields: fieldsOf(schema) }
  })
}

/** All operations in the order of the document. */
export function readOperations(document: Json): readonly Operation[] {
  const baseUrl = text(object(list(document['servers'])[0])['url'])
  return Object.entries(object(document['paths'])).flatMap(([path, methods]) =>
    Object.entries(object(methods)).map(([name, value]) => {
      const operation = object(value)
      const method = name.toUpperCase()
      return {
        id: text(operation['operationId']),
        method,
        path,
        tag: text(list(operation['tags'])[0]) || 'Other',
        summary: text(operation['summary']),
        description: text(operation['description']),
        permission: text(operation['x-permission']) || 'public',
        parameters: parametersOf(operation),
        body: bodyOf(operation),
        answers: answersOf(operation),
        curl: curlOf(baseUrl, method, path, operation),
      }
    }),
  )
}

/** Operations by tag, tags in order of first appearance. */
export function groupByTag(operations: readonly Operation[]): ReadonlyMap<string, readonly Operation[]> {
  return Map.groupBy(operations, (operation) => operation.tag)
}
