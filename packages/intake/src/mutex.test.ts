import { expect, test } from 'bun:test'
import { createMutex } from './mutex.ts'

test('one at a time per key, in order, and a failure lets the next one in', async () => {
  const exclusive = createMutex()
  const seen: string[] = []
  const gate = Promise.withResolvers<void>()
  const first = exclusive('a', async () => {
    seen.push('a1 begins')
    await gate.promise
    seen.push('a1 ends')
    throw new Error('no')
  })
  const second = exclusive('a', async () => void seen.push('a2'))
  await exclusive('b', async () => void seen.push('b'))
  expect(seen).toEqual(['a1 begins', 'b'])
  gate.resolve()
  await expect(first).rejects.toThrow('no')
  await second
  expect(seen).toEqual(['a1 begins', 'b', 'a1 ends', 'a2'])
})
