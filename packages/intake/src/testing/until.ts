/** Resolves with the first value that is not null, undefined or false; looks again every few milliseconds. */
export async function until<T>(look: () => T | null | undefined | false | Promise<T | null | undefined | false>, what = 'the condition', timeoutMs = 5000): Promise<T> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const found = await look()
    if (found !== null && found !== undefined && found !== false) return found
    if (performance.now() > end) throw new Error(`${what} did not come true within ${timeoutMs} ms`)
    await Bun.sleep(5)
  }
}
