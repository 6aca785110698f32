/** Who does the heavy part of issuing: this thread, or the worker threads of `workers/`. */
import { assembleCertificate, draftCertificate } from './draft.ts'
import type { Draft, DraftInput, Signed, SignInput } from './drafts.ts'
import {
  type DraftCore,
  type EventCore,
  type IssuingWork,
  type SigningCore,
  getIssuer,
  signAsIssuer,
} from './core.ts'
import { CodedError } from './errors.ts'
import { type Certified, type CertifyInput, failureOf, signCertified } from './event-signature.ts'
import { stamperOf } from './stamper.ts'
import { type SigningStamper, type StampInput, type Stamped, signToken } from './timestamp-token.ts'

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
async function signOrRefuse(core: SigningCore, input: SignInput): Promise<Signed | CodedError> {
  try {
    const issuer = getIssuer(core, input.issuerId)
    return assembleCertificate(issuer, input, await signAsIssuer(core, issuer, input.tbsDer))
  } catch (error) {
    if (error instanceof CodedError) return error
    return new CodedError('KEY_UNAVAILABLE', 'the key of the issuer could not be used', { cause: error })
  }
}

/** The TSA of a core with its key, wherever that is. */
const signingStamperOf = (core: EventCore): SigningStamper => {
  const { keys, tsa } = core
  return {
    stamper: stamperOf(core),
    sign: (data) => keys.sign(tsa.keyId, tsa.signatureAlgorithm, data),
  }
}

/** Signs a token. */
export async function stampOrRefuse(
  stamper: SigningStamper,
  input: StampInput,
): Promise<Stamped | CodedError> {
  try {
    return await signToken(stamper, input)
  } catch (error) {
    return failureOf(error)
  }
}

/** Signs the certificate of a one-time key, and then with the key. */
async function certifyOrRefuse(
  core: EventCore,
  { sign, event }: CertifyInput,
): Promise<Certified | CodedError> {
  const signed = await signOrRefuse(core, sign)
  if (signed instanceof CodedError) return signed
  const issuer = getIssuer(core, sign.issuerId)
  const signatures = await signCertified(
    { ...event, certDer: signed.certDer, chainDer: [issuer.certDer, ...issuer.chainDer] },
    signingStamperOf(core),
  )
  return { signed, signatures }
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
  certified: (core, inputs) => inTurns(inputs, (input) => certifyOrRefuse(core, input)),
  stamped: (core, inputs) => inTurns(inputs, (input) => stampOrRefuse(signingStamperOf(core), input)),
  close: () => Promise.resolve(),
}
