import { afterEach, beforeEach, expect, test } from 'bun:test'
import { describeWith } from '@factory/rehearsal/testing'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Context } from '../../packages/orchestrator/src/context.ts'
import { mount } from '../../packages/orchestrator/src/http/mount.ts'
import { learningHandlers } from '../../packages/orchestrator/src/learnings/routes.ts'
import { budgetHandlers } from '../../packages/orchestrator/src/budget/routes.ts'
import { metricsHandlers } from '../../packages/orchestrator/src/metrics/routes.ts'
import { getRun } from '../../packages/orchestrator/src/workers/read.ts'
import { statusHandlers } from '../../packages/orchestrator/src/status/routes.ts'
import { BASE, HEAD, settleDown, SPEC } from '../../packages/orchestrator/src/testing/drive.ts'
import { testContext, type TestContext } from '../../packages/orchestrator/src/testing/test-context.ts'
import { createWork } from '../../packages/orchestrator/src/work/create.ts'
import { getWork } from '../../packages/orchestrator/src/work/read.ts'
import { workHandlers } from '../../packages/orchestrator/src/work/routes.ts'
import { completeRun } from '../../packages/orchestrator/src/workers/end.ts'
import { registerRun } from '../../packages/orchestrator/src/workers/register.ts'
import { workerHandlers } from '../../packages/orchestrator/src/workers/routes.ts'
import { runOfToken } from '../../packages/orchestrator/src/workers/token.ts'
import { createAsk, type Ask } from '../../packages/ralph/src/locks/ask.ts'
import { lockCommand } from '../../packages/worker/src/locks/command.ts'
import { openDesk, type Desk } from '../../packages/worker/src/protocol/desk.ts'

const WORKER = [process.execPath, resolve(import.meta.dir, '../../packages/worker/src/main.ts')]

let ctx: TestContext
let server: ReturnType<typeof Bun.serve>
let checkout: string
/** The desk of workers that are trusted. */
let desk: Desk

/** How the Ralph of a run asks, by the command that its worker gives it. */
const refOf = async (id: number) => {
  const run = await getRun(ctx, id)
  return { id, itemId: run.itemId, token: run.token }
}

function asRun(run: { runId: number; runToken: string }): Ask {
  const command = lockCommand(WORKER, { doorUrl: server.url.origin, deskUrl: desk.url, runId: run.runId })
  return createAsk({ command, root: checkout, env: { PATH: process.env['PATH'] ?? '', ANTHROPIC_API_KEY: run.runToken }, granted: new Set(), signal: new AbortController().signal })
}

describeWith(['postgres'], 'Ralph\'s question, the worker\'s command, the orchestrator\'s locks', () => {
  beforeEach(async () => {
    ctx = await testContext({ MAX_WORKERS: '2', RETRY_BACKOFF_SECONDS: '0' })
    checkout = mkdtempSync(join(tmpdir(), 'factory-locks-'))
    const app = mount<Context>({
      ctx,
      handlers: { ...workHandlers, ...workerHandlers, ...learningHandlers, ...metricsHandlers, ...budgetHandlers, ...statusHandlers({ version: '1', startedAt: ctx.clock.now() }) },
      auth: {
        personToken: 'a-token-of-sixteen-or-more',
        authenticateRun: async (given) => {
          const run = await runOfToken(ctx, given)
          return run ? { runId: run.id, itemId: run.item_id, token: run.token } : null
        },
      },
      log: ctx.log,
      checkAnswers: true,
    })
    desk = openDesk({ trusted: () => true, confirm: async () => true })
    server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: (request) => app.fetch(request) })
  })
  afterEach(async () => {
    await server.stop(true)
    desk.close()
    rmSync(checkout, { recursive: true, force: true })
    await ctx.db.drop()
  })

  test('two runs of one repository never have the same file; an ended run gives its files back', async () => {
    for (const id of ['1', '2']) await createWork(ctx, { source: 'github', sourceId: `acme/app#${id}`, repo: 'acme/app', spec: SPEC })
    await settleDown(ctx)
    const [first, second] = ctx.runtime.started
    if (!first || !second) throw new Error('two workers were expected')
    for (const run of [first, second]) await registerRun(ctx, await refOf(run.runId), { versions: {} })
    const [one, other] = [asRun(first), asRun(second)]

    expect(await one('src/a ü.ts')).toEqual({ kind: 'granted' })
    expect(await other('src/a ü.ts')).toEqual({ kind: 'held', reason: expect.stringMatching(new RegExp(`^held by run ${first.runId} of item ${first.itemId} since \\d{4}-`)) })
    expect(await other('src/b.ts')).toEqual({ kind: 'granted' })
    expect((await getWork(ctx, first.itemId)).events.filter(({ type }) => type === 'lock.acquired')).toMatchObject([{ data: { paths: ['src/a ü.ts'] } }])
    expect((await getWork(ctx, second.itemId)).events.some(({ type }) => type === 'lock.denied')).toBe(true)

    const { acquire } = ctx.locks
    ctx.locks.acquire = () => Promise.reject(new Error('no Redis'))
    expect(await other('src/c.ts')).toMatchObject({ kind: 'unknown' })
    ctx.locks.acquire = acquire

    await completeRun(ctx, await refOf(first.runId), { events: [], learnings: [], headSha: HEAD, baseSha: BASE })
    expect(await other('src/a ü.ts')).toEqual({ kind: 'granted' })
    // The ended run has no say any more.
    expect(await one('src/d.ts')).toMatchObject({ kind: 'unknown' })
  })
})
