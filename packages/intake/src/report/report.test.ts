import { describe, expect, test } from 'bun:test'
import { NO_USAGE, OUTCOME_CODES, WORK_STATUSES, type VerifyReport, type WorkItem } from '@factory/shared'
import * as fc from 'fast-check'
import { labelNames } from '../labels.ts'
import { advice } from './advice.ts'
import { findStatusComments, marker } from './find-comment.ts'
import { block, code, neutral, neutralLine, quotation } from './quote.ts'
import { renderReport } from './report.ts'

const labels = labelNames('ai-factory')
const at = '2026-01-01T00:00:00.000Z'
const options = { labels, triggers: ['ai-factory', 'ready'], dashboardUrl: 'http://127.0.0.1:3001/' }

const check = (command: string, exitCode: number | null) => ({ command, exitCode, durationMs: 1, timedOut: exitCode === null, outputTail: '', tests: exitCode === 0 ? { passed: 4, failed: 0, skipped: 0 } : null })
const evidence: VerifyReport = {
  baseSha: 'a'.repeat(40),
  headSha: 'b'.repeat(40),
  base: [check('bun test', 0), check('bun run lint', 1)],
  head: [check('bun test', 0), check('bun run lint', null)],
  findings: [{ rule: 'test_skipped', path: 'a.test.ts', message: 'a test of @ada was skipped', blocking: true, asked: false }],
  diff: { files: 2, insertions: 10, deletions: 3 },
  passed: true,
  reason: 'all checks pass',
}

const item = (over: Partial<WorkItem> = {}): WorkItem => ({
  id: 7, source: 'github', sourceId: 'o/r#1', sourceUrl: null, repo: 'o/r', title: 'T', status: 'queued', priority: 'medium', author: null, createdAt: at, updatedAt: at, queuedAt: at,
  waiting: null, attempts: 0, maxAttempts: 3, losses: 0, run: null, branch: null, pull: null, failure: null, question: null, usage: NO_USAGE, revision: 2, reportedRevision: 1,
  spec: null, description: 'd', baseBranch: null, environment: null, evidence: null, ...over,
})

describe('renderReport', () => {
  test.each([
    ['drafting', 'ai-factory:working'],
    ['awaiting_approval', 'ai-factory:needs-info'],
    ['needs_input', 'ai-factory:needs-info'],
    ['queued', 'ai-factory:working'],
    ['in_progress', 'ai-factory:working'],
    ['verifying', 'ai-factory:working'],
    ['publishing', 'ai-factory:working'],
    ['completed', 'ai-factory:pr'],
    ['failed', 'ai-factory:failed'],
    ['cancelled', null],
  ] as const)('%s shows %p and no other label of ours, the trigger neither', (status, label) => {
    const report = renderReport(item({ status }), options)
    expect(report.label === null ? null : labels[report.label]).toBe(label)
    expect(report.remove).toContain('ai-factory')
    expect(report.remove).toContain('ready')
    expect(label === null || !report.remove.includes(label)).toBe(true)
    expect(report.remove).toHaveLength(label === null ? 6 : 5)
    expect(report.comment).toStartWith(marker(7))
    expect(report.comment).toContain('http://127.0.0.1:3001/items/7')
  })

  test('says why it waits and until when', () => {
    const { comment } = renderReport(item({ waiting: { code: 'usage_limit', message: 'the account’s usage limit is reached.', until: '2026-01-01T05:00:00.000Z' } }), options)
    expect(comment).toContain('It waits: the account’s usage limit is reached. It goes on at 2026-01-01 05:00 UTC.')
  })

  test('shows the pull request with its checks before and after', () => {
    const { comment } = renderReport(item({ status: 'completed', pull: { number: 3, url: 'https://x/o/r/pull/3' }, evidence, usage: { ...NO_USAGE, iterations: 4, costUsd: 1.234 } }), options)
    expect(comment).toContain('https://x/o/r/pull/3')
    expect(comment).toContain('| `bun test` | passed (4 passed, 0 failed) | passed (4 passed, 0 failed) |')
    expect(comment).toContain('| `bun run lint` | failed with 1 | timed out |')
    expect(comment).toContain('4 iterations')
    expect(comment).toContain('$1.23')
    expect(comment).not.toContain('@ada')
  })

  test('what blocks, what the spec asked for, and what is only shown are told apart', () => {
    const finding = { rule: 'test_deleted' as const, path: 'a.test.ts', message: 'a.test.ts was deleted' }
    const comment = (blocking: boolean, asked: boolean) => renderReport(item({ status: 'completed', evidence: { ...evidence, findings: [{ ...finding, blocking, asked }] } }), options).comment
    expect(comment(true, false)).toContain('- **blocks**: a.test.ts was deleted')
    expect(comment(false, true)).toContain('- **asked for, please confirm**: a.test.ts was deleted')
    expect(comment(false, false)).toContain('- note: a.test.ts was deleted')
  })

  test('a failure has its reason, what to do, and how to try again', () => {
    const { comment } = renderReport(item({ status: 'failed', failure: { code: 'repository_forbidden', message: 'Resource not accessible by personal access token' } }), options)
    expect(comment).toContain('Resource not accessible')
    expect(comment).toContain('Contents: read and write')
    expect(comment).toContain('remove the label `ai-factory:failed` and add `ai-factory`')
    for (const code of OUTCOME_CODES) expect(advice(code, labels)).toContain('ai-factory:failed')
    expect(advice('something new', labels)).toContain('ai-factory:failed')
  })

  test('shows how a failed check ended, and how to stop work under way', () => {
    const failed = { ...check('bun test', 1), outputTail: 'expected 2, got 3\n```\n@ada' }
    const { comment } = renderReport(item({ status: 'failed', evidence: { ...evidence, passed: false, head: [failed] } }), options)
    expect(comment).toContain('````text\nexpected 2, got 3\n```\n@ada\n````')
    expect(comment).not.toContain('to stop it')
    expect(renderReport(item(), options).comment).toContain('to stop it, close the issue or take off `ai-factory:working`')
  })

  test('asks the question, with its text made harmless', () => {
    const { comment } = renderReport(item({ status: 'needs_input', question: 'Is it @ada?\nSee #12 <img src=x>' }), options)
    expect(comment).toContain('> Is it')
    expect(comment).not.toContain('@ada')
    expect(comment).not.toContain('#12')
    expect(comment).not.toContain('<img')
  })

  test('counts tasks from the live run, lists them from the spec', () => {
    const spec = '# T\n\n- [x] one @bo\n- [ ] two\n'
    expect(renderReport(item({ spec }), options).comment).toContain('1 of 2 tasks done')
  })

  test('never longer than GitHub takes, whatever is in it', () => {
    const text = 'x @ada `'.repeat(20_000)
    for (const status of WORK_STATUSES) {
      const huge = item({ status, spec: `- [ ] ${text}`, question: text, failure: { code: 'internal', message: text }, evidence: { ...evidence, reason: text, base: [check(text, 1)] } })
      expect(renderReport(huge, options).comment.length).toBeLessThan(65_536)
    }
  })

  test('repeats no credential', () => {
    const token = `ghp_${'a'.repeat(36)}`
    for (const status of WORK_STATUSES) {
      const leaky = item({ status, spec: `- [ ] ${token}`, question: token, failure: { code: 'internal', message: token }, waiting: { code: 'cooldown', message: token, until: null }, evidence: { ...evidence, reason: token, base: [check(token, 1)] } })
      expect(renderReport(leaky, options).comment).not.toContain(token)
    }
  })
})

describe('text of others', () => {
  const active = /(^|[^\w`])@[A-Za-z0-9]|#\d|GH-\d|:\/\/|<[a-z!/]|!\[|www\./i

  test('mentions nobody, links to nothing, holds no HTML', () => {
    const parts = fc.constantFrom('@ada', '@org/team', '#12', 'o/r#12', 'GH-3', 'https://github.com/o/r/issues/1', '<b>', '<!-- x -->', '![a](b)', 'www.example.com', '\n', ' ', 'a', '`', '|', '\u200b', '&')
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 20 }), (words) => {
        expect(neutral(words.join(''))).not.toMatch(active)
        expect(neutralLine(words.join(''))).not.toMatch(/\n|(?<!\\)\|/)
        expect(quotation(words.join('')).split('\n').every((line) => line.startsWith('>'))).toBe(true)
      }),
    )
  })

  test('cannot leave its code', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('`', 'a', ' ', '\n', '~', '@') }), (text) => {
        const fenced = block(text).split('\n')
        const fence = /^`+/.exec(fenced[0] ?? '')?.[0] ?? ''
        expect(fenced.slice(1, -1).some((line) => line.includes(fence))).toBe(false)
        expect(fenced.at(-1)).toBe(fence)
        const span = code(text)
        if (span) {
          const ticks = /^`+/.exec(span)?.[0] ?? ''
          expect((span.slice(ticks.length, -ticks.length).match(/`+/g) ?? []).every((run) => run.length !== ticks.length)).toBe(true)
        }
      }),
    )
  })
})

describe('findStatusComments', () => {
  const comment = (id: number, login: string, body: string) => ({ id, login, association: 'NONE', bot: false, body, createdAt: at })
  test('only our own, only at the beginning, the oldest first', () => {
    const comments = [comment(1, 'mallory', `${marker(7)} hi`), comment(2, 'bot', `see ${marker(7)}`), comment(3, 'Bot', `${marker(7)}\ntext`), comment(5, 'bot', marker(70))]
    expect(findStatusComments([comment(4, 'bot', marker(7)), ...comments], 7, 'bot').map(({ id }) => id)).toEqual([3, 4])
    expect(findStatusComments(comments, 8, 'bot')).toEqual([])
  })
})
