/** A worker thread of the core: drafts and signs what the pool sends, in order. */
import { parentPort, workerData } from 'node:worker_threads'
import { type DraftCore, getIssuer } from '../core.ts'
import { openDraftCore, openProfiles } from '../draft-core.ts'
import { assembleCertificate } from '../draft.ts'
import type { Signed, SignInput } from '../drafts.ts'
import { CodedError } from '../errors.ts'
import { signWithKeyObject } from '../keys/sign.ts'
import { draftOrRefuse } from '../work.ts'
import {
  type Job,
  type JobOutcome,
  type Packed,
  READY,
  type WorkerStart,
  packOutcomes,
  unpackJobs,
} from './messages.ts'

const { material, policiesFolder, keys } = workerData as WorkerStart
const core = await openDraftCore(material, openProfiles(policiesFolder))

function sign({ issuers }: DraftCore, input: SignInput): Signed | CodedError {
  try {
    const issuer = getIssuer({ issuers }, input.issuerId)
    const key = keys.get(input.issuerId)
    if (!key) throw new CodedError('KEY_UNAVAILABLE', 'the key of this issuer is not in this house')
    return assembleCertificate(issuer, input, signWithKeyObject(key, issuer.signatureAlgorithm, input.tbsDer))
  } catch (error) {
    if (error instanceof CodedError) return error
    return new CodedError('KEY_UNAVAILABLE', 'the key of the issuer could not be used')
  }
}

const work = (job: Job): JobOutcome =>
  'draft' in job ? draftOrRefuse(core, job.draft) : sign(core, job.sign)

const port = parentPort
if (!port) throw new Error('this module is started as a worker thread')
port.on('message', (message: Packed) => {
  port.postMessage(packOutcomes(message.id, unpackJobs(message).map(work)))
})
port.postMessage(READY)
