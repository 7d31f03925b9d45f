import type { Logger } from '@factory/shared'
import OpenAI from 'openai'
import type { Embedder } from '../ports/embedder.ts'

export type OpenAiEmbedderOptions = {
  apiKey: string
  /** Any endpoint that speaks OpenAI's embeddings. Default: OpenAI's own. */
  baseUrl?: string
  /** Default: text-embedding-3-small */
  model?: string
  logger: Logger
  /** One attempt, milliseconds; there are three, and a run's start waits for them. */
  timeoutMs?: number
}

/** Fewer than any endpoint's limit of inputs per request (OpenAI: 2048). */
const BATCH = 100
/** Well under 8192 tokens, which the models take, also where a token is two characters. A learning is far shorter. */
const MAX_CHARACTERS = 12_000

export function createOpenAiEmbedder(options: OpenAiEmbedderOptions): Embedder {
  const model = options.model ?? 'text-embedding-3-small'
  const client = new OpenAI({
    apiKey: options.apiKey,
    // Spelt out, for the library would read OPENAI_* from the environment by itself.
    baseURL: options.baseUrl ?? 'https://api.openai.com/v1',
    organization: null,
    project: null,
    timeout: options.timeoutMs ?? 5000,
    maxRetries: 2,
  })

  async function batch(texts: readonly string[]): Promise<number[][]> {
    // An empty input is an error at OpenAI's.
    const input = texts.map((text) => text.slice(0, MAX_CHARACTERS) || ' ')
    // Plain numbers: the library's default, base64, is not known to every endpoint.
    const { data } = await client.embeddings.create({ model, input, encoding_format: 'float' })
    const vectors = [...data].sort((a, b) => a.index - b.index).map((one) => one.embedding)
    if (vectors.length !== texts.length) throw new Error(`${vectors.length} vectors for ${texts.length} texts`)
    return vectors
  }

  return {
    kind: 'openai',
    model,
    async embed(texts) {
      if (texts.length === 0) return []
      try {
        const vectors: number[][] = []
        for (let at = 0; at < texts.length; at += BATCH) vectors.push(...(await batch(texts.slice(at, at + BATCH))))
        const length = vectors[0]?.length ?? 0
        if (length === 0 || vectors.some((vector) => vector.length !== length || !vector.every(Number.isFinite))) throw new Error('the vectors are not of one length')
        return vectors
      } catch (error) {
        options.logger.warn({ err: error, model }, 'no embeddings: going on by full text')
        return null
      }
    },
  }
}
