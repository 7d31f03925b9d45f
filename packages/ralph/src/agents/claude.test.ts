import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { defineScript, startModel, type Model } from '@factory/rehearsal'
import { describeWith, need } from '@factory/rehearsal/testing'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { linesOf } from './claude.ts'
import { isRunning, makeRepo, PATH, until, toRan, type Ran, type Repo } from '../testing.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

const MAIN = resolve(import.meta.dir, '../main.ts')
const SPEC = '# Say hello\n\n- [ ] Write hello.txt\n\n## Verify\n\n```sh\ngrep -q hello hello.txt\ntrue\n```\n'

type Rules = Parameters<typeof defineScript>[0]['rules']
const write = (path: string, content: string) => ({ tool: 'Write', input: { file_path: `{{cwd}}/${path}`, content } })
const tick = { tool: 'Bash', input: { command: "sed -i 's/- \\[ \\]/- [x]/' SPEC.md", description: 'tick' } }

let model: Model
let repo: Repo
afterEach(async () => {
  await model?.stop()
  await repo?.remove()
})

type Started = { child: Bun.Subprocess<'ignore', 'pipe', 'pipe'>; ran: Promise<Ran & { stderr: string }>; onLine: (find: (line: string) => boolean) => Promise<void> }

/** Starts the real command line with the real CLI on a scripted model. */
async function start(rules: Rules, args: readonly string[], env: Record<string, string> = {}): Promise<Started> {
  model = await startModel({ scripts: [defineScript({ rules })] })
  const child = Bun.spawn([process.execPath, MAIN, ...args, '--model', 'claude-sonnet-4-5'], {
    cwd: repo.dir,
    env: { PATH, CLAUDE_BIN: need('claude'), ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'made-up', IS_SANDBOX: '1', SECRET_TOKEN: 'must-not-travel', ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const lines: string[] = []
  const waiting: { find: (line: string) => boolean; found: () => void }[] = []
  const reading = (async () => {
    for await (const line of linesOf(child.stdout)) {
      lines.push(line)
      for (const wait of waiting) if (wait.find(line)) wait.found()
    }
  })()
  const ran = Promise.all([new Response(child.stderr).text(), child.exited, reading]).then(([stderr, exitCode]) => ({ ...toRan(exitCode, lines), stderr }))
  const onLine = (find: (line: string) => boolean) => new Promise<void>((found) => (lines.some(find) ? found() : waiting.push({ find, found })))
  return { child, ran, onLine }
}

const run = async (rules: Rules, args: readonly string[] = [], env?: Record<string, string>) => (await start(rules, ['run', '--run', 'r1', ...args], env)).ran

/** What holds for every run: numbered without gaps, one end, last. */
function expectWhole(ran: Ran): void {
  expect(ran.events.map((event) => event.seq)).toEqual(ran.events.map((_event, index) => index + 1))
  expect(ran.of('run.finished')).toHaveLength(1)
  expect(ran.events.at(-1)).toMatchObject({ event: 'run.finished', exitCode: ran.exitCode })
  expect(readFileSync(join(repo.dir, '.ai/ralph/events.jsonl'), 'utf8')).toBe(ran.lines.map((line) => `${line}\n`).join(''))
}

describeWith(['claude'], 'ralph run with the real CLI', () => {
  test('does a task with a tool, verifies it, and keeps its own files out of the commit', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n', 'CLAUDE.md': 'Prefer plain words.\n' })
    await repo.write({ 'SPEC.md': SPEC })
    const ran = await run([
      { match: { prompt: 'Write hello.txt', turn: 0 }, reply: [{ tool: 'Bash', input: { command: 'env > env.txt; mkdir -p .ai; echo "- Gotcha: greetings are lower case here" > .ai/new-learnings.md', description: 'look' } }] },
      { match: { prompt: 'Write hello.txt', turn: 1 }, reply: [write('hello.txt', 'hello\n'), tick] },
      { reply: 'All done.' },
    ])
    expectWhole(ran)
    expect(ran.of('run.finished')[0]).toMatchObject({ exitCode: 0, report: { passed: true } })
    expect(ran.of('task.completed')).toHaveLength(1)
    expect(ran.of('learning.recorded')[0]?.learning.text).toBe('greetings are lower case here')
    expect(ran.of('iteration.finished')[0]).toMatchObject({ isError: false, text: 'All done.', usage: { iterations: 1 } })
    expect(ran.of('iteration.finished')[0]?.usage.costUsd).toBeGreaterThan(0)
    expect(ran.of('agent.activity').map((event) => event.tool)).toContain('Write')
    expect(repo.git('show', '--name-only', '--format=%an', 'HEAD').split('\n')).toEqual(['Ralph', '', 'env.txt', 'hello.txt'])
    expect(repo.git('status', '--porcelain')).toBe('')
    expect(model.requests[0]?.prompt).toContain('Prefer plain words.')
    expect(repo.git('show', 'HEAD:env.txt')).not.toContain('must-not-travel')
  })

  test('a box ticked without work does not count', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n' })
    await repo.write({ 'SPEC.md': SPEC })
    const ran = await run([
      { match: { prompt: 'Write hello.txt', not: 'ticked without any change', turn: 0 }, reply: [tick] },
      { match: { prompt: ['Write hello.txt', 'ticked without any change'], turn: 0 }, reply: [write('hello.txt', 'hello\n'), tick] },
      { reply: 'Done.' },
    ])
    expectWhole(ran)
    expect(ran.exitCode).toBe(0)
    expect(ran.of('task.reopened')).toHaveLength(1)
    expect(ran.of('iteration.finished')).toHaveLength(2)
    expect(ran.of('run.finished')[0]?.usage.iterations).toBe(2)
  })

  test('a failing verification sends the task back with its output', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n' })
    await repo.write({ 'SPEC.md': SPEC })
    const ran = await run([
      { match: { prompt: 'Write hello.txt', not: 'did not stand', turn: 0 }, reply: [write('hello.txt', 'goodbye\n'), tick] },
      { match: { prompt: ['did not stand', 'grep -q hello hello.txt'], turn: 0 }, reply: [{ tool: 'Bash', input: { command: 'echo hello > hello.txt', description: 'mend' } }, tick] },
      { reply: 'Done.' },
    ])
    expectWhole(ran)
    expect(ran.of('verify.finished').map((event) => event.report.passed)).toEqual([false, true])
    expect(ran.exitCode).toBe(0)
  })

  test.each([
    ['a usage limit far away pauses until its reset', [{ fault: { kind: 'usage_limit' as const, resets_in: 7200 } }], 12, { CLAUDE_CODE_OAUTH_TOKEN: 'made-up', ANTHROPIC_API_KEY: '' }],
    ['a refused credential ends the run', [{ fault: 'unauthorized' as const }], 13, {}],
    ['so does billing', [{ fault: 'low_credit' as const }], 13, {}],
    ['and a model that is not there', [{ fault: 'model_not_found' as const }], 13, {}],
  ])('%s', async (_name, rules, exitCode, env) => {
    repo = await makeRepo({ 'a.txt': 'a\n' })
    await repo.write({ 'SPEC.md': SPEC })
    const ran = await run(rules, [], env)
    expectWhole(ran)
    expect(ran.of('run.finished')[0]).toMatchObject({ exitCode, usage: { iterations: 0 } })
    expect(ran.of('iteration.finished')).toHaveLength(0)
    const until = ran.of('run.finished')[0]?.until
    if (exitCode === 12) expect(Math.abs(Date.parse(until ?? '') - Date.now() - 7_200_000)).toBeLessThan(120_000)
    else expect(until).toBeNull()
  })

  test('ends at the cap of iterations, and as stuck when nothing changes', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n' })
    await repo.write({ 'SPEC.md': SPEC })
    const capped = await run([{ reply: 'I think about it.' }], ['--max-iterations', '2'])
    expect(capped.of('run.finished')[0]).toMatchObject({ exitCode: 11, usage: { iterations: 2 } })
    await model.stop()
    const stuck = await run([{ reply: 'I think about it.' }], ['--max-iterations', '9'])
    expect(stuck.of('run.started')[0]?.resumed).toBe(true)
    // two idle attempts, the diagnosis, and one more
    expect(stuck.of('run.finished')[0]).toMatchObject({ exitCode: 10, usage: { iterations: 4 } })
    expect(stuck.of('stuck.detected')[0]?.rule).toBe('no_new_tree')
    expect(stuck.events[0]?.seq).toBe(capped.events.length + 1)
    expect(readFileSync(join(repo.dir, '.ai/stuck.md'), 'utf8')).toContain('Write hello.txt (4 attempts)')
  })

  test('an agent that goes round in circles is stopped, and the next one is told', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n' })
    await repo.write({ 'SPEC.md': SPEC })
    const told = 'same tool call eight times'
    const ran = await run([
      { match: { prompt: 'Write hello.txt', not: told }, reply: [{ tool: 'Bash', input: { command: 'date >> log; cat a.txt', description: 'look' } }] },
      { match: { prompt: told, turn: 0 }, reply: [write('hello.txt', 'hello\n'), tick] },
      { reply: 'Done.' },
    ])
    expectWhole(ran)
    expect(ran.exitCode).toBe(0)
    expect(ran.of('iteration.finished').map((event) => [event.isError, event.endedBy])).toEqual([[true, 'same_call'], [false, null]])
    expect(ran.of('run.finished')[0]?.usage.iterations).toBe(2)
    expect(repo.git('show', 'HEAD:log').split('\n')).toHaveLength(8)
  })

  test('SIGTERM in the middle: work kept, nothing left running, one end', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n' })
    await repo.write({ 'SPEC.md': SPEC })
    const started = await start([{ match: { turn: 0 }, reply: [write('half.txt', 'half\n')] }, { match: { turn: 1 }, reply: [{ tool: 'Bash', input: { command: 'setsid sleep 300 & echo $! > sleeper; sleep 300', description: 'wait' } }] }, { reply: 'Done.' }], ['run', '--run', 'r1'])
    await started.onLine((line) => line.includes('sleep 300'))
    await until(() => existsSync(join(repo.dir, 'sleeper')) && readFileSync(join(repo.dir, 'sleeper'), 'utf8').trim() !== '')
    const sleeper = Number(readFileSync(join(repo.dir, 'sleeper'), 'utf8'))
    started.child.kill('SIGTERM')
    const ran = await started.ran
    expectWhole(ran)
    expect(ran.exitCode).toBe(143)
    expect(repo.git('show', 'HEAD:half.txt')).toBe('half')
    await until(() => !isRunning(sleeper))
    expect(existsSync(join(repo.dir, '.ai/ralph/lock'))).toBe(false)
  })
})

describeWith(['claude'], 'ralph draft with the real CLI', () => {
  test('writes a spec, and nothing else', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n' })
    await repo.write({ 'request.txt': 'Please greet' })
    repo.git('add', '--all')
    repo.git('commit', '--quiet', '--message=request')
    const started = await start(
      [
        { match: { prompt: ['Write the spec', 'Please greet'], turn: 0 }, reply: [write('SPEC.md', '# Greet\n\n## Tasks\n\n- [ ] Write a greeting\n'), write('stray.txt', 'no\n'), write('a.txt', 'changed\n')] },
        { reply: 'Written.' },
      ],
      ['draft', '--request', 'request.txt', '--out', 'SPEC.md'],
    )
    const ran = await started.ran
    expectWhole(ran)
    expect(ran.exitCode).toBe(0)
    expect(readFileSync(join(repo.dir, 'SPEC.md'), 'utf8')).toContain('- [ ] Write a greeting')
    expect(repo.git('status', '--porcelain')).toBe('')
    expect(existsSync(join(repo.dir, 'stray.txt'))).toBe(false)
  })
})
