/** Renews the certificates of OCSP responders and TSA while the service runs, and takes those that `yinxin rotate` renewed. */
import type { CodedError } from '../../ca/errors.ts'
import type { Job } from './schedule.ts'

const EVERY_MS = 60_000

/**
 * @param renew renews what is due; what could not be renewed shows as a failure of the job, for as long as it lasts
 */
export const createRenewalJob = (
  renew: () => Promise<{ readonly failed: readonly { readonly error: CodedError }[] }>,
): Job => ({
  name: 'renewal',
  everyMs: EVERY_MS,
  async run() {
    const [first] = (await renew()).failed
    if (first) throw first.error
  },
})
