import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { scriptedAgent, type Step } from '../agents/scripted.ts'
import { takeLock } from '../progress/lock.ts'
import { makeRepo, PATH, runRalph, toRan, type Repo } from '../testing.ts'
import { main } from './commands.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

let repo: Repo
afterEach(() => repo?.remove())
const SPEC = '# Greet\n\n- [ ] the first task\n- [ ] the second task\n\n## Verify\n\n```sh\ntest ! -e broken\n```\n'

async function start(spec: string | null = SPEC): Promise<void> {
  repo = await makeRepo({ 'a.txt': 'a\n', 'AGENTS.md': 'No semicolons.\n' })
  if (spec !== null) await repo.write({ 'SPEC.md': spec })
}
async function ralph(argv: string[], path = PATH): Promise<{ exitCode: number; out: string[]; err: string }> {
  const out: string[] = []
  let err = ''
  const exitCode = await main(argv, { env: { PATH: path }, cwd: repo.dir, out: (line) => out.push(line), err: (text) => void (err += text), color: false, now: () => new Date(), signal: new AbortController().signal })
  return { exitCode, out, err }
}
const dry = (...more: string[]) => ralph(['run', '--dry-run', '--claude', '/bin/true', ...more])
async function plan(...more: string[]) {
  const { exitCode, out } = await dry('--json', ...more)
  expect(exitCode).toBe(0)
  return JSON.parse(out.join(''))
}

/** Every name, kind, mode, link and byte below a directory. */
function fingerprint(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort().map((name) => {
    const stat = lstatSync(join(dir, name))
    const content = stat.isFile() ? createHash('sha256').update(readFileSync(join(dir, name))).digest('hex') : stat.isSymbolicLink() ? readlinkSync(join(dir, name)) : ''
    return `${name} ${stat.mode} ${stat.isDirectory() ? '' : stat.mtimeMs} ${content}`
  })
}

describe('nothing happens', () => {
  test('to tree, .git and .ai, and no program runs but git', async () => {
    await start()
    const bin = mkdtempSync(join(tmpdir(), 'ralph-bin-'))
    symlinkSync(Bun.which('git') ?? '/usr/bin/git', join(bin, 'git'))
    const trace = join(bin, 'trace')
    const claude = join(bin, 'claude')
    writeFileSync(claude, `#!/bin/sh\necho claude >> '${trace}'\n`)
    chmodSync(claude, 0o755)
    await runRalph(repo, { agent: scriptedAgent([]), options: { bounds: { maxIterations: 1, maxCostUsd: 1, maxMinutes: 1 } } })
    await repo.write({ 'a.txt': 'changed\n', 'new.txt': 'n' })
    // Index entries that are older than their files make a plain "git status" write the index.
    for (const args of [[], ['--json'], ['--run', 'other']]) {
      const before = fingerprint(repo.dir)
      const ran = await ralph(['run', '--dry-run', '--claude', claude, '--setup', `touch '${trace}'`, '--verify', `touch '${trace}'`, ...args], bin)
      expect(ran).toMatchObject({ exitCode: 0, err: '' })
      expect(fingerprint(repo.dir)).toEqual(before)
    }
    expect(readdirSync(bin).sort()).toEqual(['claude', 'git'])
    rmSync(bin, { recursive: true })
  })
})

describe('the plan', () => {
  test('of a new run, for people', async () => {
    await start()
    await repo.write({ 'a.txt': 'changed\n', 'ü b.txt': 'n' })
    const { out } = await dry('--setup', 'bun install', '--max-iterations', '7')
    const text = out.join('')
    for (const words of ['run           a new one\n', 'branch main', 'base          the commit of what lies in the tree, measured first\n', 'commits first a.txt\n              ü b.txt\n', 'SPEC.md, 0 of 2 tasks done', 'setup         bun install\n', 'verify        test ! -e broken\n', 'iterations 0 of 7', 'claude        /bin/true\n', '  [ ] the first task   <- next: attempt 1\n', 'Prompt of iteration 1 (about ', '<guidance>\nAGENTS.md:\nNo semicolons.\n</guidance>']) expect(text).toContain(words)
  })
  test('of a new run, for machines', async () => {
    await start()
    const head = repo.git('rev-parse', 'HEAD')
    expect(await plan('--model', 'm')).toMatchObject({ run: null, resumed: false, branch: 'refs/heads/main', head, base: head, commits: [], restoresSpec: false, next: { iteration: 1, attempt: 1, kind: 'work', task: { text: 'the first task' } }, verify: ['test ! -e broken'], model: 'm', claude: '/bin/true', prompt: { budget: 12_000 } })
  })
  test('of a run that goes on', async () => {
    await start()
    const step: Step = ({ dir }) => { writeFileSync(join(dir, 'b.txt'), 'b'); writeFileSync(join(dir, 'SPEC.md'), SPEC.replace('[ ]', '[x]')) }
    await runRalph(repo, { agent: scriptedAgent([step]), options: { bounds: { maxIterations: 1, maxCostUsd: 1, maxMinutes: 1 } } })
    rmSync(join(repo.dir, 'SPEC.md'))
    expect(await plan('--run', 'test')).toMatchObject({ run: 'test', resumed: true, restoresSpec: true, measuresBase: false, next: { iteration: 2, task: { text: 'the second task' } }, bounds: { usedIterations: 1, spentUsd: 0.01 } })
    expect(await plan('--run', 'test', '--max-iterations', '1')).toMatchObject({ next: null, prompt: null, stops: '1 of 1 iterations are used up' })
    writeFileSync(join(repo.dir, 'SPEC.md'), SPEC.replace('\n\n## V', '\n- [ ] a third task\n\n## V'))
    expect(await dry('--run', 'test')).toMatchObject({ exitCode: 14, err: expect.stringContaining('was edited since run test began') })
    expect(await plan()).toMatchObject({ run: null, resumed: false, next: { iteration: 1, task: { text: 'the first task' } } })
  })
  test('where every box is ticked', async () => {
    await start(SPEC.replaceAll('[ ]', '[x]'))
    expect(await plan()).toMatchObject({ next: null, prompt: null })
    expect((await dry()).out.join('')).toContain('the checks come first')
  })

  test.each<[string, () => void]>([
    ['a clean tree', () => undefined],
    ['guidance that was changed and not committed', () => writeFileSync(join(repo.dir, 'AGENTS.md'), 'Semicolons, please.\n')],
    ['guidance that was taken away', () => rmSync(join(repo.dir, 'AGENTS.md'))],
    ['guidance that is new', () => writeFileSync(join(repo.dir, 'CLAUDE.md'), 'Be brief.\n')],
  ])('has the very prompt that the agent gets: %s', async (_name, change) => {
    await start()
    change()
    const { prompt } = await plan()
    const agent = scriptedAgent([() => undefined])
    const ran = await runRalph(repo, { agent, options: { verify: [], bounds: { maxIterations: 1, maxCostUsd: 1, maxMinutes: 1 } } })
    expect(agent.seen[0]?.prompt).toBe(prompt.text)
    expect(ran.of('iteration.started')[0]?.promptTokens).toBe(prompt.tokens)
    const again = await plan('--run', 'test')
    const later = scriptedAgent([() => undefined])
    await runRalph(repo, { agent: later, options: { verify: [], bounds: { maxIterations: 2, maxCostUsd: 1, maxMinutes: 1 } } })
    expect(later.seen[0]?.prompt).toBe(again.prompt.text)
  })
})

test('the third attempt is a diagnosis, with the very prompt of it', async () => {
  await start()
  let serial = 0
  const busy: Step = ({ dir }) => writeFileSync(join(dir, 'b.txt'), String((serial += 1)))
  await runRalph(repo, { agent: scriptedAgent([busy]), options: { verify: [], bounds: { maxIterations: 2, maxCostUsd: 1, maxMinutes: 1 } } })
  const { next, prompt } = await plan('--run', 'test')
  expect(next).toMatchObject({ iteration: 3, attempt: 3, kind: 'diagnosis' })
  const agent = scriptedAgent([() => undefined])
  await runRalph(repo, { agent, options: { verify: [], bounds: { maxIterations: 3, maxCostUsd: 1, maxMinutes: 1 } } })
  expect(agent.seen[0]?.prompt).toBe(prompt.text)
})

describe('ends as the run would', () => {
  test.each<[string, () => Promise<void>, string[], number]>([
    ['no spec', () => start(null), [], 14],
    ['a bad spec', () => start('# T\n'), [], 14],
    ['nothing to verify with', () => start('# T\n\n- [ ] something\n'), [], 14],
    ['no such base', () => start(), ['--base', 'nope'], 15],
    ['no commit', async () => { await start(); rmSync(join(repo.dir, '.git'), { recursive: true }); repo.git('init', '--quiet') }, [], 15],
    ['no checkout', async () => { await start(); rmSync(join(repo.dir, '.git'), { recursive: true }) }, [], 64],
    ['another Ralph', async () => {
      await start()
      await takeLock(join(repo.dir, '.ai/ralph/lock'), 'r')
    }, [], 16],
    ['.ai is a link', async () => { await start(); symlinkSync('/tmp', join(repo.dir, '.ai')) }, [], 64],
    ['no such directory', () => start(), ['--dir', 'nowhere'], 64],
    ['no claude', () => start(), ['--claude', 'nowhere'], 64],
    ['learnings that are not there', () => start(), ['--learnings', 'nowhere'], 64],
    ['MCP servers that are not there', () => start(), ['--mcp-config', 'nowhere'], 64],
    ['MCP servers that are no JSON', async () => { await start(); await repo.write({ 'mcp.json': '{' }) }, ['--mcp-config', 'mcp.json'], 64],
    ['MCP servers that are none', async () => { await start(); await repo.write({ 'mcp.json': '[]' }) }, ['--mcp-config', 'mcp.json'], 64],
  ])('%s', async (_name, prepare, flags, exitCode) => {
    await prepare()
    const { exitCode: dryExit, out, err } = await dry('--json', ...flags)
    const { exitCode: _, reason } = JSON.parse(out.join(''))
    expect(err).toContain(`would end with ${exitCode}: `)
    const real = await ralph(['run', '--claude', '/bin/true', '--max-iterations', '1', ...flags])
    expect([dryExit, real.exitCode]).toEqual([exitCode, exitCode])
    expect(toRan(real.exitCode, real.out).of('run.finished')[0]?.reason).toBe(reason)
    if (flags[0] === '--mcp-config') expect(reason).toContain('--mcp-config')
  })
  test('--json alone is a mistake', async () => {
    await start()
    expect((await ralph(['run', '--json'])).exitCode).toBe(64)
  })
})
