import { describe, expect, test } from 'bun:test'
import { slugify } from './slugify.ts'

describe('slugify', () => {
  test('joins lower-case words by dashes', () => {
    expect(slugify('Ten tips for tidy code')).toBe('ten-tips-for-tidy-code')
  })

  test('treats a run of anything else as one dash', () => {
    expect(slugify('Cats & dogs -- friends?')).toBe('cats-dogs-friends')
  })

  test('has no dash at either end', () => {
    expect(slugify('  ...hello!  ')).toBe('hello')
  })
})
