import { describe, expect, test } from 'bun:test'
import { truncate } from './truncate.ts'

describe('truncate', () => {
  test('leaves a short text alone', () => {
    expect(truncate('short', 10)).toBe('short')
  })

  test('cuts at the end of a word', () => {
    expect(truncate('A rather long sentence', 12)).toBe('A rather…')
  })

  test('cuts a word that is too long by itself', () => {
    expect(truncate('Donaudampfschiff', 6)).toBe('Donau…')
  })
})
