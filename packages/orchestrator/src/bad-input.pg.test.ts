import { api, ErrorBody, type ErrorCode } from '@factory/shared'
import { describeWith } from '@factory/rehearsal/testing'
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { Context } from './context.ts'
import { learningHandlers } from './learnings/routes.ts'
import { budgetHandlers } from './budget/routes.ts'
import { metricsHandlers } from './metrics/routes.ts'
import { mount, type ApiApp } from './http/mount.ts'
import { statusHandlers } from './status/routes.ts'
import { settleDown, liveRun, SPEC } from './testing/drive.ts'
import { testContext, type TestContext } from './testing/test-context.ts'
import { createWork } from './work/create.ts'
import { getItem, getWork } from './work/read.ts'
import { workHandlers } from './work/routes.ts'
import { workerHandlers } from './workers/routes.ts'
import { runOfToken } from './workers/token.ts'

const TOKEN = 'a-token-of-sixteen-or-more'
const itemOf = (text: string) => api.createWork.response.parse(JSON.parse(text)).item

describeWith(['postgres'], 'bad input, from the request to the store', () => {
  let ctx: TestContext
  let app: ApiApp
  beforeEach(async () => {
    ctx = await testContext({ MAX_WORKERS: '1', RETRY_BACKOFF_SECONDS: '0' })
    app = mount<Context>({
      ctx,
      handlers: { ...workHandlers, ...workerHandlers, ...learningHandlers, ...metricsHandlers, ...budgetHandlers, ...statusHandlers({ version: '1', startedAt: ctx.clock.now() }) },
      auth: {
        personToken: TOKEN,
        authenticateRun: async (given) => {
          const run = await runOfToken(ctx, given)
          return run ? { runId: run.id, itemId: run.item_id, token: run.token } : null
        },
      },
      log: ctx.log,
      checkAnswers: true,
    })
  })
  afterEach(() => ctx.db.drop())

  const send = async (path: string, body: unknown, token = TOKEN) => {
    const response = await app.request(path, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: typeof body === 'string' ? body : JSON.stringify(body) })
    const text = await response.text()
    return { status: response.status, text, error: response.ok ? null : ErrorBody.parse(JSON.parse(text)).error }
  }

  describe('POST /api/work', () => {
    const long = { source: 'api', sourceId: 'manual-1', sourceUrl: 'https://example.com', repo: 'https://github.com/owner/repo.git', spec: '# Task\n\n- [ ] do it', priority: 'medium' }
    const cases: [what: string, body: unknown, status: number, path: string][] = [
      ['an unknown field', { ...long, urgency: 1 }, 400, 'urgency'],
      ['an oversized spec', { ...long, spec: `- [ ] x${'y'.repeat(262_144)}` }, 400, 'spec'],
      ['an oversized description', { repo: 'owner/repo', description: 'y'.repeat(262_145) }, 400, 'description'],
      ['an oversized title', { ...long, title: 'y'.repeat(301) }, 400, 'title'],
      ['an oversized id', { ...long, sourceId: 'y'.repeat(201) }, 400, 'sourceId'],
      ['an address that is none', { ...long, sourceUrl: 'javascript:alert(1)' }, 400, 'sourceUrl'],
      ['a branch that is a flag', { ...long, baseBranch: '--upload-pack=x' }, 400, 'baseBranch'],
      ['a repository on another host', { ...long, repo: 'https://elsewhere.example/owner/repo.git' }, 400, 'repo'],
      ['a repository by a transport of git', { ...long, repo: 'ext::sh -c id' }, 400, 'repo'],
      ['an empty spec', { ...long, spec: '' }, 422, 'spec'],
      ['a blank spec', { ...long, spec: ' \n\t\n' }, 422, 'spec'],
      ['a spec without tasks', { ...long, spec: '# Task\n\nJust words.' }, 422, 'spec'],
      ['a spec whose only boxes are in a code fence', { ...long, spec: '# Task\n\n```md\n- [ ] an example\n```\n' }, 422, 'spec'],
      ['a spec whose only boxes are hidden', { ...long, spec: '# Task\n\n<!--\n- [ ] hidden\n-->\n' }, 422, 'spec'],
      ['a spec with nothing but acceptance criteria', { ...long, spec: '# Task\n\n## Acceptance criteria\n\n- [ ] it works\n' }, 422, 'spec'],
      ['neither spec nor description', { ...long, spec: undefined }, 422, 'spec'],
    ]
    test.each(cases)('%s', async (_what, body, status, path) => {
      const answer = await send('/api/work', body)
      expect(answer.status).toBe(status)
      expect(answer.error?.details.map((detail) => detail.path)).toEqual([path])
      expect(answer.error?.message).toContain(path)
      expect(await ctx.db.sql`select 1 from work_items`).toHaveLength(0)
    })

    test('200 KB with control characters, half a character and hidden comments are kept as what they say', async () => {
      const story = 'Größe, 大きさ, \u{1F600}. '.repeat(8000)
      const spec = `# Task\n\n<!-- - [ ] hidden -->\n${story}\u0000\u0007\ud800\n\n- [ ] the only task\n`
      expect(Buffer.byteLength(spec)).toBeGreaterThan(200_000)
      const answer = await send('/api/work', { ...long, spec })
      expect(answer.status).toBe(201)
      expect((await getItem(ctx, itemOf(answer.text).id)).spec).toBe(spec.replaceAll('\u0000', '\uFFFD').toWellFormed())
    })

    test('the same ticket in twelve deliveries at once is one item', async () => {
      const answers = await Promise.all(Array.from({ length: 12 }, () => send('/api/work', long)))
      expect(answers.map((answer) => answer.status).sort()).toEqual([...Array.from({ length: 11 }, () => 200), 201])
      expect(new Set(answers.map((answer) => itemOf(answer.text).id)).size).toBe(1)
    })
  })

  describe('the worker protocol', () => {
    const sha = 'a'.repeat(40)
    const cases: [call: string, body: unknown, path: string][] = [
      ['heartbeat', 'not JSON', '(body)'],
      ['heartbeat', [], '(body)'],
      ['heartbeat', { leaseSeconds: 99_999 }, 'leaseSeconds'],
      ['heartbeat', { headSha: 'HEAD' }, 'headSha'],
      ['heartbeat', { usage: { iterations: -1, inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: 0 } }, 'usage.iterations'],
      ['heartbeat', { events: [{ event: 'made.up' }] }, 'events.0.event'],
      ['lock', {}, 'paths'],
      ['lock', { paths: [] }, 'paths'],
      ['lock', { paths: ['../other/repo'] }, 'paths.0'],
      ['lock', { paths: ['src/a.ts', '/etc/passwd'] }, 'paths.1'],
      ['lock', { paths: Array.from({ length: 201 }, (_, index) => `f${index}`) }, 'paths'],
      ['unlock', { paths: 'src/a.ts' }, 'paths'],
      ['complete', { headSha: sha, done: true }, 'done'],
      ['complete', { learnings: [{ kind: 'rumour', text: 'this kind does not exist' }] }, 'learnings.0.kind'],
      ['complete', { learnings: Array.from({ length: 21 }, (_, index) => ({ kind: 'gotcha', text: `discovery ${index}` })) }, 'learnings'],
      ['complete', { spec: 'x'.repeat(262_145) }, 'spec'],
      ['fail', {}, 'outcome'],
      ['fail', { outcome: { code: 'bored', message: 'x', until: null } }, 'outcome.code'],
      ['stuck', { outcome: { code: 'stuck', message: 'x', until: null } }, 'report'],
      ['pause', { outcome: { code: 'usage_limit', message: 'x', until: 'tomorrow' } }, 'outcome.until'],
    ]

    async function started() {
      const { item } = await createWork(ctx, { source: 'github', sourceId: 'acme/app#1', repo: 'acme/app', spec: SPEC })
      await settleDown(ctx)
      const run = await liveRun(ctx)
      const token = ctx.runtime.started[0]?.runToken ?? ''
      expect((await send('/worker/register', {}, token)).status).toBe(200)
      return { item, run, token }
    }

    test('a malformed call is a 400 that names the field, and changes nothing', async () => {
      const { item, run, token } = await started()
      const before = await getWork(ctx, item.id)
      for (const [call, body, path] of cases) {
        const { status, error } = await send(`/worker/${run.id}/${call}`, body, token)
        expect([call, path, status, error?.details[0]?.path]).toEqual([call, path, 400, path])
      }
      expect(await getWork(ctx, item.id)).toEqual(before)
      expect(await ctx.locks.list()).toEqual([])
    })

    test('a worker speaks for its own run, with its own token, as long as it lives', async () => {
      const { item, run, token } = await started()
      const refusals: [path: string, token: string, status: number, code: ErrorCode][] = [
        [`/worker/${run.id}/heartbeat`, TOKEN, 403, 'forbidden'],
        [`/worker/${run.id}/heartbeat`, `${token}x`, 401, 'unauthorized'],
        [`/worker/${run.id}/heartbeat`, `frt_${run.token}_${'A'.repeat(43)}`, 401, 'unauthorized'],
        [`/worker/${run.id + 1}/heartbeat`, token, 403, 'forbidden'],
        ['/worker/one/heartbeat', token, 403, 'forbidden'],
      ]
      for (const [path, given, status, code] of refusals) expect(await send(path, {}, given), `${path} ${code}`).toMatchObject({ status, error: { code } })

      expect((await send(`/worker/${run.id}/fail`, { outcome: { code: 'internal', message: 'broken', until: null } }, token)).status).toBe(200)
      expect(await send(`/worker/${run.id}/lock`, { paths: ['src/a.ts'] }, token)).toMatchObject({ status: 409, error: { code: 'stale_token' } })
      expect(await ctx.locks.list()).toEqual([])
      expect((await getItem(ctx, item.id)).attempts).toBe(1)
    })
  })
})
