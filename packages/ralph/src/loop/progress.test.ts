import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentTask } from '../agents/agent.ts'
import { scriptedAgent, type Step } from '../agents/scripted.ts'
import { makeRepo, runRalph, type Given, type Ran, type Repo } from '../testing.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

let repo: Repo
afterEach(() => repo?.remove())

const put = (task: AgentTask, path: string, text: string): void => writeFileSync(join(task.dir, path), text)
const read = (path: string): string => readFileSync(join(repo.dir, path), 'utf8')
const tick = (task: AgentTask): void => put(task, 'SPEC.md', read('SPEC.md').replace('- [ ]', '- [x]'))
const stuckMd = (): string => read('.ai/stuck.md')

/** A repository whose one check prints as many failures as the file `bad` says. */
async function start(tasks: number, files: Record<string, string> = {}): Promise<void> {
  repo = await makeRepo({ bad: '0', 'a.test.ts': "test('a', f)\n", ...files })
  await repo.write({ 'SPEC.md': `# T\n\n${Array.from({ length: tasks }, (_, index) => `- [ ] task number ${index + 1}\n`).join('')}` })
}
const CHECK = 'n=$(cat bad); echo " $((20-n)) pass"; echo " $n fail"; echo "error: $n things are wrong"; echo "Ran 20 tests across 1 file."; test "$n" = 0'
const ralph = (steps: Step[], given: Partial<Given> = {}): Promise<Ran> => runRalph(repo, { agent: scriptedAgent(steps), ...given, options: { verify: [CHECK], ...given.options } })
const stuckRule = (ran: Ran) => ran.of('stuck.detected')[0]?.rule
let serial = 0
const bad = (count: number): Step => (task) => { put(task, 'bad', String(count)); put(task, `f${(serial += 1)}`, '') }

describe('after each iteration', () => {
  test('the tree is measured, and what got worse is told to the next one, which need not be the same task', async () => {
    await start(2)
    const agent = scriptedAgent([(task) => { put(task, 'bad', '2'); tick(task) }, (task) => { put(task, 'bad', '0'); put(task, 'more', ''); tick(task) }])
    const ran = await runRalph(repo, { agent, options: { verify: [CHECK] } })
    expect(ran.of('verify.finished').map((event) => event.report.passed)).toEqual([false, true])
    expect(ran.of('task.completed').map((event) => event.verified)).toEqual([false, true])
    expect(ran.of('task.reopened')).toHaveLength(0)
    expect(agent.seen[1]?.prompt).toContain('So far the work would not stand a clean checkout')
    expect(agent.seen[1]?.prompt).toContain('error: 2 things are wrong')
    expect(ran.exitCode).toBe(0)
  })

  test('not where the checks are to wait for the end', async () => {
    await start(2)
    const ran = await ralph([(task) => { put(task, `f${(serial += 1)}`, ''); tick(task) }], { options: { checksAtEnd: true } })
    expect(ran.of('verify.finished')).toHaveLength(1)
    expect(ran.of('task.completed').map((event) => event.verified)).toEqual([false, false])
    expect(ran.exitCode).toBe(0)
  })

  test('ticks of many tasks while the same check fails are no reason to be stuck', async () => {
    await start(6)
    const ran = await ralph([...Array.from({ length: 5 }, (): Step => (task) => { put(task, 'bad', '3'); put(task, `f${(serial += 1)}`, ''); tick(task) }), (task) => { put(task, 'bad', '0'); tick(task) }])
    expect(ran.of('stuck.detected')).toHaveLength(0)
    expect(ran.exitCode).toBe(0)
  })

  test('fewer failures each time is progress, for as long as it takes', async () => {
    await start(1, { bad: '8' })
    const ran = await ralph([...[7, 6, 5, 4, 3, 2, 1].map(bad), (task) => { put(task, 'bad', '0'); tick(task) }])
    expect(ran.exitCode).toBe(0)
    expect(ran.of('run.finished')[0]?.usage.iterations).toBe(8)
    expect(ran.of('iteration.started').map((event) => event.kind)).not.toContain('diagnosis')
  })
})

describe('the third attempt is a diagnosis', () => {
  test('it gets its own prompt and no tool that edits, what it changes is undone, and its words reach the next attempt', async () => {
    await start(1)
    const diagnose: Step = (task) => {
      put(task, 'sneaked', 'in')
      rmSync(join(task.dir, 'a.test.ts'))
      tick(task)
      return { text: 'The parser drops the last line.' }
    }
    const agent = scriptedAgent([bad(2), bad(3), diagnose, (task) => { put(task, 'bad', '0'); put(task, 'fixed', ''); tick(task) }])
    const ran = await runRalph(repo, { agent, options: { verify: [CHECK] } })
    expect(ran.of('iteration.started').map((event) => event.kind)).toEqual(['work', 'work', 'diagnosis', 'work'])
    expect(agent.seen[2]?.tools).toEqual(['Read', 'Glob', 'Grep', 'Bash'])
    expect(agent.seen[2]?.prompt).not.toBe(agent.seen[1]?.prompt ?? '')
    expect(agent.seen[3]?.prompt).toContain('The parser drops the last line.')
    expect(ran.of('iteration.finished')[2]).toMatchObject({ commit: null })
    expect(ran.exitCode).toBe(0)
    expect(repo.git('ls-tree', '--name-only', 'HEAD').split('\n')).not.toContain('sneaked')
    expect(repo.git('ls-tree', '--name-only', 'HEAD').split('\n')).toContain('a.test.ts')
    expect(repo.git('symbolic-ref', 'HEAD')).toBe('refs/heads/main')
  })

  test('a limit in the middle of it loses nothing: it is done again', async () => {
    await start(1)
    const agent = scriptedAgent([bad(1), bad(1), () => ({ verdict: { kind: 'usage_limit', until: Date.now() + 9_000_000, reason: 'r' } }), () => ({ text: 'hm' }), (task) => { put(task, 'bad', '0'); tick(task) }])
    const first = await runRalph(repo, { agent, options: { verify: [CHECK] } })
    expect(first.exitCode).toBe(12)
    const second = await runRalph(repo, { agent, options: { verify: [CHECK] } })
    expect(second.of('iteration.started').map((event) => event.kind)).toEqual(['diagnosis', 'work'])
    expect(second.exitCode).toBe(0)
  })
})

describe('stuck', () => {
  test('two trees in turn are found by the second return, and shown', async () => {
    await start(1)
    const one: Step = (task) => put(task, 'bad', '1')
    const two: Step = (task) => put(task, 'bad', '2')
    const ran = await ralph([one, two, () => ({ text: 'I see' }), one, two])
    // five attempts and two single returns: attempts are what was used up
    expect(stuckRule(ran)).toBe('too_many_attempts')
    expect(stuckMd()).toContain('4. went back to the files of iteration 1')
  })

  test('a tree that comes back twice', async () => {
    await start(1)
    const one: Step = (task) => put(task, 'bad', '1')
    const back: Step = (task) => put(task, 'bad', '0')
    const ran = await ralph([one, back, () => ({ text: 'It goes round.' }), one, back])
    expect(stuckRule(ran)).toBe('tree_returned')
    expect(ran.of('run.finished')[0]).toMatchObject({ exitCode: 10, usage: { iterations: 5 } })
    expect(stuckMd()).toStartWith('# Stuck: the work goes round: after iterations 2 and 5 the files were just as they had been before')
    expect(stuckMd()).toContain('5. went back to the files of iteration 2')
    expect(stuckMd()).toContain('## What the diagnosis said\n\n> It goes round.')
  })

  test('the report of a failure: tries, output in a fence, what the agent wrote, what to do', async () => {
    await start(1)
    const ran = await ralph([(task) => { bad(2)(task); tick(task) }, (task) => { bad(2)(task); put(task, '.ai/stuck.md', 'I cannot find the compiler.'); tick(task) }, () => ({ text: 'x' }), (task) => { bad(2)(task); tick(task) }])
    expect(stuckRule(ran)).toBe('same_failure')
    const text = stuckMd()
    expect(text).toContain('- Task: task number 1')
    expect(text).toContain('error: 2 things are wrong')
    expect(text).toContain('3. diagnosis, changes nothing')
    expect(text).toContain('## What the agent wrote when it gave up\n\n> I cannot find the compiler.')
    expect(text).toMatch(/git log -p [0-9a-f]{12}\.\.[0-9a-f]{12}/)
    expect(text).toContain(`(${ran.of('run.finished')[0]?.usage.iterations} attempts)`)
  })
})

describe('a failed completion opens the task that has to answer for it', () => {
  test('the one whose iteration touched the path a finding names', async () => {
    await start(2)
    const ran = await ralph([(task) => { rmSync(join(task.dir, 'a.test.ts')); tick(task) }, (task) => { put(task, 'other', ''); tick(task) }, (task) => { put(task, 'a.test.ts', "test('a', f)\n"); tick(task) }])
    expect(ran.of('task.reopened').map((event) => [event.task.text, event.rule])).toEqual([['task number 1', 'test_deleted']])
    expect(ran.exitCode).toBe(0)
  })

  test('else the one with which the failure began', async () => {
    await start(3)
    const ran = await ralph([(task) => { put(task, 'one', ''); tick(task) }, (task) => { put(task, 'bad', '1'); tick(task) }, (task) => { put(task, 'three', ''); tick(task) }, (task) => { put(task, 'bad', '0'); tick(task) }])
    expect(ran.of('task.reopened').map((event) => [event.task.text, event.rule])).toEqual([['task number 2', 'checks']])
    expect(ran.exitCode).toBe(0)
  })
})

describe('the spec\'s own checks', () => {
  test('must succeed although they failed at base in the same way', async () => {
    repo = await makeRepo({ 'a.txt': 'a' })
    await repo.write({ 'SPEC.md': '# T\n\n- [ ] write the file\n\n## Verify\n\n```sh\ntest -e wanted\ntrue\n```\n' })
    const ran = await runRalph(repo, { agent: scriptedAgent([(task) => { put(task, 'other', ''); tick(task) }, (task) => { put(task, 'wanted', ''); tick(task) }]), options: { verify: [] } })
    expect(ran.of('task.reopened')).toHaveLength(1)
    expect(ran.exitCode).toBe(0)
  })
})

describe('a tick in an iteration that changed nothing', () => {
  const late: Step = (task) => tick(task)
  const all: Step = (task) => { put(task, 'everything', ''); tick(task) }

  test('is for work done before it: it stands unverified, and ticking late is not idling', async () => {
    await start(5)
    const ran = await ralph([all, late])
    expect(ran.exitCode).toBe(0)
    expect(ran.of('run.finished')[0]?.usage.iterations).toBe(5)
    expect(ran.of('task.completed').map((event) => event.verified)).toEqual([true, false, false, false, false])
  })

  test('does not hold up the tasks to come while a check fails', async () => {
    await start(3)
    const ran = await ralph([(task) => { put(task, 'bad', '2'); tick(task) }, late, (task) => { put(task, 'bad', '0'); put(task, 'rest', ''); tick(task) }])
    expect(ran.of('iteration.started').map((event) => event.task?.text)).toEqual(['task number 1', 'task number 2', 'task number 3'])
    expect(ran.exitCode).toBe(0)
  })

  test('never stands where nothing was done at all, or where it is the last and the checks fail', async () => {
    await start(2)
    expect((await ralph([late], { options: { bounds: { maxIterations: 1, maxCostUsd: 1, maxMinutes: 1 } } })).of('task.reopened')).toMatchObject([{ rule: 'no_change' }])
    const ran = await ralph([(task) => { put(task, 'bad', '2'); tick(task) }, late, (task) => { put(task, 'bad', '0'); put(task, 'mended', ''); tick(task) }], { options: { run: 'other' } })
    expect(ran.of('task.reopened')).toMatchObject([{ rule: 'no_change', task: { text: 'task number 2' } }])
    expect(ran.exitCode).toBe(0)
  })

  test('with words around it counts, and the next prompt says that only boxes may change', async () => {
    await start(2)
    const agent = scriptedAgent([(task) => { put(task, 'one', ''); put(task, 'SPEC.md', read('SPEC.md').replace('- [ ] task number 1', '- [x] ~~task number 1~~ (done)')) }, (task) => { put(task, 'two', ''); tick(task) }])
    const ran = await runRalph(repo, { agent, options: { verify: [CHECK] } })
    expect(ran.of('task.completed').map((event) => event.task.text)).toEqual(['task number 1', 'task number 2'])
    expect(agent.seen[1]?.prompt).toContain('only "[ ]" may become "[x]"')
    expect(read('SPEC.md')).toContain('- [x] task number 1\n')
  })
})
