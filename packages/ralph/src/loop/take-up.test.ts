import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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
})
