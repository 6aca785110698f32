/** A worker thread of the core: drafts and signs what the pool sends, in order. */
import { parentPort, workerData } from 'node:worker_threads'
import { type DraftCore, type ServiceIdentity, getIssuer } from '../core.ts'
import { openDraftCore, openProfiles } from '../draft-core.ts'
import { assembleCertificate } from '../draft.ts'
import type { Signed, SignInput } from '../drafts.ts'
import { CodedError } from '../errors.ts'
import { type Certified, type CertifyInput, signCertified } from '../event-signature.ts'
import { signWithKeyObject } from '../keys/sign.ts'
import { openService } from '../material.ts'
import { stamperOf } from '../stamper.ts'
import type { SigningStamper } from '../timestamp-token.ts'
import { draftOrRefuse, stampOrRefuse } from '../work.ts'
import {
  type Job,
  type JobOutcome,
  type Packed,
  READY,
  type TsaHandle,
  type WorkerStart,
  packOutcomes,
  unpackJobs,
} from './messages.ts'

const { material, policiesFolder, keys } = workerData as WorkerStart
const core = await openDraftCore(material, openProfiles(policiesFolder))
/** TSAs that came here: one, and another after each renewal. */
const tsas = new Map<number, TsaHandle>()
/** The TSA that worked here last, by its certificate. */
let known: { readonly certificate: string; readonly tsa: ServiceIdentity } | undefined

function tsaOf(handle: TsaHandle): ServiceIdentity {
  if (known?.certificate === handle.certificate) return known.tsa
  known = { certificate: handle.certificate, tsa: openService(handle, core.issuers) }
  return known.tsa
}

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

const signingStamperOf = (handle: TsaHandle): SigningStamper => {
  const tsa = tsaOf(handle)
  return {
    stamper: stamperOf({ tsa, issuers: core.issuers }),
    sign: (data) => signWithKeyObject(handle.key, tsa.signatureAlgorithm, data),
  }
}

async function certify(input: CertifyInput, handle: TsaHandle): Promise<Certified | CodedError> {
  const signed = sign(core, input.sign)
  if (signed instanceof CodedError) return signed
  const issuer = getIssuer(core, input.sign.issuerId)
  const { certDer } = signed
  const chainDer = [issuer.certDer, ...issuer.chainDer]
  const event = { ...input.event, certDer, chainDer }
  return { signed, signatures: await signCertified(event, signingStamperOf(handle)) }
}

function work(job: Job): JobOutcome | Promise<JobOutcome> {
  if ('draft' in job) return draftOrRefuse(core, job.draft)
  if ('stamp' in job) return stampOrRefuse(signingStamperOf(job.tsa), job.stamp)
  return 'sign' in job ? sign(core, job.sign) : certify(job.certify, job.tsa)
}

/** In order, and without a turn of the event loop for what needs none. */
async function workAll(jobs: readonly Job[]): Promise<JobOutcome[]> {
  const outcomes: JobOutcome[] = []
  for (const job of jobs) outcomes.push(await work(job))
  return outcomes
}

const port = parentPort
if (!port) throw new Error('this module is started as a worker thread')
port.on('message', (message: Packed) => {
  void workAll(unpackJobs(message, tsas)).then((outcomes) => {
    port.postMessage(packOutcomes(message.id, outcomes))
  })
})
port.postMessage(READY)
