import type { Embedder } from '../ports/embedder.ts'

/** A factory without a key: learnings are found by full text. */
export const noEmbedder: Embedder = { kind: 'none', model: null, embed: () => Promise.resolve(null) }
