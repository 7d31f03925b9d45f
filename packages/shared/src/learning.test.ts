import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { LEARNING_KINDS, MAX_NEW_LEARNINGS, NewLearning, parseNewLearnings } from './learning.ts'

test('reads its three kinds of lines, however they are marked up, and passes over the rest', () => {
  const file = [
    '# What I learned\r',
    '- Pattern: one helper per file\r',
    '* **Gotcha:** tests need --preload',
    '  - approach : read the lock file first',
    '- Opinion: this is no kind of learning',
    'Gotcha: without a dash it is prose',
    '- Gotcha:',
    '- Gotcha: short',
    '- PATTERN: One helper per file',
  ].join('\n')
  expect(parseNewLearnings(file)).toEqual([
    { kind: 'pattern', text: 'One helper per file' },
    { kind: 'gotcha', text: 'tests need --preload' },
    { kind: 'approach', text: 'read the lock file first' },
  ])
})

test('garbage around a line does not keep it away, control characters inside are taken out', () => {
  const file = `\u0000\u0001\uFFFD{"json":[\n${'x'.repeat(10_000)}\n- Gotcha: the \u0007bell\u0000 rings\n\u001b[31m- Pattern: coloured\n]]>`
  expect(parseNewLearnings(file)).toEqual([{ kind: 'gotcha', text: 'the  bell  rings' }])
})

test('nothing, binary and prose are no learnings', () => {
  for (const file of ['', '\n\n', 'Just words.', Buffer.from([0, 255, 254, 10, 45, 32]).toString('latin1'), '- '.repeat(5000)]) expect(parseNewLearnings(file)).toEqual([])
})

test('is bounded: a long text is cut, a long file ends, the twenty-first is dropped', () => {
  expect(parseNewLearnings(`- Gotcha: ${'y'.repeat(5000)}`)[0]?.text).toHaveLength(1000)
  expect(parseNewLearnings(Array.from({ length: 500 }, (_, index) => `- Pattern: number ${index} of many`).join('\n'))).toHaveLength(MAX_NEW_LEARNINGS)
  expect(parseNewLearnings(`${'z\n'.repeat(200_000)}- Gotcha: behind the end of what is read`)).toEqual([])
})

test('whatever the file holds, what comes out is what the API takes, each once', () => {
  const line = fc.oneof(fc.string({ unit: 'binary' }), fc.tuple(fc.constantFrom(...LEARNING_KINDS, 'other'), fc.string({ unit: 'binary', maxLength: 40 })).map(([kind, text]) => `- ${kind}: ${text}`))
  fc.assert(
    fc.property(fc.array(line, { maxLength: 40 }), (lines) => {
      const found = parseNewLearnings(lines.join('\n'))
      for (const one of found) expect(NewLearning.parse(one)).toEqual(one)
      expect(new Set(found.map((one) => `${one.kind}:${one.text.toLowerCase()}`)).size).toBe(found.length)
    }),
  )
})
