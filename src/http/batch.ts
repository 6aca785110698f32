/** What requests for many things have in common: items that are judged one by one, and outcomes that say which is which. */
import { Type, type TSchema } from 'typebox'
import { CodedError } from '../../ca/errors.ts'
import { toPem } from '../lib/pem.ts'
import { closed } from './schemas.ts'
import { itemProblem } from './problem.ts'
import { checkShape } from './validate.ts'

/** Name of the caller for an item. */
export const Ref = Type.Optional(
  Type.String({ maxLength: 128, description: 'Name of the caller for this item, given back' }),
)

/** Where an outcome belongs. */
export const place = { index: Type.Integer({ description: 'Place in the request, from 0' }), ref: Ref }

/** Why an item came to nothing. */
const Problem = Type.Object(
  {
    code: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    errors: Type.Optional(Type.Array(Type.Object({ pointer: Type.String(), rule: Type.String() }))),
  },
  closed,
)

/** Outcome of an item that failed. */
export const Refused = Type.Object({ ...place, outcome: Type.Literal('refused'), problem: Problem }, closed)

/** Chains of the issuing CAs that occur in an answer. */
export const Chains = Type.Record(Type.String(), Type.Array(Type.String()), {
  description: 'Chain in PEM by `issuerId`: issuing CA first, root last',
})

/** A list whose items are checked one by one: what is wrong with one must not cost the others. */
export const itemsOf = (item: TSchema, maxItems: number) =>
  Type.Array(Type.Union([item, Type.Unknown()]), { minItems: 1, maxItems })

/** An item of the right shape, or why it is not. @param pointer of the item in its request */
export function checkItem<Item>(schema: TSchema, value: unknown, pointer: `#${string}`): Item | CodedError {
  try {
    checkShape(schema, value, pointer)
    return value as Item
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
}

/** Place and name of an item, whatever it looks like. */
export function placeOf(value: unknown, index: number): { index: number; ref?: string } {
  const ref = (value as { ref?: unknown } | null)?.ref
  return typeof ref === 'string' && ref.length <= 128 ? { index, ref } : { index }
}

/** Outcome of an item that failed. */
export const refusedItem = (error: CodedError, value: unknown, index: number) => ({
  ...placeOf(value, index),
  outcome: 'refused' as const,
  problem: itemProblem(error),
})

/** Does the good items together and puts each outcome in the place of its item. */
export async function outcomesOf<Item, Done>(
  checked: readonly (Item | CodedError)[],
  work: (items: readonly Item[]) => Promise<readonly (Done | CodedError)[]>,
): Promise<(Done | CodedError)[]> {
  const good = checked.filter((item): item is Item => !(item instanceof CodedError))
  const done = (good.length === 0 ? [] : await work(good)).values()
  return checked.map((item) =>
    item instanceof CodedError
      ? item
      : (done.next().value ?? new CodedError('KEY_UNAVAILABLE', 'nothing was made')),
  )
}

interface Chained {
  readonly issuerId: string
  readonly chainDer: readonly Uint8Array[]
}

/** Each chain once. */
export function chainsOf(certificates: readonly Chained[]): Record<string, string[]> {
  const chains = new Map<string, string[]>()
  for (const { issuerId, chainDer } of certificates)
    if (!chains.has(issuerId)) chains.set(issuerId, chainDer.map((der) => toPem('CERTIFICATE', der))) // prettier-ignore
  return Object.fromEntries(chains)
}
