/** Keeps the last `limit` bytes of what is written to it, whatever the amount. */
export class Tail {
  readonly limit: number
  private chunks: Uint8Array[] = []
  private size = 0
  private dropped = false

  constructor(limit: number) {
    this.limit = limit
  }

  /** Whether something written is no longer kept. */
  get isFull(): boolean {
    return this.dropped || this.size > this.limit
  }

  write(chunk: Uint8Array): void {
    this.chunks.push(chunk)
    this.size += chunk.byteLength
    if (this.size > this.limit * 2) this.compact()
  }

  /** The kept bytes as text; a character cut in half at the front is dropped. */
  text(limit = this.limit): string {
    this.compact()
    const bytes = this.chunks[0] ?? new Uint8Array()
    let from = Math.max(0, bytes.byteLength - limit)
    while (from > 0 && from < bytes.byteLength && ((bytes[from] ?? 0) & 0xc0) === 0x80) from += 1
    return new TextDecoder().decode(bytes.subarray(from))
  }

  private compact(): void {
    const whole = new Uint8Array(this.size)
    let at = 0
    for (const chunk of this.chunks) {
      whole.set(chunk, at)
      at += chunk.byteLength
    }
    const kept = whole.slice(Math.max(0, this.size - this.limit))
    this.dropped ||= kept.byteLength < this.size
    this.chunks = [kept]
    this.size = kept.byteLength
  }
}
