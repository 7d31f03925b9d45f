import { afterEach, expect, test } from 'bun:test'
import { createLogger } from '@factory/shared'
import { createGate } from './gate.ts'
import { createGithub, explainGithubError, type GithubOptions } from './index.ts'

let stopServer = () => {}
afterEach(() => stopServer())

/** Time that a test moves: whoever sleeps wakes when it has passed. */
function movableTime(start = new Date('2026-01-01T00:00:00Z')) {
  let now = start.getTime()
  let sleepers: { at: number; wake: () => void }[] = []
  return {
    now: () => new Date(now),
    sleep: (ms: number) => new Promise<void>((wake) => void sleepers.push({ at: now + ms, wake })),
    asleep: () => sleepers.length,
    advance(seconds: number) {
      now += seconds * 1000
      const due = sleepers.filter(({ at }) => at <= now)
      sleepers = sleepers.filter(({ at }) => at > now)
      for (const { wake } of due) wake()
    },
  }
}

type Answer = (request: Request, nth: number) => Response
const ok: Answer = () => Response.json({ login: 'ada', id: 1 })
const limited = (status: number, headers: Record<string, string>, message = 'You have exceeded a secondary rate limit'): Answer => () => Response.json({ message }, { status, headers })

/** A forge that answers its requests from a list; the last answer repeats. */
function serve(answers: Answer[], options: Partial<GithubOptions> = {}) {
  const seen: string[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      seen.push(`${request.method} ${new URL(request.url).pathname}`)
      return (answers[Math.min(seen.length, answers.length) - 1] ?? ok)(request, seen.length)
    },
  })
  stopServer = () => void server.stop(true)
  const url = `http://127.0.0.1:${server.port}`
  return { seen, github: createGithub({ token: 't', apiUrl: url, webUrl: url, logger: createLogger('test', 'silent'), retryBaseMs: 1, ...options }) }
}

async function until(look: () => boolean): Promise<void> {
  for (const end = performance.now() + 5000; !look(); await Bun.sleep(1)) if (performance.now() > end) throw new Error('it did not come true within 5 s')
}

const comment = { owner: 'o', repo: 'r', issue_number: 1, body: 'x' }

test('while one call waits for a limit, nothing else is sent: not REST, not git', async () => {
  const time = movableTime()
  const { github, seen } = serve([limited(403, { 'retry-after': '20' }), ok], { now: time.now, sleep: time.sleep })
  const refused = github.octokit.rest.issues.createComment(comment)
  await until(() => time.asleep() === 1)
  const others = [github.octokit.rest.users.getAuthenticated(), github.refs.look('o/r', 'refs/heads/x').catch(() => null)]
  await until(() => time.asleep() === 3)
  time.advance(19)
  expect(seen).toHaveLength(1)
  time.advance(1)
  await Promise.all([refused, ...others])
  expect(seen.toSorted()).toEqual(['GET /o/r.git/info/refs', 'GET /user', 'POST /repos/o/r/issues/1/comments', 'POST /repos/o/r/issues/1/comments'])
})

test.each([
  [25, 'passes'],
  [60, 'gives up'],
] as const)('a wait that another answer makes %d s long goes on: whoever has half a minute %s', async (seconds, outcome) => {
  const time = movableTime()
  const gate = createGate(time)
  gate.close(new Date(time.now().getTime() + 10_000))
  let seen = 'waits'
  const passed = gate.pass(30_000).then(() => (seen = 'passes'), () => (seen = 'gives up'))
  gate.close(new Date(time.now().getTime() + seconds * 1000))
  gate.close(new Date(time.now().getTime() + 5000))
  time.advance(10)
  await until(() => time.asleep() === 1 || seen === 'gives up')
  if (outcome === 'passes') expect(seen).toBe('waits')
  time.advance(15)
  await passed
  expect(seen).toBe(outcome)
})

test.each([
  ['Retry-After', 403, { 'retry-after': '600' }, '2026-01-01T00:10:00.000Z'],
  ['Retry-After with a date', 403, { 'retry-after': 'Thu, 01 Jan 2026 00:10:00 GMT' }, '2026-01-01T00:10:00.000Z'],
  ['the hour is used up', 403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(Date.parse('2026-01-01T00:40:00Z') / 1000) }, '2026-01-01T00:40:01.000Z'],
  ['words alone', 403, {}, '2026-01-01T00:01:00.000Z'],
  ['429 alone', 429, {}, '2026-01-01T00:01:00.000Z'],
] as const)('a long limit (%s) fails at once and holds everybody until it is over', async (_name, status, headers, until) => {
  const time = movableTime()
  const { github, seen } = serve([limited(status, headers), ok], { now: time.now, sleep: time.sleep })
  const failure = (call: Promise<unknown>) => call.then(() => null, (error: unknown) => explainGithubError(error, time.now()))
  expect(await failure(github.octokit.rest.issues.createComment(comment))).toMatchObject({ code: 'rate_limited', retryAt: new Date(until) })
  expect(await failure(github.octokit.rest.users.getAuthenticated())).toMatchObject({ code: 'rate_limited', retryAt: new Date(until) })
  expect(await failure(github.refs.look('o/r', 'refs/heads/x'))).toMatchObject({ code: 'rate_limited', retryAt: new Date(until) })
  expect(seen).toHaveLength(1)
  time.advance((Date.parse(until) - time.now().getTime()) / 1000)
  expect((await github.octokit.rest.users.getAuthenticated()).data.login).toBe('ada')
})

test('a 503 with Retry-After is waited for, too', async () => {
  const time = movableTime()
  const { github, seen } = serve([limited(503, { 'retry-after': '900' }, 'Down for maintenance'), ok], { now: time.now, sleep: time.sleep })
  const posted: unknown = await github.octokit.rest.issues.createComment(comment).catch((error: unknown) => error)
  expect(explainGithubError(posted, time.now())).toMatchObject({ code: 'unreachable', retryAt: new Date('2026-01-01T00:15:00Z') })
  const next: unknown = await github.octokit.rest.users.getAuthenticated().catch((error: unknown) => error)
  expect(explainGithubError(next)).toMatchObject({ code: 'rate_limited' })
  expect(seen).toHaveLength(1)
})

test('an ordinary refusal closes nothing', async () => {
  const { github, seen } = serve([limited(403, {}, 'Resource not accessible by personal access token'), ok])
  const refused: unknown = await github.octokit.rest.users.getAuthenticated().catch((error: unknown) => error)
  expect(explainGithubError(refused).code).toBe('repository_forbidden')
  expect((await github.octokit.rest.users.getAuthenticated()).data.login).toBe('ada')
  expect(seen).toHaveLength(2)
})

const halfAnAnswer: Answer = () =>
  new Response(
    new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"login":"ad'))
      },
      pull: () => new Promise(() => {}),
    }),
    { headers: { 'content-type': 'application/json' } },
  )

test('an answer that breaks off is no answer: a read is repeated, a POST is not', async () => {
  const { github, seen } = serve([halfAnAnswer, ok], { timeoutMs: 50 })
  expect((await github.octokit.rest.users.getAuthenticated()).data.login).toBe('ada')
  stopServer()
  const second = serve([halfAnAnswer, ok], { timeoutMs: 50 })
  const posted: unknown = await second.github.octokit.rest.issues.createComment(comment).catch((error: unknown) => error)
  expect(explainGithubError(posted).code).toBe('unreachable')
  expect([seen.length, second.seen.length]).toEqual([2, 1])
})

test('writes go one after the other, a second apart; reads do not wait for them', async () => {
  const time = movableTime()
  const { github, seen } = serve([ok], { now: time.now, sleep: time.sleep, paceMs: 1000 })
  const writes = [github.octokit.rest.issues.createComment(comment), github.octokit.rest.issues.createComment(comment)]
  await writes[0]
  await until(() => time.asleep() === 1)
  await github.octokit.rest.users.getAuthenticated()
  expect(seen).toEqual(['POST /repos/o/r/issues/1/comments', 'GET /user'])
  time.advance(1)
  await writes[1]
  expect(seen).toHaveLength(3)
})
