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
