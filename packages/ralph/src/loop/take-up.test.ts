import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentTask } from '../agents/agent.ts'
import { scriptedAgent, type Step } from '../agents/scripted.ts'
import { RunState } from '../progress/state.ts'
import { main } from '../cli/commands.ts'
import { makeRepo, PATH, runRalph, toRan, type Given, type Ran, type Repo } from '../testing.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

const TWO = '# T\n\n- [ ] the first task\n- [ ] the second task\n'
let repo: Repo
afterEach(() => repo?.remove())

let serial = 0
const read = (path: string): string => readFileSync(join(repo.dir, path), 'utf8')
const put = (path: string, text: string): void => writeFileSync(join(repo.dir, path), text)
const work: Step = () => {
  put(`file-${(serial += 1)}.txt`, String(serial))
  put('SPEC.md', read('SPEC.md').replace('- [ ]', '- [x]'))
}
const ralph = (steps: Step[], given: Partial<Given> = {}): Promise<Ran> => runRalph(repo, { agent: scriptedAgent(steps), ...given })

const nothing: AgentTask = { dir: '', prompt: '', rules: '', model: null, maxCostUsd: 1, limitMs: 1, tools: null, beforeEdit: null, signal: new AbortController().signal, onActivity: () => undefined }

/** A run that did the first task and was told to stop in the second. */
async function interrupted(): Promise<void> {
  repo = await makeRepo({ 'a.txt': 'a\n' })
  await repo.write({ 'SPEC.md': TWO })
  const stop = new AbortController()
  expect((await ralph([work, () => stop.abort('SIGTERM')], { stop })).exitCode).toBe(143)
}

/** The same, killed while the agent was at work on the second. */
async function killed(leave: () => void): Promise<void> {
  repo = await makeRepo({ 'a.txt': 'a\n' })
  await repo.write({ 'SPEC.md': TWO })
  let state = ''
  const stop = new AbortController()
  await ralph([work, () => { state = read('.ai/ralph/state.json'); stop.abort('SIGTERM') }], { stop })
  put('.ai/ralph/state.json', state)
  expect(RunState.parse(JSON.parse(state)).current).toMatchObject({ iteration: 2, kind: 'work' })
  leave()
}

describe('after an orderly end', () => {
  test('commits that a person put on top are kept', async () => {
    await interrupted()
    put('mine.txt', 'mine')
    repo.git('add', '--all')
    repo.git('commit', '--quiet', '--message=mine')
    const mine = repo.git('rev-parse', 'HEAD')
    expect((await ralph([work])).exitCode).toBe(0)
    expect(repo.git('merge-base', '--is-ancestor', mine, 'HEAD')).toBe('')
  })

  test('a person may take a commit back', async () => {
    await interrupted()
    repo.git('reset', '--quiet', '--hard', 'HEAD^')
    const ran = await ralph([work])
    expect(ran.exitCode).toBe(0)
    expect(repo.git('rev-list', '--count', 'HEAD')).toBe('2')
  })

  test('another branch ends it with words', async () => {
    await interrupted()
    repo.git('checkout', '--quiet', '-b', 'elsewhere')
    const ran = await ralph([work])
    expect(ran.of('run.finished')[0]).toMatchObject({ exitCode: 15, reason: expect.stringContaining('the checkout is on refs/heads/elsewhere') })
    expect(repo.git('status', '--porcelain')).toBe('')
  })

  test('work that is not in the repository any more ends it with words', async () => {
    await interrupted()
    put('.ai/ralph/state.json', read('.ai/ralph/state.json').replaceAll(repo.git('rev-parse', 'HEAD'), 'f'.repeat(40)))
    expect((await ralph([work])).of('run.finished')[0]).toMatchObject({ exitCode: 15, reason: expect.stringContaining('does not have any more') })
  })

  test('a tick that a person made stands, another edit is refused and left where it is', async () => {
    await interrupted()
    put('SPEC.md', read('SPEC.md').replaceAll('[ ]', '[x]'))
    expect((await ralph([work])).of('iteration.started')).toHaveLength(0)
    await repo.remove()
    await interrupted()
    put('SPEC.md', '# T\n\n- [ ] something else\n')
    const ran = await ralph([work])
    expect(ran.of('run.finished')[0]).toMatchObject({ exitCode: 14, reason: expect.stringContaining('was edited since run test began') })
    expect(read('SPEC.md')).toBe('# T\n\n- [ ] something else\n')
  })
})

describe('after a kill in the middle of an iteration', () => {
  test('what the agent made of the checklist and of the branch is undone, its half done work is kept and told', async () => {
    await killed(() => {
      repo.git('reset', '--quiet', '--hard', 'HEAD^')
      put('half.txt', 'half')
      put('SPEC.md', '# T\n\n- [x] something easy\n')
    })
    const before = RunState.parse(JSON.parse(read('.ai/ralph/state.json'))).head
    const agent = scriptedAgent([work])
    const ran = await runRalph(repo, { agent })
    expect(ran.of('iteration.started')[0]).toMatchObject({ iteration: 2, task: { text: 'the second task' } })
    expect(agent.seen[0]?.prompt).toContain('was cut off in the middle')
    expect(ran.exitCode).toBe(0)
    expect(read('SPEC.md')).toBe(TWO.replaceAll('[ ]', '[x]'))
    expect(repo.git('show', 'HEAD:half.txt')).toBe('half')
    expect(repo.git('merge-base', '--is-ancestor', before, 'HEAD')).toBe('')
    expect(repo.git('log', '--format=%s').split('\n')).toContain('Save the work found in the tree')
  })

  test('so it is without --run: the edited checklist begins no new run', async () => {
    await killed(() => put('SPEC.md', '# T\n\n- [x] something easy\n'))
    const out: string[] = []
    await main(['run', '--claude', '/bin/false', '--verify', 'true', '--max-iterations', '2'], { env: { PATH }, cwd: repo.dir, out: (line) => out.push(line), err: () => undefined, color: false, now: () => new Date(), signal: new AbortController().signal })
    expect(toRan(0, out).of('run.started')[0]).toMatchObject({ run: 'test', resumed: true, tasks: [{ text: 'the first task' }, { text: 'the second task' }] })
  })

  test('saved work is no new tree of the next iteration', async () => {
    await killed(() => put('half.txt', 'half'))
    const ran = await ralph([() => undefined])
    expect(ran.of('stuck.detected')[0]).toMatchObject({ rule: 'no_new_tree' })
  })

  test('the tree of an iteration stays its new tree, however often the run is taken up after it', async () => {
    await interrupted()
    expect((await ralph([() => undefined], { options: { bounds: { maxIterations: 2, maxCostUsd: 1, maxMinutes: 1 } } })).exitCode).toBe(11)
    const { iterations, trees } = RunState.parse(JSON.parse(read('.ai/ralph/state.json')))
    expect(trees).not.toContain(iterations[0]?.tree)
  })

  test('a checklist that is put back is kept beside it: it can be a person\'s', async () => {
    await killed(() => put('SPEC.md', `${TWO}- [ ] a task of mine\n`))
    await ralph([work])
    expect(read('.ai/replaced-spec.md')).toContain('a task of mine')
  })

  test('the checks of the command line win over those that somebody wrote into the state', async () => {
    await killed(() => put('.ai/ralph/state.json', read('.ai/ralph/state.json').replaceAll('test ! -e broken', 'true')))
    const ran = await ralph([() => { put('broken', ''); return work(nothing) }], { options: { bounds: { maxIterations: 4, maxCostUsd: 9, maxMinutes: 9 } } })
    expect(ran.exitCode).not.toBe(0)
    expect(ran.of('run.started')[0]?.verify).toEqual(['test ! -e broken'])
  })
})

describe('a run that is asked for again', () => {
  const command = async (): Promise<Ran> => {
    const out: string[] = []
    const exitCode = await main(['run', '--claude', '/bin/false', '--verify', 'test ! -e broken'], { env: { PATH }, cwd: repo.dir, out: (line) => out.push(line), err: () => undefined, color: false, now: () => new Date(), signal: new AbortController().signal })
    return toRan(exitCode, out)
  }

  test('after it was done says so again, and opens nothing', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n' })
    await repo.write({ 'SPEC.md': TWO })
    expect((await ralph([work])).exitCode).toBe(0)
    const again = await command()
    expect(again.of('run.started')[0]).toMatchObject({ run: 'test', resumed: true })
    expect(again.of('iteration.started')).toHaveLength(0)
    expect(again.exitCode).toBe(0)
  })

  test('after it was stuck is not told its own report as the agent\'s words', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n' })
    await repo.write({ 'SPEC.md': TWO })
    expect((await ralph([() => undefined])).exitCode).toBe(10)
    const agent = scriptedAgent([() => undefined, work])
    await runRalph(repo, { agent })
    for (const task of agent.seen) expect(task.prompt).not.toContain('# Stuck:')
  })

  test('and cannot go on says what it had used', async () => {
    await interrupted()
    repo.git('checkout', '--quiet', '-b', 'elsewhere')
    expect((await ralph([work])).of('run.finished')[0]).toMatchObject({ exitCode: 15, usage: { iterations: 1, costUsd: expect.any(Number) }, headSha: repo.git('rev-parse', 'main') })
  })

  test('while another carries it gives out no number of that one', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n' })
    await repo.write({ 'SPEC.md': TWO })
    const second: { ran?: Ran } = {}
    await ralph([async (task) => { second.ran ??= await ralph([work]); await work(task) }])
    expect(second.ran?.of('run.finished')).toMatchObject([{ exitCode: 16, run: expect.stringMatching(/^r-/) }])
  })

  test('goes on with its numbers whatever the agent wrote into the events', async () => {
    await interrupted()
    const lines = read('.ai/ralph/events.jsonl').split('\n').filter((line) => line.includes('"run":"test"')).length
    put('.ai/ralph/events.jsonl', `${read('.ai/ralph/events.jsonl')}${JSON.stringify({ v: 1, seq: Number.MAX_SAFE_INTEGER, ts: new Date().toISOString(), run: 'test', event: 'heartbeat', iteration: 1, elapsedMs: 1 })}\n`)
    expect((await ralph([work])).events[0]?.seq).toBe(lines + 1)
  })
})

test('no wait reaches beyond the time of the run', async () => {
  repo = await makeRepo({ 'a.txt': 'a\n' })
  await repo.write({ 'SPEC.md': TWO })
  const slept: number[] = []
  const ran = await ralph([() => ({ verdict: { kind: 'usage_limit', until: Date.now() + 300_000, reason: 'r' } })], { options: { bounds: { maxIterations: 9, maxCostUsd: 9, maxMinutes: 2 } }, world: { sleep: async (ms) => void slept.push(ms) } })
  expect(ran.of('run.finished')[0]).toMatchObject({ exitCode: 12, until: expect.any(String) })
  expect(slept).toEqual([])
})
