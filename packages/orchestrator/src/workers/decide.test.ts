import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { OUTCOME_CODES, type OutcomeCode, type RunKind, type VerifyReport } from '@factory/shared'
import { backoffSeconds, decideNext, type Ending, type ItemFacts } from './decide.ts'

const now = new Date('2026-03-01T22:00:00Z')
const policy = { retryBackoffSeconds: 60, maxLosses: 10 }
const item = (over: Partial<ItemFacts> = {}): ItemFacts => ({ status: 'in_progress', attempts: 0, maxAttempts: 3, losses: 0, ...over })
const run = (kind: RunKind = 'build', granted = 25, used = granted) => ({ kind, iterationsGranted: granted, iterationsUsed: used, maxIterations: 25 })
const ending = (status: Ending['status'], code: OutcomeCode, over: Partial<Ending> = {}): Ending => ({ status, outcome: { code, message: `because ${code}`, until: null }, ...over })
const report = (passed: boolean): VerifyReport => ({
  baseSha: 'a'.repeat(40), headSha: 'b'.repeat(40), base: [], head: [], findings: [], diff: { files: 1, insertions: 1, deletions: 0 }, passed, reason: passed ? 'all checks passed' : 'bun test fails at head',
})
const decide = (facts: ItemFacts, kind: ReturnType<typeof run>, end: Ending) => decideNext(facts, kind, end, policy, now)

describe('what follows the end of a run', () => {
  test('a written spec is queued, one without tasks counts as an attempt', () => {
    expect(decide(item({ status: 'drafting' }), run('spec'), ending('succeeded', 'done', { spec: '# T\n\n- [ ] do it\n' })).to).toBe('queue')
    expect(decide(item({ status: 'drafting' }), run('spec'), ending('succeeded', 'done', { spec: '# T\n\nnothing to do' }))).toMatchObject({ to: 'again', counts: 'attempt' })
  })

  test('a build is verified only with a commit to verify', () => {
    expect(decide(item(), run(), ending('succeeded', 'done', { headSha: 'b'.repeat(40), baseSha: 'a'.repeat(40) })).to).toBe('verify')
    expect(decide(item(), run(), ending('succeeded', 'done')).to).toBe('again')
  })

  test('only a report that passed is published', () => {
    const verifying = item({ status: 'verifying' })
    expect(decide(verifying, run('verify'), ending('succeeded', 'done', { report: report(true) })).to).toBe('publish')
    expect(decide(verifying, run('verify'), ending('succeeded', 'verify_failed', { report: report(false) }))).toMatchObject({ to: 'again', counts: 'attempt', reason: 'bun test fails at head' })
    expect(decide(verifying, run('verify'), ending('succeeded', 'done')).to).toBe('again')
  })

  test('a stuck run asks a person, with its own words', () => {
    expect(decide(item(), run(), ending('stuck', 'stuck', { note: 'Which database?' }))).toMatchObject({ to: 'ask', question: 'Which database?' })
  })

  test('what a person must mend is not retried', () => {
    for (const code of ['repository_not_found', 'repository_forbidden', 'bad_factory_yml', 'image_unusable', 'egress_refused'] as const) {
      expect(decide(item(), run(), ending('failed', code))).toEqual({ to: 'fail', code, message: `because ${code}` })
    }
  })

  test('attempts run out, with growing waits before', () => {
    expect(decide(item({ attempts: 0 }), run(), ending('failed', 'internal'))).toMatchObject({ to: 'again', counts: 'attempt', notBefore: new Date('2026-03-01T22:01:00Z') })
    expect(decide(item({ attempts: 1 }), run(), ending('failed', 'internal'))).toMatchObject({ to: 'again', notBefore: new Date('2026-03-01T22:02:00Z') })
    expect(decide(item({ attempts: 2 }), run(), ending('failed', 'internal'))).toMatchObject({ to: 'fail', message: 'because internal (attempt 3 of 3)' })
  })

  test('a file that another run holds: its time where it is known, else a minute', () => {
    const named = ending('paused', 'lock_conflict')
    named.outcome.until = now.toISOString()
    expect(decide(item(), run(), named)).toMatchObject({ to: 'again', counts: 'no', notBefore: now })
    expect(decide(item(), run(), ending('paused', 'lock_conflict'))).toMatchObject({ notBefore: new Date('2026-03-01T22:01:00Z') })
  })

  test('losses to infrastructure are counted apart from attempts', () => {
    expect(decide(item({ attempts: 2, losses: 0 }), run(), ending('lost', 'lease_expired'))).toMatchObject({ to: 'again', counts: 'loss' })
    expect(decide(item({ attempts: 2 }), run(), ending('failed', 'disk_full'))).toMatchObject({ to: 'again', counts: 'loss' })
    expect(decide(item({ losses: 10 }), run(), ending('lost', 'worker_exited')).to).toBe('fail')
  })

  test('a usage limit costs nothing and waits for the time the service named', () => {
    const end = ending('paused', 'usage_limit')
    end.outcome.until = '2026-03-02T03:00:00Z'
    expect(decide(item({ attempts: 2 }), run(), end)).toMatchObject({ to: 'again', counts: 'no', waitCode: 'usage_limit', notBefore: new Date('2026-03-02T03:00:00Z') })
  })

  test('an iteration limit that only the short daily budget set is not the work’s fault', () => {
    expect(decide(item(), run('build', 4), ending('failed', 'limit_reached'))).toMatchObject({ to: 'again', counts: 'no', waitCode: null, notBefore: null })
    // stopped by its money or its time, with iterations left: that is its own
    expect(decide(item(), run('build', 4, 2), ending('failed', 'limit_reached'))).toMatchObject({ counts: 'attempt' })
    expect(decide(item(), run('build', 25), ending('failed', 'limit_reached'))).toMatchObject({ counts: 'attempt' })
  })

  test('a cancelled item stays cancelled, whatever its run says', () => {
    fc.assert(
      fc.property(anyEnding, anyKind, (end, kind) => {
        expect(decide(item({ status: 'cancelled' }), run(kind), end).to).toBe('nothing')
      }),
    )
  })

  test('every item comes to an end: enough failures of any kind fail it, unless somebody else must act first', () => {
    fc.assert(
      fc.property(fc.constantFrom<Ending['status']>('failed', 'lost'), fc.constantFrom(...OUTCOME_CODES), anyKind, (status, code, kind) => {
        const next = decide(item({ attempts: 2, losses: 10 }), run(kind), ending(status, code))
        // a person restores a backup, and not for ever
        if (status === 'lost' && code === 'restored') return
        const waits = ['usage_limit', 'auth', 'lock_conflict'].includes(code)
        expect(next.to === 'fail' || (waits && next.to === 'again' && next.notBefore !== null)).toBe(true)
      }),
    )
  })

  test('waiting has a bound', () => {
    expect(backoffSeconds(60, 1)).toBe(60)
    expect(backoffSeconds(60, 50)).toBe(3600)
  })
})

const anyKind = fc.constantFrom<RunKind>('spec', 'build', 'verify')
const anyEnding = fc
  .tuple(fc.constantFrom<Ending['status']>('succeeded', 'failed', 'stuck', 'paused', 'cancelled', 'lost'), fc.constantFrom(...OUTCOME_CODES), fc.boolean())
  .map(([status, code, passed]) => ending(status, code, { report: report(passed) }))
