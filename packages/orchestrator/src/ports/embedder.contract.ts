import { describe, expect, test } from 'bun:test'
import type { Embedder } from './embedder.ts'

export type EmbedderUnderTest = {
  /** On a service that answers. */
  open(): Embedder
  /** On one that does not; absent for an adapter without a service. */
  openAway?(): Embedder
}

export function embedderContract(name: string, part: EmbedderUnderTest): void {
  describe(`${name} keeps the promise of Embedder`, () => {
    test('one vector a text, in order and of one length, or null', async () => {
      const embedder = part.open()
      const texts = Array.from({ length: 230 }, (_, index) => `text number ${index}`)
      const vectors = await embedder.embed(texts)
      if (embedder.model === null) {
        expect(vectors).toBeNull()
        return
      }
      expect(vectors).toHaveLength(texts.length)
      expect(new Set(vectors?.map((vector) => vector.length)).size).toBe(1)
      // The same text alone gives the same vector: the order is that of the texts.
      for (const index of [0, 99, 100, 229]) expect(await embedder.embed([texts[index] ?? ''])).toEqual([vectors?.[index] ?? []])
    })

    test('empty texts and no texts are no errors', async () => {
      const embedder = part.open()
      if (embedder.model === null) return
      expect(await embedder.embed([])).toEqual([])
      expect(await embedder.embed([''])).toHaveLength(1)
    })

    test('a service that is away gives null, not an error', async () => {
      const embedder = part.openAway?.() ?? part.open()
      if (embedder.model !== null && !part.openAway) throw new Error('an adapter with a service must be tried without it')
      expect(await embedder.embed(['a'])).toBeNull()
    })
  })
}
