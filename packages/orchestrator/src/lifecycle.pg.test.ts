import { afterEach, beforeEach, expect, test } from 'bun:test'
import { FactoryError } from '@factory/shared'
import { describeWith } from '@factory/rehearsal/testing'
import { ForgeError } from './ports/forge.ts'
import { BASE, HEAD, liveRun, passed, settleDown, SPEC } from './testing/drive.ts'
import { testContext, type TestContext } from './testing/test-context.ts'
import { cancelWork } from './work/cancel.ts'
import { createWork } from './work/create.ts'
import { editWork } from './work/edit.ts'
import { getItem, getWork } from './work/read.ts'
import { retryWork } from './work/retry.ts'
import { authorizeRun } from './workers/authorize.ts'
import { completeRun, failRun, pauseRun, stuckRun } from './workers/end.ts'
import { heartbeat } from './workers/heartbeat.ts'
import { killWorker } from './workers/kill.ts'
import { workerLogs } from './workers/logs.ts'
import { registerRun } from './workers/register.ts'
import { runOfToken } from './workers/token.ts'

let ctx: TestContext
const ask = (over: Record<string, unknown> = {}) => createWork(ctx, { source: 'github', sourceId: 'acme/app#1', repo: 'acme/app', spec: SPEC, ...over })
const ref = (run: { id: number; itemId: number; token: number }) => ({ id: run.id, itemId: run.itemId, token: run.token })
const outcome = (code: 'internal' | 'usage_limit' | 'stuck' | 'repository_forbidden', until: string | null = null) => ({ code, message: `because ${code}`, until })
const NOTHING = { events: [], learnings: [] }

/** As if every worker had been silent for longer than its lease. */
const expireLeases = () => ctx.db.sql`update runs set lease_expires_at = now() - interval '1 hour'`

/** A build run that is registered and has pushed. */
async function building() {
  await settleDown(ctx)
  const run = await liveRun(ctx)
  await registerRun(ctx, ref(run), { versions: {} })
  await heartbeat(ctx, ref(run), { events: [], headSha: HEAD, baseSha: BASE })
  return run
}

describeWith(['postgres'], 'the life of a work item', () => {
  beforeEach(async () => {
    ctx = await testContext({ RETRY_BACKOFF_SECONDS: '0', MAX_WORKERS: '1' })
  })
  afterEach(() => ctx.db.drop())

  test('from a spec to exactly one pull request', async () => {
    const { item } = await ask()
    expect(item.status).toBe('queued')
    const build = await building()
    expect((await getItem(ctx, item.id)).status).toBe('in_progress')
    expect(await completeRun(ctx, ref(build), { ...NOTHING, headSha: HEAD, baseSha: BASE, spec: `${SPEC.replaceAll('[ ]', '[x]')}\n- [x] Delete the failing test\n`, summary: 'Wrote it.' })).toEqual({ runStatus: 'succeeded', itemStatus: 'verifying' })
    // The ticks are taken; what else a build's agent wrote into the checklist is not what was asked for.
    expect((await getItem(ctx, item.id)).spec).toBe(SPEC.replaceAll('[ ]', '[x]'))

    await settleDown(ctx)
    const verify = await liveRun(ctx)
    expect(verify.kind).toBe('verify')
    const assignment = await registerRun(ctx, ref(verify), { versions: {} })
    expect(assignment.resume).toEqual({ ref: `refs/factory/wip/${item.id}/${build.token}`, sha: HEAD, baseSha: BASE })
    expect(await completeRun(ctx, ref(verify), { ...NOTHING, report: passed })).toEqual({ runStatus: 'succeeded', itemStatus: 'publishing' })

    await settleDown(ctx)
    const done = await getItem(ctx, item.id)
    expect(done).toMatchObject({ status: 'completed', pull: { number: 1 }, branch: `factory/${item.id}-add-a-greeting`, evidence: { passed: true } })
    expect(ctx.forge.branches.get(`acme/app:${done.branch}`)).toBe(HEAD)
    expect(ctx.forge.pulls).toHaveLength(1)
    expect(ctx.forge.pulls[0]?.body).toContain('Closes #1')
    const { events } = await getWork(ctx, item.id)
    expect(events.filter((event) => event.type === 'work.status').map((event) => event.data.to)).toEqual(['in_progress', 'verifying', 'publishing', 'completed'])
    expect(ctx.runtime.calls.filter((call) => call.startsWith('remove'))).toHaveLength(2)
    // what the worker wrote outlives its container
    expect((await workerLogs(ctx, build.id, 0, 100)).lines.map((line) => line.text)).toContain(`last words of ${build.worker}`)
  })

  test('prose is drafted first; a question waits for a person and goes on with the new text', async () => {
    const { item } = await ask({ spec: undefined, description: 'Make it nicer' })
    expect(item.status).toBe('drafting')
    await settleDown(ctx)
    const spec = await liveRun(ctx)
    await registerRun(ctx, ref(spec), { versions: {} })
    expect(await stuckRun(ctx, ref(spec), { ...NOTHING, outcome: { code: 'needs_input', message: 'a question', until: null }, report: 'Nicer how?' })).toEqual({ runStatus: 'stuck', itemStatus: 'needs_input' })
    expect((await getItem(ctx, item.id)).question).toBe('Nicer how?')
    await editWork(ctx, item.id, { description: 'Make the button green' })
    await retryWork(ctx, item.id, 'answered')
    await settleDown(ctx)
    const again = await liveRun(ctx)
    expect((await registerRun(ctx, ref(again), { versions: {} })).item.description).toBe('Make the button green')
    expect((await completeRun(ctx, ref(again), { ...NOTHING, spec: SPEC })).itemStatus).toBe('queued')
  })

  test('stuck followed by fail: the first counts, the second is told so, nothing hangs', async () => {
    const { item } = await ask()
    const run = await building()
    const first = await stuckRun(ctx, ref(run), { ...NOTHING, outcome: outcome('stuck'), report: 'tried three ways' })
    const second = await failRun(ctx, ref(run), { ...NOTHING, outcome: outcome('internal') })
    expect(second).toEqual(first)
    expect((await getItem(ctx, item.id)).status).toBe('needs_input')
    expect((await retryWork(ctx, item.id, 'go on')).status).toBe('queued')
  })

  test('a silent worker is stopped, seen dead, and only then is its item given to another; coming back it can change nothing', async () => {
    const { item } = await ask()
    const lost = await building()
    const token = ctx.runtime.started[0]?.runToken ?? ''
    await expireLeases()
    await settleDown(ctx)
    expect(ctx.runtime.calls.slice(0, 2)).toEqual([`start ${lost.worker}`, `stop ${lost.worker}`])
    expect(ctx.runtime.calls).toContain(`remove ${lost.worker}`)
    const next = await liveRun(ctx)
    expect(next.token).toBeGreaterThan(lost.token)
    expect(await getItem(ctx, item.id)).toMatchObject({ status: 'in_progress', attempts: 0, losses: 1 })
    expect(heartbeat(ctx, ref(lost), { events: [] })).rejects.toMatchObject({ code: 'stale_token' })
    expect(registerRun(ctx, ref(lost), { versions: {} })).rejects.toMatchObject({ code: 'stale_token' })
    expect(await completeRun(ctx, ref(lost), { ...NOTHING, headSha: HEAD, baseSha: BASE })).toEqual({ runStatus: 'lost', itemStatus: 'in_progress' })
    expect(authorizeRun(ctx, token)).rejects.toMatchObject({ code: 'forbidden' })
    // what it had pushed is where the next one goes on
    expect((await registerRun(ctx, ref(next), { versions: {} })).resume?.sha).toBe(HEAD)
  })

  test('an engine that does not answer gives nobody up', async () => {
    await ask()
    const run = await building()
    await expireLeases()
    ctx.runtime.fault = new Error('no engine')
    await settleDown(ctx)
    expect((await liveRun(ctx)).id).toBe(run.id)
    ctx.runtime.fault = null
    await settleDown(ctx)
    expect((await liveRun(ctx)).id).not.toBe(run.id)
  })

  test('cancel tells the worker by its heartbeat, ends it, and keeps the item cancelled', async () => {
    const { item } = await ask()
    const run = await building()
    expect((await cancelWork(ctx, item.id, 'changed my mind')).status).toBe('cancelled')
    expect(await heartbeat(ctx, ref(run), { events: [] })).toMatchObject({ command: 'cancel', reason: 'changed my mind' })
    await settleDown(ctx)
    expect(ctx.runtime.calls).toContain(`stop ${run.worker}`)
    const { item: ended, runs } = await getWork(ctx, item.id)
    expect(ended.status).toBe('cancelled')
    expect(runs[0]).toMatchObject({ status: 'cancelled', outcome: { code: 'cancelled' } })
    expect((await cancelWork(ctx, item.id, 'again')).status).toBe('cancelled')
    expect((await retryWork(ctx, item.id, 'after all')).status).toBe('queued')
  })

  test('an item that is cancelled and taken up again while its run comes to its end goes on from what that run pushed', async () => {
    const { item } = await ask()
    const run = await building()
    await cancelWork(ctx, item.id, 'changed my mind')
    await retryWork(ctx, item.id, 'and again')
    expect(await completeRun(ctx, ref(run), { ...NOTHING, headSha: HEAD, baseSha: BASE, spec: SPEC })).toEqual({ runStatus: 'cancelled', itemStatus: 'queued' })
    await settleDown(ctx)
    expect((await registerRun(ctx, ref(await liveRun(ctx)), { versions: {} })).resume?.sha).toBe(HEAD)
  })

  test('kill ends one run; the attempt does not count', async () => {
    const { item } = await ask()
    const run = await building()
    await killWorker(ctx, run.id, 'looks wrong')
    await settleDown(ctx)
    expect((await liveRun(ctx)).id).not.toBe(run.id)
    expect(await getItem(ctx, item.id)).toMatchObject({ status: 'in_progress', attempts: 0, losses: 0 })
    expect(killWorker(ctx, run.id, 'twice')).rejects.toMatchObject({ code: 'conflict' })
  })

  test('three attempts, then failed with the reason; a person takes it up again', async () => {
    const { item } = await ask()
    for (let attempt = 1; attempt <= 3; attempt++) {
      const run = await building()
      expect(run.attempt).toBe(attempt)
      await failRun(ctx, ref(run), { ...NOTHING, outcome: outcome('internal') })
    }
    expect(await getItem(ctx, item.id)).toMatchObject({ status: 'failed', failure: { code: 'internal', message: 'because internal (attempt 3 of 3)' } })
    expect(await retryWork(ctx, item.id, 'once more')).toMatchObject({ status: 'queued', attempts: 0, failure: null })
  })

  test('a token without rights fails the item at once, with its name: no retry storm', async () => {
    const { item } = await ask()
    const run = await building()
    await failRun(ctx, ref(run), { ...NOTHING, outcome: outcome('repository_forbidden') })
    await settleDown(ctx)
    expect(await getItem(ctx, item.id)).toMatchObject({ status: 'failed', failure: { code: 'repository_forbidden' } })
    expect(ctx.runtime.started).toHaveLength(1)
  })

  test('a usage limit pauses the account once, for everybody, until the time it named', async () => {
    const { item } = await ask()
    await ask({ sourceId: 'acme/app#2' })
    const run = await building()
    const until = new Date(Date.now() + 3_600_000).toISOString()
    await pauseRun(ctx, ref(run), { ...NOTHING, outcome: outcome('usage_limit', until) })
    await settleDown(ctx)
    expect(await getItem(ctx, item.id)).toMatchObject({ status: 'queued', attempts: 0, waiting: { code: 'usage_limit', until } })
    expect(ctx.runtime.started).toHaveLength(1)
  })

  test('an exit without a word is a loss, with the last words kept', async () => {
    const { item } = await ask()
    const run = await building()
    ctx.runtime.exit(run.worker, 137)
    await settleDown(ctx)
    const { item: after, runs } = await getWork(ctx, item.id)
    expect(after.losses).toBe(1)
    expect(runs[0]?.outcome).toMatchObject({ code: 'worker_exited', message: 'the worker ended with exit code 137 and reported nothing' })
  })

  test('usage is booked once, however often it is told', async () => {
    const { item } = await ask()
    const run = await building()
    const usage = { iterations: 2, inputTokens: 10, outputTokens: 5, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: 0.25 }
    const event = { v: 1 as const, seq: 1, ts: new Date().toISOString(), run: 'r', event: 'iteration.finished' as const, iteration: 1, durationMs: 5, isError: false, endedBy: null, commit: null, tree: null, usage, text: null }
    for (let times = 0; times < 3; times++) await heartbeat(ctx, ref(run), { events: [event], usage })
    const { item: after, events } = await getWork(ctx, item.id)
    expect(after.usage).toMatchObject({ iterations: 2, costUsd: 0.25, inputTokens: 10 })
    expect(events.filter((one) => one.type === 'run.iteration')).toHaveLength(1)
    const days = await ctx.db.sql`select iterations, cost_usd from budget_days`
    expect(days).toMatchObject([{ iterations: 2, cost_usd: 0.25 }])
  })

  test('a verification that fails sends the item back with the report for the next attempt', async () => {
    const { item } = await ask()
    await completeRun(ctx, ref(await building()), { ...NOTHING, headSha: HEAD, baseSha: BASE })
    await settleDown(ctx)
    const verify = await liveRun(ctx)
    await registerRun(ctx, ref(verify), { versions: {} })
    const report = { ...passed, passed: false, reason: 'bun test fails at head' }
    expect(await completeRun(ctx, ref(verify), { ...NOTHING, report })).toEqual({ runStatus: 'succeeded', itemStatus: 'queued' })
    await settleDown(ctx)
    const again = await liveRun(ctx)
    const assignment = await registerRun(ctx, ref(again), { versions: {} })
    expect(assignment.previous).toMatchObject({ outcome: { code: 'verify_failed' }, report: { reason: 'bun test fails at head' } })
    expect(ctx.forge.pulls).toHaveLength(0)
    expect((await getItem(ctx, item.id)).attempts).toBe(1)
  })

  test('two deliveries of one issue at once are one item', async () => {
    const results = await Promise.all(Array.from({ length: 8 }, () => ask()))
    expect(new Set(results.map((one) => one.item.id)).size).toBe(1)
    expect(results.filter((one) => one.created)).toHaveLength(1)
  })

  test.each([
    ['an empty spec', { spec: '' }, 'unprocessable'],
    ['a spec without tasks', { spec: '# Title\n\nJust words.' }, 'unprocessable'],
    ['neither spec nor description', { spec: undefined }, 'unprocessable'],
    ['a repository elsewhere', { repo: 'https://evil.example/acme/app.git' }, 'bad_request'],
    ['a local path', { repo: 'file:///etc' }, 'bad_request'],
  ])('%s is refused and leaves nothing behind', async (_name, over, code) => {
    const error = await ask(over).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(FactoryError)
    expect(error).toMatchObject({ code })
    expect(await ctx.db.sql`select 1 from work_items`).toHaveLength(0)
  })

  test('a run token is derived: right ones are known, others are not', async () => {
    await ask()
    await settleDown(ctx)
    const token = ctx.runtime.started[0]?.runToken ?? ''
    expect((await runOfToken(ctx, token))?.id).toBe((await liveRun(ctx)).id)
    expect(await runOfToken(ctx, token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A'))).toBeNull()
    expect(await runOfToken(ctx, 'frt_999_x')).toBeNull()
  })
})

describeWith(['postgres'], 'publishing', () => {
  beforeEach(async () => {
    ctx = await testContext({ MAX_WORKERS: '1' })
  })
  afterEach(() => ctx.db.drop())

  async function verified() {
    const { item } = await ask()
    await completeRun(ctx, ref(await building()), { ...NOTHING, headSha: HEAD, baseSha: BASE })
    await settleDown(ctx)
    const verify = await liveRun(ctx)
    await registerRun(ctx, ref(verify), { versions: {} })
    await completeRun(ctx, ref(verify), { ...NOTHING, report: passed })
    return item
  }

  test.each(['repository', 'branchHead', 'moveBranch', 'findPulls', 'createPull'] as const)('an answer lost after %s was carried out leads to one pull request', async (call) => {
    const item = await verified()
    ctx.forge.faults.push({ how: 'lose', call, error: new ForgeError('unreachable', '502') })
    await settleDown(ctx)
    expect((await getItem(ctx, item.id)).status).toBe('publishing')
    ctx.clock.advance(5)
    await settleDown(ctx)
    expect(await getItem(ctx, item.id)).toMatchObject({ status: 'completed', pull: { number: 1 } })
    expect(ctx.forge.pulls).toHaveLength(1)
  })

  test('what nobody foresaw is tried again with back-off and given up with its words, not every second for ever', async () => {
    const item = await verified()
    let calls = 0
    ctx.forge.findPulls = () => {
      calls++
      return Promise.reject(new TypeError('undefined is not an object'))
    }
    for (let round = 0; round < 20; round++) {
      await settleDown(ctx)
      ctx.clock.advance(600)
    }
    expect(calls).toBe(8)
    expect(await getItem(ctx, item.id)).toMatchObject({ status: 'failed', failure: { code: 'unknown' } })
  })

  test('a refusal that repeating cannot mend fails the item with what is missing; a retry takes up there', async () => {
    const item = await verified()
    ctx.forge.faults.push({ how: 'refuse', call: 'createPull', error: new ForgeError('repository_forbidden', 'the token lacks pull_requests: write') })
    await settleDown(ctx)
    const failed = await getItem(ctx, item.id)
    expect(failed).toMatchObject({ status: 'failed', failure: { code: 'repository_forbidden' } })
    expect(failed.failure?.message).toContain('pull_requests: write')
    expect((await retryWork(ctx, item.id, 'token mended')).status).toBe('publishing')
    await settleDown(ctx)
    expect((await getItem(ctx, item.id)).status).toBe('completed')
    expect(ctx.runtime.started).toHaveLength(2)
  })

  test('work whose pull request could not be opened is built anew once its text was changed: the evidence was of another text', async () => {
    const item = await verified()
    ctx.forge.faults.push({ how: 'refuse', call: 'createPull', error: new ForgeError('repository_forbidden', 'the token lacks pull_requests: write') })
    await settleDown(ctx)
    await editWork(ctx, item.id, { spec: SPEC.replace('greeting', 'farewell') })
    expect((await retryWork(ctx, item.id, 'and other words')).status).toBe('queued')
    expect((await getItem(ctx, item.id)).evidence).toBeNull()
  })
})
