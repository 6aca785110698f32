import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { inOrder, readLines } from './lines.ts'

const encoder = new TextEncoder()

async function* chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield await Promise.resolve(encoder.encode(text))
}

async function read(source: AsyncIterable<Uint8Array>, maxBytes = 10, maxLines = 100) {
  const groups: (string | undefined)[][] = []
  for await (const group of readLines(source, maxBytes, maxLines))
    groups.push(group.map((line) => line && new TextDecoder().decode(line)))
  return groups
}

test('lines come together as they arrive, whatever the pieces', async (t) => {
  t.deepEqual(await read(chunks('a\nb\nc', 'd\n', 'e')), [['a', 'b'], ['cd'], ['e']])
  t.deepEqual(await read(chunks('a\n\n \r\nb\r\n')), [['a', 'b\r']])
  t.deepEqual(await read(chunks()), [])
  t.deepEqual(await read(chunks('', '\n', '')), [])
  t.deepEqual(await read(chunks('1\n2\n3\n4\n5\n'), 10, 2), [['1', '2'], ['3', '4'], ['5']])
})

test('a line that is too long is dropped, in one piece or in many, and the next is read', async (t) => {
  const long = 'x'.repeat(11)
  t.deepEqual(await read(chunks(`a\n${long}\nb`)), [['a', undefined], ['b']])
  t.deepEqual(await read(chunks('a\nxxxxxx', 'xxxxxx', 'xxxx\nb\n')), [['a'], [undefined, 'b']])
  t.deepEqual(await read(chunks(long)), [[undefined]])
  t.deepEqual(await read(chunks('x'.repeat(10))), [['x'.repeat(10)]])
})

async function* count(to: number, taken: { n: number }): AsyncGenerator<number> {
  for (; taken.n < to; taken.n++) yield await Promise.resolve(taken.n)
}

test('outcomes come in order, and no more units are taken in than may wait', async (t) => {
  const taken = { n: 0 }
  const seen: number[] = []
  const work = async (n: number) => {
    await sleep((n % 3) * 3)
    return n
  }
  for await (const n of inOrder(count(20, taken), work, 3)) {
    t.true(taken.n - n <= 4, `${taken.n} taken while ${n} leaves`)
    seen.push(n)
  }
  t.deepEqual(seen, [...Array(20).keys()])
})

test('an outcome does not wait for the next unit', async (t) => {
  const gate = Promise.withResolvers<undefined>()
  async function* slow(): AsyncGenerator<number> {
    yield 1
    await gate.promise
    yield 2
  }
  const outcomes = inOrder(slow(), (n) => Promise.resolve(n), 3)
  t.is((await outcomes.next()).value, 1)
  gate.resolve(undefined)
  t.is((await outcomes.next()).value, 2)
  t.true((await outcomes.next()).done)
})

test('a body that breaks off and work that fails end the answer, and nothing is left unheard', async (t) => {
  async function* broken(): AsyncGenerator<number> {
    yield await Promise.resolve(1)
    throw new Error('cut')
  }
  const later = inOrder(broken(), (n) => Promise.resolve(n), 2)
  t.is((await later.next()).value, 1)
  await t.throwsAsync(later.next(), { message: 'cut' })
  const failing = inOrder(count(5, { n: 0 }), () => Promise.reject(new Error('work')), 2)
  await t.throwsAsync(failing.next(), { message: 'work' })
})
