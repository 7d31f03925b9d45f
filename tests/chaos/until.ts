export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Looks every `everyMs`; a condition that throws is not met yet. @throws Error after the limit, with what was waited for */
export async function until(condition: () => boolean | Promise<boolean>, what: () => string, limitMs: number, everyMs = 50): Promise<void> {
  const end = performance.now() + limitMs
  let last: unknown = null
  while (performance.now() < end) {
    try {
      if (await condition()) return
      last = null
    } catch (error) {
      last = error
    }
    await pause(everyMs)
  }
  throw new Error(`waited ${limitMs / 1000} s for ${what()}`, { cause: last })
}
