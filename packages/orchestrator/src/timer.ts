/** Calls a job again and again, never twice at a time; an error ends one call and not the timer. */
export function every(ms: number, job: () => Promise<unknown>, onError: (error: unknown) => void): { stop(): void } {
  let running = false
  const timer = setInterval(() => {
    if (running) return
    running = true
    job()
      .catch(onError)
      .finally(() => {
        running = false
      })
  }, ms)
  return { stop: () => clearInterval(timer) }
}

/** A call was not answered in time; it may have been carried out, and may still be. */
export class NoAnswer extends Error {
  override name = 'NoAnswer'
}

/** What `call` gives, or {@link NoAnswer} after `ms` milliseconds. */
export async function within<T>(ms: number, call: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new NoAnswer(`no answer within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([call, late])
  } finally {
    clearTimeout(timer)
  }
}
