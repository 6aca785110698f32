/**
 * Holding a lease for a job that runs often: renewed long before it ends, and asked for now and then while another
 * process holds it. Whatever the job changes is guarded by a compare-and-set of its own; the lease saves work.
 */

/** A lease that this process may hold. */
export interface LeaseHolder {
  /** True while this process may work; takes or renews the lease where that is due. */
  hold(): Promise<boolean>
}

/** Renewed after a third, so that one failed renewal costs nothing. */
const RENEW_PART = 3
/** Somebody else's lease is looked at so often during its time: a takeover is late by that much at most. */
const LOOKS = 6

/**
 * @param acquire takes or extends the lease; undefined while another process holds it
 * @param ms how long the lease is taken for; a holder that dies is followed after that time and a sixth of it
 */
export function createLeaseHolder(
  acquire: (ms: number) => Promise<object | undefined>,
  ms: number,
  now: () => Date,
): LeaseHolder {
  let isHeld = false
  let askedAt = Number.NEGATIVE_INFINITY
  return {
    async hold() {
      const at = now().getTime()
      const age = Math.abs(at - askedAt)
      if (age < ms / (isHeld ? RENEW_PART : LOOKS)) return isHeld
      // While the answer is not known it is not held.
      isHeld = false
      isHeld = (await acquire(ms)) !== undefined
      askedAt = at
      return isHeld
    },
  }
}
