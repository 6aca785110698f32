/** Whether the service is fit for work: each part says so for itself, and why not. */

export interface ReadinessCheck {
  readonly name: string
  /** Throws with the reason when the part is not fit. */
  readonly check: () => Promise<void> | void
  /** What an operator should see before the part is unfit, as a code. */
  readonly warning?: () => Promise<string | undefined>
}

export interface Readiness {
  readonly ready: boolean
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail?: string }[]
}

export function createReadiness(checks: readonly ReadinessCheck[]): () => Promise<Readiness> {
  return async () => {
    const results = await Promise.all(
      checks.map(async ({ name, check, warning }) => {
        try {
          await check()
          const detail = await warning?.()
          return { name, ok: true, ...(detail === undefined ? {} : { detail }) }
        } catch (error) {
          // The code alone: a message may name a path or an address, and this route is public.
          const detail = error instanceof Error && 'code' in error ? String(error.code) : 'failed'
          return { name, ok: false, detail }
        }
      }),
    )
    return { ready: results.every(({ ok }) => ok), checks: results }
  }
}
