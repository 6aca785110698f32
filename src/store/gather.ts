/** Look-ups that are asked for in one turn of the event loop, answered by one statement. */

/**
 * Makes a look-up of one key from one of many.
 *
 * @param read those of the keys that are there
 */
export function gatherLookups(
  read: (keys: readonly string[]) => Promise<ReadonlySet<string>>,
): (key: string) => Promise<boolean> {
  let waiting: Set<string> | undefined
  let answer: Promise<ReadonlySet<string>> | undefined
  return async (key) => {
    if (waiting === undefined || answer === undefined) {
      const keys = new Set<string>()
      waiting = keys
      answer = new Promise<void>((resolve) => {
        setImmediate(resolve)
      }).then(() => {
        waiting = undefined
        answer = undefined
        return read([...keys])
      })
    }
    waiting.add(key)
    return (await answer).has(key)
  }
}
