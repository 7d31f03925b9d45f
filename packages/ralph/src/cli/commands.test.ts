import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { draftRalph, makeRepo, PATH, toRan, type Repo } from '../testing.ts'
import { scriptedAgent } from '../agents/scripted.ts'
import { main } from './commands.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

let repo: Repo
afterEach(() => repo?.remove())

async function ralph(...argv: string[]): Promise<{ exitCode: number; out: string[]; err: string }> {
  const out: string[] = []
  let err = ''
  const exitCode = await main(argv, { env: { PATH }, cwd: repo.dir, out: (line) => out.push(line), err: (text) => void (err += text), color: false, now: () => new Date(), signal: new AbortController().signal })
  return { exitCode, out, err }
}

describe('a command line', () => {
  test.each([
    [['run', '--frobnicate'], '--frobnicate'],
    [['run', '--max-iterations', 'many'], '--max-iterations "many" must be a number'],
    [['run', '--max-iterations', '1.5'], 'whole number'],
    [['run', '--max-cost-usd', '-3'], '--max-cost-usd'],
    [['run', 'stray'], 'stray'],
    [['verify', '--base', 'x'], '--head'],
    [['draft'], '--request'],
    [['draft', '--request', 'nowhere.txt'], '--request nowhere.txt cannot be read'],
    [['run', '--learnings', 'nowhere.txt', '--claude', '/bin/true'], '--learnings nowhere.txt cannot be read'],
    [['run', '--claude', 'nowhere'], 'not an executable file'],
    [['run', '--dir', 'nowhere'], '--dir'],
    [['fly'], 'unknown command "fly"'],
    [[], 'say what to do'],
    [['spec', 'polish'], 'ralph spec lint FILE'],
  ])('%j: exit 64, and a message that names it', async (argv, words) => {
    repo = await makeRepo({ 'a.txt': 'a' })
    await repo.write({ 'SPEC.md': '- [ ] something to do' })
    const { exitCode, out, err } = await ralph(...argv)
    expect(exitCode).toBe(64)
    expect(err).toContain(words)
    if (['run', 'draft', 'verify'].includes(argv[0] ?? '')) expect(toRan(exitCode, out).of('run.finished')).toMatchObject([{ exitCode: 64, reason: expect.stringContaining(words) }])
  })

  test('help and version', async () => {
    repo = await makeRepo({})
    expect((await ralph('--help')).out.join('')).toMatch(/ralph run[^]*--max-iterations N[^]*Exit codes/)
    expect((await ralph('--version')).out).toEqual(['0.1.0\n'])
  })

  test('spec lint', async () => {
    repo = await makeRepo({ 'good.md': '# T\n\n- [ ] something to do\n', 'bad.md': '# T\n\n```\n- [ ] hidden\n```\n' })
    expect(await ralph('spec', 'lint', 'good.md')).toMatchObject({ exitCode: 0, out: [expect.stringMatching(/^good\.md:3: warning no_verify: .*\n {4}fix: add "## Verify"/), expect.stringContaining('1 tasks')] })
    expect(await ralph('spec', 'lint', 'bad.md')).toMatchObject({ exitCode: 14, out: [expect.stringMatching(/^bad\.md:4: error no_tasks: .*\n {4}fix: .*take the fence away/), expect.stringContaining('no_verify'), expect.stringContaining('cannot be run')] })
    expect((await ralph('spec', 'lint', 'none.md')).exitCode).toBe(64)
    expect(JSON.parse((await ralph('spec', 'lint', 'bad.md', '--json')).out.join(''))).toMatchObject({ tasks: 0, problems: [{ code: 'no_tasks', line: 4, fix: expect.stringContaining('fence') }] })
  })

  test('--mcp-config reaches the agent, and no other server does', async () => {
    const servers = JSON.stringify({ mcpServers: { mine: { command: 'true' } } })
    repo = await makeRepo({ '.mcp.json': '{"mcpServers":{"theirs":{"command":"true"}}}', 'fake': '#!/bin/sh\nwhile [ "$1" != --mcp-config ]; do shift; done\ncat "$2" > seen.json\n' })
    await repo.write({ 'SPEC.md': '- [ ] something to do', 'mcp.json': servers })
    repo.git('update-index', '--chmod=+x', 'fake')
    chmodSync(join(repo.dir, 'fake'), 0o755)
    await ralph('run', '--claude', 'fake', '--mcp-config', 'mcp.json', '--max-iterations', '1', '--verify', 'true')
    expect(readFileSync(join(repo.dir, 'seen.json'), 'utf8')).toBe(servers)
  })

  test('status where nothing was', async () => {
    repo = await makeRepo({})
    expect((await ralph('status')).out).toEqual(['no run here\n'])
    expect(JSON.parse((await ralph('status', '--json')).out.join(''))).toMatchObject({ run: null, running: false })
  })
})

describe('ralph verify', () => {
  const CHECK = ['--verify', 'test "$(cat a.txt)" = b']
  async function prepare(after: string): Promise<{ base: string; head: string }> {
    repo = await makeRepo({ 'a.txt': 'a' })
    const base = repo.git('rev-parse', 'HEAD')
    await repo.write({ 'a.txt': after })
    repo.git('commit', '--quiet', '--all', '--message=change', '--allow-empty')
    return { base, head: repo.git('rev-parse', 'HEAD') }
  }
  const verify = async ({ base, head }: { base: string; head: string }, ...more: string[]) => {
    const { exitCode, out } = await ralph('verify', '--base', base, '--head', head, ...more)
    return toRan(exitCode, out)
  }

  test('passes, with both sides measured', async () => {
    const ran = await verify(await prepare('b'), ...CHECK, '--setup', 'true')
    expect(ran.exitCode).toBe(0)
    expect(ran.events.map((event) => event.event)).toEqual(['run.started', 'verify.finished', 'run.finished'])
    const report = ran.of('verify.finished')[0]?.report
    expect(report?.base.map((check) => check.exitCode)).toEqual([1])
    expect(report).toMatchObject({ passed: true, diff: { files: 1, insertions: 1, deletions: 1 } })
    expect(ran.of('run.finished')[0]?.report).toEqual(report ?? null)
    expect(repo.git('status', '--porcelain')).toBe('')
    expect(repo.git('worktree', 'list').split('\n')).toHaveLength(1)
  })
  test.each<[string, string, string[], number, string]>([
    ['a check fails', 'c', ['--verify', 'grep -q [ab] a.txt'], 10, '`grep -q [ab] a.txt` exited with 1'],
    ['a check fails as before', 'c', CHECK, 10, 'nothing proves the work'],
    ['nothing changed', 'a', ['--verify', 'true'], 10, 'nothing was changed'],
    ['setup fails at base', 'b', [...CHECK, '--setup', 'false'], 15, 'setup command'],
    ['setup fails at head only', 'b', [...CHECK, '--setup', 'grep -q a a.txt'], 10, 'fails with the change'],
    ['too slow at head', 'b', ['--verify', 'grep -q a a.txt || sleep 60', '--verify-minutes', '0.03'], 10, 'longer than allowed'],
    ['no checks', 'b', [], 14, '--no-verify-ok'],
    ['no checks, allowed', 'b', ['--no-verify-ok'], 0, 'nothing to verify with'],
  ])('%s', async (_name, after, flags, exitCode, words) => {
    const ran = await verify(await prepare(after), ...flags)
    expect(ran.of('run.finished')).toMatchObject([{ exitCode, reason: expect.stringContaining(words) }])
  })
  test('an unknown commit', async () => {
    const { base } = await prepare('b')
    expect((await verify({ base: 'nope', head: base }, ...CHECK)).exitCode).toBe(15)
    expect((await verify({ base, head: '--output=x' }, ...CHECK)).exitCode).toBe(64)
  })
  test('checks do not see what a proxy asks for; the setup does', async () => {
    const { base, head } = await prepare('b')
    const out: string[] = []
    const exitCode = await main(['verify', '--base', base, '--head', head, '--setup', 'test "$HTTP_PROXY" = http://run:secret@127.0.0.1:9', '--verify', 'echo "proxy=$HTTP_PROXY"; test "$(cat a.txt)" = b'], { env: { PATH, HTTP_PROXY: 'http://run:secret@127.0.0.1:9' }, cwd: repo.dir, out: (line) => out.push(line), err: () => undefined, color: false, now: () => new Date(), signal: new AbortController().signal })
    expect(toRan(exitCode, out).of('verify.finished')[0]?.report.head[0]).toMatchObject({ exitCode: 0, outputTail: 'proxy=http://127.0.0.1:9\n' })
  })
  test('checks see no credential and no home of ours, and leave nothing running', async () => {
    const ran = await verify(await prepare('b'), '--verify', 'env; sleep 300 & echo pid=$!')
    const tail = ran.of('verify.finished')[0]?.report.head[0]?.outputTail ?? ''
    expect([...tail.matchAll(/^(\w+)=/gm)].map((match) => match[1]).filter((name) => !['PWD', 'OLDPWD', 'SHLVL', '_', 'pid'].includes(name ?? '')).sort()).toEqual(['CI', 'HOME', 'LANG', 'PATH', 'RALPH_RUN_MARKER', 'TERM', 'TMPDIR'])
    expect(tail).toMatch(/^HOME=.*ralph-home-/m)
  })
})

describe('ralph draft', () => {
  const GOOD = '# Greet\n\n- [ ] write a greeting\n'
  test('a spec, whatever else was written is undone', async () => {
    repo = await makeRepo({ 'a.txt': 'a', 'SPEC.md': 'theirs\n' })
    const ran = await draftRalph(repo, {
      agent: scriptedAgent([({ dir, tools }) => {
        expect(tools).toEqual(['Read', 'Glob', 'Grep', 'Write', 'Edit'])
        for (const [path, text] of [['SPEC.md', GOOD], ['a.txt', 'changed'], ['stray', '']] as const) writeFileSync(join(dir, path), text)
      }]),
    })
    expect(ran.exitCode).toBe(0)
    expect(repo.git('status', '--porcelain')).toBe('')
    expect(existsSync(join(repo.dir, 'stray'))).toBe(false)
    expect(await Bun.file(join(repo.dir, 'SPEC.md')).text()).toBe(GOOD)
  })
  test('a bad one is written anew, knowing what was wrong', async () => {
    repo = await makeRepo({ 'a.txt': 'a' })
    const agent = scriptedAgent([({ dir }) => writeFileSync(join(dir, 'SPEC.md'), '# Greet\n'), ({ dir }) => writeFileSync(join(dir, 'SPEC.md'), GOOD)])
    expect((await draftRalph(repo, { agent })).exitCode).toBe(0)
    expect(agent.seen[1]?.prompt).toContain('the spec has no tasks')
  })
  test('three bad ones end it', async () => {
    repo = await makeRepo({ 'a.txt': 'a' })
    const agent = scriptedAgent([() => undefined])
    const ran = await draftRalph(repo, { agent })
    expect(ran.of('run.finished')[0]).toMatchObject({ exitCode: 14, reason: expect.stringContaining('was not written') })
    expect(agent.seen).toHaveLength(3)
  })
  test('a question instead', async () => {
    repo = await makeRepo({ 'a.txt': 'a' })
    const ran = await draftRalph(repo, { agent: scriptedAgent([({ dir }) => writeFileSync(join(dir, '.ai/question.md'), 'Which language?\n')]) })
    expect(ran.of('stuck.detected')[0]).toMatchObject({ rule: 'question', facts: ['Which language?'] })
    expect(ran.of('run.finished')[0]).toMatchObject({ exitCode: 10, reason: 'Which language?' })
  })
})
