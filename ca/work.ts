/** Who does the heavy part of issuing: this thread, or the worker threads of `workers/`. */
import {
  type DraftCore,
  type DraftInput,
  type Draft,
  type Signed,
  assembleCertificate,
  draftCertificate,
} from './draft.ts'
import { type IssuingCore, getIssuer, signAsIssuer } from './core.ts'
import { CodedError } from './errors.ts'

/** What is to be signed, and by whom. */
export type SignInput = Pick<Draft, 'issuerId' | 'tbsDer' | 'tbsSha256'>

/** What signing needs of the core. */
export type SigningCore = Pick<IssuingCore, 'issuers' | 'keys'>

/** Drafts and signs; one outcome per input, in their order, and a failed one does not hold up the others. */
export interface IssuingWork {
  drafts(core: DraftCore, inputs: readonly DraftInput[]): Promise<(Draft | CodedError)[]>
  /** Only for what `drafts` made and the store has as an intent. */
  signed(core: SigningCore, inputs: readonly SignInput[]): Promise<(Signed | CodedError)[]>
  close(): Promise<void>
}

/** Items that are worked on together; after them other work of the process gets its turn. */
const TURN = 32

/** The outcome of one item. Errors without a code are faults of ours, and thrown. */
export function draftOrRefuse(core: DraftCore, input: DraftInput): Draft | CodedError {
  try {
    return draftCertificate(core, input)
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
}

/** Signs with the key behind the core, wherever that is. */
export async function signOrRefuse(core: SigningCore, input: SignInput): Promise<Signed | CodedError> {
  try {
    const issuer = getIssuer(core, input.issuerId)
    return assembleCertificate(issuer, input, await signAsIssuer(core, issuer, input.tbsDer))
  } catch (error) {
    if (error instanceof CodedError) return error
    return new CodedError('KEY_UNAVAILABLE', 'the key of the issuer could not be used', { cause: error })
  }
}

async function inTurns<Input, Outcome>(
  inputs: readonly Input[],
  one: (input: Input) => Outcome | Promise<Outcome>,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (let start = 0; start < inputs.length; start += TURN) {
    if (start > 0) await new Promise(setImmediate)
    outcomes.push(...(await Promise.all(inputs.slice(start, start + TURN).map(one))))
  }
  return outcomes
}

/** Everything in this thread: for ceremonies, single commands and tests. */
export const workHere: IssuingWork = {
  drafts: (core, inputs) => inTurns(inputs, (input) => draftOrRefuse(core, input)),
  signed: (core, inputs) => inTurns(inputs, (input) => signOrRefuse(core, input)),
  close: () => Promise.resolve(),
}
