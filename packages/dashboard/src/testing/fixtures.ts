import { FactoryEvent, FactoryStatus, type Limits, Learning, LogLine, Run, VerifyReport, WorkItem, type WorkDetail } from '@factory/shared'
import type { z } from 'zod'

/** Times are given from outside, so that a test decides what "now" is. */
const ago = (now: number, seconds: number) => new Date(now - seconds * 1000).toISOString()

export function aRun(now: number, given: Partial<z.input<typeof Run>> = {}): Run {
  return Run.parse({
    id: 7,
    itemId: 3,
    repo: 'acme/shop',
    title: 'Round prices to whole cents',
    kind: 'build',
    status: 'running',
    attempt: 1,
    token: 7,
    runtime: 'docker',
    worker: 'factory-3-7',
    startedAt: ago(now, 312),
    finishedAt: null,
    leaseExpiresAt: ago(now, -100),
    heartbeatAt: ago(now, 8),
    progress: { step: 'agent', iteration: 2, maxIterations: 12, tasksDone: 1, tasksTotal: 4, task: 'Round in the cart total, not per line', activity: 'Edit src/cart/total.ts' },
    outcome: null,
    usage: { iterations: 2, inputTokens: 41_000, outputTokens: 3_200, costUsd: 0.84 },
    baseSha: 'a'.repeat(40),
    headSha: null,
    ...given,
  })
}

export function anItem(now: number, given: Partial<z.input<typeof WorkItem>> = {}): WorkItem {
  return WorkItem.parse({
    id: 3,
    source: 'github',
    sourceId: '41',
    sourceUrl: 'https://github.com/acme/shop/issues/41',
    repo: 'acme/shop',
    title: 'Round prices to whole cents',
    status: 'queued',
    priority: 'medium',
    author: { login: 'mara', association: 'MEMBER' },
    createdAt: ago(now, 900),
    updatedAt: ago(now, 20),
    queuedAt: ago(now, 600),
    waiting: null,
    attempts: 0,
    maxAttempts: 3,
    losses: 0,
    run: null,
    branch: null,
    pull: null,
    failure: null,
    question: null,
    usage: {},
    revision: 4,
    reportedRevision: 4,
    spec: '# Round prices\n\n## Tasks\n- [x] Round in the cart total\n- [ ] Cover half cents by a test\n\n```md\n- [ ] not a task\n```\n',
    description: null,
    baseBranch: null,
    environment: { source: 'detected', setup: ['bun install'], verify: ['bun test'], notes: ['bun.lock: bun install'] },
    evidence: null,
    ...given,
  })
}

export function aReport(given: Partial<z.input<typeof VerifyReport>> = {}): VerifyReport {
  const check = { command: 'bun test', exitCode: 0, durationMs: 2100, outputTail: '42 pass\n0 fail\n', tests: { passed: 42, failed: 0, skipped: 0 } }
  return VerifyReport.parse({
    baseSha: 'a'.repeat(40),
    headSha: 'b'.repeat(40),
    base: [{ ...check, exitCode: 1, tests: { passed: 40, failed: 1, skipped: 0 } }],
    head: [check],
    findings: [],
    diff: { files: 3, insertions: 48, deletions: 6 },
    passed: true,
    reason: 'Every check passes at head and no test was weakened.',
    ...given,
  })
}

export function aStatus(now: number, given: Partial<z.input<typeof FactoryStatus>> = {}): FactoryStatus {
  return FactoryStatus.parse({
    workers: { active: 1, allowed: 2 },
    queue: { total: 0, byPriority: { critical: 0, high: 0, medium: 0, low: 0 } },
    items: { drafting: 0, awaiting_approval: 0, needs_input: 0, queued: 0, in_progress: 1, verifying: 0, publishing: 0, completed: 0, failed: 0, cancelled: 0 },
    budget: { day: new Date(now).toISOString().slice(0, 10), iterations: 34, reserved: 6, limit: 200, costUsd: 12.4 },
    cooldownUntil: null,
    pausedUntil: null,
    pauseReason: null,
    waiting: null,
    parts: [{ name: 'database', ok: true, detail: 'embedded' }, { name: 'locks', ok: true, detail: 'memory' }],
    runtime: 'docker',
    version: '0.1.0',
    startedAt: ago(now, 7200),
    ...given,
  })
}

export function anEvent(now: number, given: Partial<z.input<typeof FactoryEvent>> = {}): FactoryEvent {
  return FactoryEvent.parse({ id: '1', at: ago(now, 5), type: 'work.status', itemId: 3, runId: null, data: { from: 'queued', to: 'in_progress', reason: 'admitted' }, ...given })
}

export function aLearning(now: number, given: Partial<z.input<typeof Learning>> = {}): Learning {
  return Learning.parse({ id: 1, repo: 'acme/shop', kind: 'gotcha', text: 'Prices are integers of cents everywhere but in the CSV import.', itemId: 3, runId: 7, createdAt: ago(now, 5000), timesGiven: 4, ...given })
}

export function aLogLine(now: number, given: Partial<z.input<typeof LogLine>> = {}): LogLine {
  return LogLine.parse({ at: ago(now, 30), stream: 'agent', text: 'Reading src/cart/total.ts', ...given })
}

export type World = { status: FactoryStatus; limits: Limits; details: WorkDetail[]; queue: number[]; logs: Map<number, LogLine[]>; learnings: Learning[] }

const asConfigured = (value: number) => ({ value, configured: value, set: false })

/** A factory in the middle of its day: something of everything. */
export function aBusyWorld(now: number): World {
  const run = aRun(now)
  const verify = aRun(now, { id: 9, itemId: 8, token: 9, kind: 'verify', title: 'Show stock on the product page', startedAt: ago(now, 40), heartbeatAt: ago(now, 71), progress: { step: 'verify' }, usage: {} })
  const item = (id: number, given: Partial<z.input<typeof WorkItem>>) => anItem(now, { id, sourceId: String(id + 38), sourceUrl: `https://github.com/acme/shop/issues/${id + 38}`, ...given })
  const details: WorkDetail[] = [
    { item: item(3, { status: 'in_progress', run, attempts: 1, usage: run.usage, branch: 'factory/3-round-prices' }), runs: [run], events: [anEvent(now, { id: '1', type: 'work.created', data: { source: 'github' } }), anEvent(now, { id: '2' }), anEvent(now, { id: '3', type: 'run.iteration', runId: 7, data: { iteration: 1, commit: 'c'.repeat(40) } })] },
    { item: item(8, { title: 'Show stock on the product page', status: 'verifying', run: verify }), runs: [verify], events: [] },
    { item: item(4, { title: 'Checkout loses the voucher after a login', priority: 'critical', waiting: { code: 'cooldown', message: 'a worker started less than 60 s ago', until: ago(now, -42) } }), runs: [], events: [] },
    { item: item(5, { title: 'Translate the order mails to German', priority: 'high', waiting: { code: 'file_conflict', message: 'src/mail/order.ts is held by run 7', until: null } }), runs: [], events: [] },
    { item: item(6, { title: 'Remove the unused banner', priority: 'low', attempts: 1, waiting: { code: 'retry_backoff', message: 'the worker ended with exit code 1 and reported nothing', until: ago(now, -400) } }), runs: [], events: [] },
    { item: item(10, { title: 'Make search faster', status: 'needs_input', question: 'Which pages are slow? The issue names none, and search has three.' }), runs: [], events: [] },
    { item: item(2, { title: 'Export orders as CSV', status: 'completed', pull: { number: 57, url: 'https://github.com/acme/shop/pull/57' }, evidence: aReport(), usage: { iterations: 5, costUsd: 1.92 }, updatedAt: ago(now, 1500) }), runs: [aRun(now, { id: 5, itemId: 2, token: 5, status: 'succeeded', finishedAt: ago(now, 60), outcome: { code: 'done', message: 'verified' } })], events: [] },
    { item: item(1, { title: 'Upgrade the payment SDK', status: 'failed', attempts: 3, failure: { code: 'verify_failed', message: 'bun test fails at head: 2 tests in payment.test.ts that passed at base.' }, usage: { iterations: 11, costUsd: 4.05 }, updatedAt: ago(now, 5400) }), runs: [], events: [] },
    { item: item(7, { title: 'Rename the admin menu', status: 'cancelled', updatedAt: ago(now, 8000) }), runs: [], events: [] },
  ]
  return {
    status: aStatus(now, { workers: { active: 2, allowed: 3 }, queue: { total: 3, byPriority: { critical: 1, high: 1, medium: 0, low: 1 } }, cooldownUntil: ago(now, -42) }),
    limits: { maxWorkers: asConfigured(3), maxWorkersPerRepo: asConfigured(0), dailyIterations: asConfigured(200), cooldownSeconds: asConfigured(60) },
    details,
    queue: [4, 5, 6],
    logs: new Map([[7, [aLogLine(now), aLogLine(now, { stream: 'ralph', text: 'iteration 2 of 12' }), aLogLine(now, { text: 'Edit src/cart/total.ts' })]]]),
    learnings: [aLearning(now)],
  }
}
