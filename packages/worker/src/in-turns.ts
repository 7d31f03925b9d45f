/** A program that prints faster than we read holds the event loop for no longer than this at a time, milliseconds. */
const TURN_MS = 10

/**
 * The chunks of a stream, with a turn of the event loop in between. Reading what lies ready takes no turn
 * of its own: a program that floods its output would keep every timer from running, the lease's first of all.
 */
export async function* inTurns(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let began = performance.now()
  for await (const chunk of stream) {
    yield chunk
    if (performance.now() - began < TURN_MS) continue
    await new Promise((resolve) => setImmediate(resolve))
    began = performance.now()
  }
}
