import { expect, test } from 'bun:test'
import { takeToken, type Place } from './session.ts'

function place(hash: string, stored: string | null = null): Place & { replaced: string[]; kept: Map<string, string> } {
  const kept = new Map<string, string>(stored === null ? [] : [['factory-token', stored]])
  const replaced: string[] = []
  return {
    hash,
    path: '/items/3?x=1',
    replaced,
    kept,
    replace: (url) => replaced.push(url),
    store: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value), removeItem: (key) => void kept.delete(key) },
  }
}

test('a token in the address is kept and removed from it; the rest of the address stays', () => {
  const here = place('#token=fct_abc&tab=log')
  expect(takeToken(here)).toBe('fct_abc')
  expect(here.replaced).toEqual(['/items/3?x=1#tab=log'])
})

test('an empty token in the address does not sign anybody out', () => {
  const here = place('#token=', 'old')
  expect(takeToken(here)).toBe('old')
  expect(here.replaced).toEqual(['/items/3?x=1'])
})

test('without one the address is left alone', () => {
  const here = place('#section', null)
  expect(takeToken(here)).toBeNull()
  expect(here.replaced).toEqual([])
})
