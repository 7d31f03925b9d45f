/**
 * Turns texts into vectors. An implementation MUST return one vector per text, in order, all of one
 * length for one `model`; or null when it cannot (no key, service away): callers go on by full text.
 */
export interface Embedder {
  readonly kind: 'openai' | 'none'
  /** Stored beside each vector; only vectors of the same model are compared. */
  readonly model: string | null
  embed(texts: readonly string[]): Promise<number[][] | null>
}
