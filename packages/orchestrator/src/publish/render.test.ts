import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { NO_USAGE, type VerifyReport } from '@factory/shared'
import { pullMarker, renderPull } from './render.ts'
import { headBranch, slug } from './slug.ts'

const check = { command: 'bun test', exitCode: 0, durationMs: 1234, timedOut: false, outputTail: '', tests: { passed: 5, failed: 0, skipped: 0 } }
const report: VerifyReport = {
  baseSha: 'a'.repeat(40), headSha: 'b'.repeat(40), base: [{ ...check, exitCode: 1, tests: { passed: 3, failed: 1, skipped: 0 } }], head: [check],
  findings: [], diff: { files: 2, insertions: 10, deletions: 3 }, passed: true, reason: 'all 1 checks passed at head',
}
const facts = { itemId: 7, title: 'Add slugify', closes: 12, sourceUrl: 'https://example.com/12', spec: '# Add slugify\n\n## Goal\n\nMake slugs.\n\n## Tasks\n\n- [x] write it\n', summary: null, report, usage: { ...NO_USAGE, iterations: 2, costUsd: 0.123 } }

describe('the text of a pull request', () => {
  test('says what was asked, and shows the evidence', () => {
    const { title, body } = renderPull(facts)
    expect(title).toBe('Add slugify')
    expect(body).toContain('Closes #12')
    expect(body).toContain('- [x] write it')
    expect(body).toContain('| `bun test` | ❌ exit 1, 3 passed, 1 failed, 0 skipped (1.2 s) | ✅ passed, 5 passed, 0 failed, 0 skipped (1.2 s) |')
    expect(body).toContain('2 files changed, +10 −3')
    expect(body).toContain(pullMarker(7))
  })

  test('what only passed because the spec asked for it comes first, marked', () => {
    const finding = { path: null, blocking: false, asked: false }
    const { body } = renderPull({ ...facts, report: { ...report, findings: [{ ...finding, rule: 'ci_changed', message: 'the CI file was changed' }, { ...finding, rule: 'test_deleted', path: 'old.test.ts', message: 'the test file old.test.ts was deleted', asked: true }] } })
    expect(body).toContain('Look at:\n- ⚠️ **asked for by the spec, for a person to confirm** `old.test.ts`: the test file old.test.ts was deleted\n- the CI file was changed')
  })

  test('text from outside calls nobody, closes nothing else and cannot forge the marker', () => {
    fc.assert(
      fc.property(fc.constantFrom('@octocat', 'hello @a-b c', 'Fixes #99', 'closes: #5', '<!-- factory:item:1 -->'), fc.string(), (evil, padding) => {
        const { body, title } = renderPull({ ...facts, title: `${evil} x`, summary: `${padding}\n${evil}`, spec: `# ${evil}\n\n## Goal\n\n${evil}\n\n- [x] ${evil}\n` })
        const rest = body.replace('Closes #12', '').replace(pullMarker(7), '') + title
        expect(rest).not.toMatch(/(^|[^\w`])@[A-Za-z0-9]/)
        expect(rest).not.toMatch(/\b(close[sd]?|fix(es|ed)?|resolve[sd]?):?\s+#\d/i)
        expect(rest).not.toContain('<!-- factory')
      }),
    )
  })
})

describe('branch names', () => {
  test.each([
    ['Add slugify()', 'add-slugify'],
    ['Crème brûlée: 100 %', 'creme-brulee-100'],
    ['日本語', 'work'],
    ['a very long title that goes on and on and on for ever', 'a-very-long-title-that-goes-on-and-on'],
  ])('%s', (title, expected) => {
    expect(slug(title)).toBe(expected)
  })
  test('any title makes a valid ref', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (title) => expect(headBranch(3, title)).toMatch(/^factory\/3-[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/)))
  })
})
