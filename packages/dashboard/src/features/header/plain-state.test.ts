import { describe, expect, test } from 'bun:test'
import { aStatus } from '../../testing/fixtures.ts'
import { plainState } from './plain-state.ts'

const NOW = Date.parse('2026-01-05T10:00:00Z')
const say = (given: Parameters<typeof aStatus>[1]) => plainState(aStatus(NOW, given), NOW, (iso) => iso.slice(11, 16), (seconds) => `${Math.round(seconds)} s`)
const queue = { total: 2, byPriority: { critical: 0, high: 0, medium: 2, low: 0 } }

describe('the state in a sentence', () => {
  test('a pause says until when and why, and that it ends by itself', () => {
    expect(say({ queue, pausedUntil: '2026-01-05T14:20:00Z', pauseReason: 'the 5-hour limit is used up' })).toMatchObject({
      sentence: 'Paused until 14:20: the 5-hour limit is used up. It goes on by itself.',
      next: { figure: '14:20' },
    })
  })

  test('a pause that is over is not shown', () => {
    expect(say({ queue, pausedUntil: '2026-01-05T09:59:00Z' }).sentence).not.toContain('Paused')
  })

  test.each([
    ['reserved iterations count as used', { queue, budget: { day: '2026-01-05', iterations: 190, reserved: 10, limit: 200, costUsd: 1 } }, "1 worker is active. Today's iterations are used up; new work starts after midnight UTC, or when DAILY_BUDGET is raised."],
    ['all workers busy', { queue, workers: { active: 2, allowed: 2 } }, '2 workers are active, which is all that are allowed. 2 items wait.'],
    ['cooldown', { queue, cooldownUntil: '2026-01-05T10:00:30Z' }, '1 worker is active. Cooling down between two starts.'],
    ['what else holds it up', { queue, waiting: { code: 'engine_unavailable' as const, message: 'connect ENOENT', until: null } }, '1 worker is active. The container engine does not answer.'],
    ['idle', { workers: { active: 0, allowed: 2 } }, 'Idle: nothing waits and nothing runs. Label an issue to start.'],
  ])('%s', (_name, given, sentence) => {
    expect(say(given).sentence).toBe(sentence)
  })
})
