import { afterEach, expect, test } from 'bun:test'
import { createLogger } from '@factory/shared'
import { readConfig } from './config.ts'
import { fromConfig } from './context.ts'
import { reconcile } from './reconcile.ts'
import { startOrchestrator } from './testing/orchestrator.ts'

const cleanup: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const step of cleanup.splice(0).reverse()) await step()
})

/** One issue behind the few routes that a look at it needs; `answer` may hold an answer up or change it. */
function begin(answer: (issue: Record<string, unknown>) => Promise<Response> | Response) {
  const orchestrator = startOrchestrator()
  cleanup.push(() => orchestrator.stop())
  let looks = 0
  const issue = { number: 1, title: 'T', body: 'x', state: 'open', labels: [{ name: 'ai-factory' }], user: { login: 'ada' }, author_association: 'OWNER', html_url: 'http://127.0.0.1/o/r/issues/1', updated_at: '2026-01-01T00:00:00Z' }
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      const { pathname } = new URL(request.url)
      if (pathname === '/repos/o/r') return Response.json({ full_name: 'o/r' })
      if (pathname !== '/repos/o/r/issues/1') return Response.json({ message: 'Not Found' }, { status: 404 })
      looks += 1
      return answer(issue)
    },
  })
  cleanup.push(async () => void (await server.stop(true)))
  const url = `http://127.0.0.1:${server.port}`
  const config = readConfig({ GITHUB_TOKEN: 't', GITHUB_API_URL: url, REPOS: 'o/r', FACTORY_TOKEN: orchestrator.token, ORCHESTRATOR_URL: orchestrator.url })
  return { ctx: fromConfig(config, { logger: createLogger('test', 'silent') }), orchestrator, looks: () => looks }
}

test('a burst of deliveries is two looks: the one under way, and one for all that came meanwhile', async () => {
  const gate = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const { ctx, orchestrator, looks } = begin(async (issue) => {
    begun.resolve()
    await gate.promise
    return Response.json(issue)
  })
  const first = reconcile(ctx, 'o/r', 1)
  await begun.promise
  const others = Array.from({ length: 20 }, () => reconcile(ctx, 'o/r', 1))
  gate.resolve()
  expect((await first).actions).toMatchObject([{ kind: 'create' }])
  for (const other of await Promise.all(others)) expect(other).toMatchObject({ itemId: 1, actions: [{ kind: 'none' }] })
  expect(looks()).toBe(2)
  expect(orchestrator.items.size).toBe(1)
})

test.each([
  ['deleted', () => Response.json({ message: 'This issue was deleted' }, { status: 410 })],
  ['moved to another repository', (issue: object) => Response.json({ ...issue, number: 9 })],
  ['a pull request', (issue: object) => Response.json({ ...issue, pull_request: {} })],
] as const)('an issue that is %s cancels its item once', async (_name, gone) => {
  let there = true
  const { ctx, orchestrator } = begin((issue) => (there ? Response.json(issue) : gone(issue)))
  await reconcile(ctx, 'o/r', 1)
  there = false
  expect((await reconcile(ctx, 'o/r', 1)).actions).toMatchObject([{ kind: 'cancel' }])
  expect(orchestrator.items.get(1)?.status).toBe('cancelled')
  expect((await reconcile(ctx, 'o/r', 1)).actions).toEqual([])
})

test('an issue that the orchestrator refuses is shown, not tried for ever', async () => {
  const { ctx } = begin((issue) => Response.json({ ...issue, html_url: 'ftp://odd' }))
  expect(await reconcile(ctx, 'o/r', 1)).toMatchObject({ itemId: null })
  expect(ctx.board.snapshot().ignored).toMatchObject([{ issue: 'o/r#1', reason: expect.stringContaining('the orchestrator refuses it') }])
})
