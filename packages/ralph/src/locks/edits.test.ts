import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { defineScript, runClaude, startModel, type Model } from '@factory/rehearsal'
import { describeWith, need } from '@factory/rehearsal/testing'
import type { RalphEventBody } from '@factory/shared/ralph'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AgentResult, BeforeEdit } from '../agents/agent.ts'
import { claudeAgent } from '../agents/claude.ts'
import { openPlace } from '../place.ts'
import { makeRepo, PATH, type Repo } from '../testing.ts'
import { openGuard } from './guard.ts'
import { openLocks } from './open.ts'
import { hookSettings } from './settings.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

type Block = { tool: string; input: Record<string, unknown> }
const write = (path: string, content = 'written\n'): Block => ({ tool: 'Write', input: { file_path: path.startsWith('/') ? path : `{{cwd}}/${path}`, content } })
const bash = (command: string): Block => ({ tool: 'Bash', input: { command, description: 'do it' } })

let repo: Repo
let model: Model
/** One turn of the model for each list of tool calls, then the end. */
async function script(turns: Block[][], more: Parameters<typeof defineScript>[0]['rules'] = []): Promise<void> {
  model = await startModel({ scripts: [defineScript({ rules: [...more, ...turns.map((reply, turn) => ({ match: { prompt: 'Go', turn }, reply: reply.map(({ tool, input }) => ({ tool, input: JSON.parse(JSON.stringify(input)) })) })), { reply: 'Done.' }] })] })
  closers.push(() => model.stop())
}
async function checkout(files: Record<string, string>): Promise<void> {
  repo = await makeRepo(files)
  closers.push(() => repo.remove())
}
const run = (beforeEdit: BeforeEdit | null): Promise<AgentResult> =>
  claudeAgent({ bin: need('claude'), env: { PATH, ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'made-up', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1', IS_SANDBOX: '1' } }).run({
    dir: repo.dir,
    prompt: 'Go',
    rules: 'None.',
    model: 'claude-sonnet-4-5',
    maxCostUsd: 5,
    limitMs: 50_000,
    tools: null,
    beforeEdit,
    signal: new AbortController().signal,
    onActivity: () => undefined,
  })

/** The locks of a run whose caller has this command. */
async function locks(command: string, limitMs = 10_000) {
  const events: RalphEventBody[] = []
  const place = await openPlace({ dir: repo.dir, spec: 'SPEC.md', path: PATH })
  const opened = openLocks({ command, place, env: { PATH, CALLERS_SECRET: 'x' }, emit: (event) => void events.push(event), sleep: async () => undefined, signal: new AbortController().signal, limitMs })
  return { ...opened, denied: () => events.flatMap((event) => (event.event === 'lock.denied' ? [event] : [])) }
}
const read = (path: string) => (existsSync(join(repo.dir, path)) ? readFileSync(join(repo.dir, path), 'utf8') : null)
/** What the model was told about its tool calls. */
const told = () => JSON.stringify(model.requests.map(({ body }) => body))
/** Everything whose name begins with "their" is somebody else's; each question is written down. */
const THEIRS = 'printf "%s\\n" "$1" >> .git/asked; case "$1" in *their*) echo "run 7 has it"; exit 1;; esac'
const NOTEBOOK = JSON.stringify({ cells: [{ cell_type: 'code', id: 'one', metadata: {}, outputs: [], execution_count: null, source: ['1'] }], metadata: {}, nbformat: 4, nbformat_minor: 5 })

describeWith(['claude'], 'before an edit, with the real CLI', () => {
  test('Write, Edit and NotebookEdit of what is ours or free', async () => {
    await checkout({ 'mine.txt': 'one\n', 'mine.ipynb': NOTEBOOK })
    await script([
      [write('new folder/mine ü.txt')],
      [{ tool: 'Read', input: { file_path: '{{cwd}}/mine.txt' } }, { tool: 'Read', input: { file_path: '{{cwd}}/mine.ipynb' } }],
      [{ tool: 'Edit', input: { file_path: '{{cwd}}/mine.txt', old_string: 'one', new_string: 'two' } }, { tool: 'NotebookEdit', input: { notebook_path: '{{cwd}}/mine.ipynb', cell_id: 'one', new_source: '2' } }],
      [write('mine.txt', 'three\n'), write('SPEC.md'), write('.ai/notes.md')],
    ])
    const mine = await locks(THEIRS)
    expect((await run(mine.beforeEdit)).verdict).toEqual({ kind: 'worked' })
    expect([read('new folder/mine ü.txt'), read('mine.txt'), read('SPEC.md'), read('.ai/notes.md')]).toEqual(['written\n', 'three\n', 'written\n', 'written\n'])
    expect(JSON.stringify(JSON.parse(read('mine.ipynb') ?? ''))).toContain('"2"')
    expect(read('.git/asked')?.trim().split('\n').sort()).toEqual(['mine.ipynb', 'mine.txt', 'new folder/mine ü.txt'])
    expect([...mine.granted].sort()).toEqual(['mine.ipynb', 'mine.txt', 'new folder/mine ü.txt'])
    expect(mine.denied()).toEqual([])
  })

  test('what is somebody else\'s stays as it is, and the model reads why', async () => {
    await checkout({ 'their.txt': 'one\n', 'their.ipynb': NOTEBOOK, 'real/their.txt': 'r\n' })
    symlinkSync('real', join(repo.dir, 'link'))
    await script([
      [{ tool: 'Read', input: { file_path: '{{cwd}}/their.txt' } }, { tool: 'Read', input: { file_path: '{{cwd}}/their.ipynb' } }, { tool: 'Read', input: { file_path: '{{cwd}}/link/their.txt' } }],
      [{ tool: 'Edit', input: { file_path: '{{cwd}}/their.txt', old_string: 'one', new_string: 'two' } }, { tool: 'NotebookEdit', input: { notebook_path: '{{cwd}}/their.ipynb', cell_id: 'one', new_source: '2' } }],
      [write('deep/er/their ü "new".txt'), write('link/their.txt'), write('their\nline.txt'), write('.git/hooks/pre-push')],
    ])
    const mine = await locks(THEIRS)
    expect((await run(mine.beforeEdit)).verdict).toEqual({ kind: 'worked' })
    expect(repo.git('status', '--porcelain').split('\n')).toEqual(['?? link'])
    expect(read('.git/hooks/pre-push')).toBeNull()
    expect(mine.denied().map(({ path }) => path).sort()).toEqual([join(repo.dir, '.git/hooks/pre-push'), 'deep/er/their ü "new".txt', 'real/their.txt', 'their\nline.txt', 'their.ipynb', 'their.txt'].sort())
    expect(mine.denied().find(({ path }) => path === 'their.txt')?.reason).toBe('run 7 has it')
    expect(told()).toContain('their.txt may not be edited now: run 7 has it.')
    expect(told()).toContain("git's own files are not edited by hand")
    expect(told()).not.toContain('CALLERS_SECRET')
  })

  test.each([
    ['crashes', 'kill -SEGV $$', 'was killed', 10_000],
    ['hangs', 'sleep 300', 'no answer within 1 s', 1000],
    ['is not there', '/no/such/program "$1"', 'exit code 127', 10_000],
    ['says a megabyte', 'yes "run 7" | head -c 1000000; exit 1', String.raw`run 7\nrun 7`, 10_000],
  ])('a command that %s lets nothing through', async (_name, command, why, limitMs) => {
    await checkout({ 'a.txt': 'a\n' })
    await script([[write('new.txt')]])
    const mine = await locks(command, limitMs)
    expect((await run(mine.beforeEdit)).verdict).toEqual({ kind: 'worked' })
    expect(read('new.txt')).toBeNull()
    expect(told()).toContain(why)
    expect(mine.denied()).toHaveLength(1)
  })

  test('a subagent asks, too', async () => {
    await checkout({ 'a.txt': 'a\n' })
    await script([[{ tool: 'Agent', input: { description: 'edit', prompt: 'Be the helper', subagent_type: 'general-purpose' } }]], [
      { match: { prompt: 'Be the helper', turn: 0 }, reply: [{ tool: 'Write', input: { file_path: '{{cwd}}/their.txt', content: 'x' } }, { tool: 'Write', input: { file_path: '{{cwd}}/mine.txt', content: 'x' } }] },
      { match: { prompt: 'Be the helper' }, reply: 'I am done.' },
    ])
    const mine = await locks(THEIRS)
    expect((await run(mine.beforeEdit)).verdict).toEqual({ kind: 'worked' })
    expect([read('mine.txt'), read('their.txt')]).toEqual(['x', null])
    expect(mine.denied().map(({ path }) => path)).toEqual(['their.txt'])
  })

  test('a hook that is killed in the middle lets nothing through', async () => {
    await checkout({ 'a.txt': 'a\n' })
    await script([[write('new.txt')]])
    let killed = 0
    const result = await run(async () => {
      for (const pid of hooksOf(process.pid)) {
        process.kill(pid, 'SIGKILL')
        killed += 1
      }
      return null
    })
    expect(result.verdict).toEqual({ kind: 'worked' })
    expect(killed).toBe(1)
    expect(read('new.txt')).toBeNull()
  })

  test('nobody at the other end, or one who never answers, lets nothing through', async () => {
    await checkout({ 'a.txt': 'a\n' })
    const home = mkdtempSync(join(tmpdir(), 'ralph-h-'))
    closers.push(() => rmSync(home, { recursive: true, force: true }))
    for (const silent of [true, false]) {
      await script([[write('new.txt')]])
      const guard = await openGuard(home, () => new Promise(() => undefined), '/nonexistent')
      if (!silent) guard.close()
      const settings = JSON.stringify(guard.settings).replace(/"timeout":\d+/, '"timeout":1')
      const done = await runClaude({ bin: need('claude'), modelUrl: model.url, cwd: repo.dir, prompt: 'Go', args: ['--setting-sources', '', '--settings', settings], env: guard.env })
      expect(done.result?.is_error).toBe(false)
      expect(read('new.txt')).toBeNull()
      guard.close()
    }
  })

  test('settings that the agent writes for itself take no question away', async () => {
    await checkout({ 'a.txt': 'a\n' })
    const evil = JSON.stringify({ disableAllHooks: true, env: { RALPH_EDITS: 'free' } })
    await script([
      [bash(`for dir in "$HOME/.claude" .claude; do mkdir -p "$dir"; echo '${evil}' > "$dir/settings.json"; echo '${evil}' > "$dir/settings.local.json"; done; echo '{}' > "$HOME/ralph/settings.json"`)],
      // Claude Code looks at its settings files again some time after they change.
      [bash('sleep 3')],
      [write('their.txt')],
    ])
    const mine = await locks(THEIRS)
    expect((await run(mine.beforeEdit)).verdict).toEqual({ kind: 'worked' })
    expect(existsSync(join(repo.dir, '.claude/settings.json'))).toBe(true)
    expect(read('their.txt')).toBeNull()
    expect(mine.denied()).toHaveLength(1)
  })

  test('without a question to ask there is no hook', async () => {
    await checkout({ 'a.txt': 'a\n' })
    await script([[bash('env > seen.txt; cp "$HOME/ralph/settings.json" settings.txt')], [write('their.txt')]])
    expect((await run(null)).verdict).toEqual({ kind: 'worked' })
    expect(read('their.txt')).toBe('written\n')
    expect(read('settings.txt')).toBe('{}')
    expect(read('seen.txt')).toContain('RALPH_EDITS=free')
    expect(read('seen.txt')).not.toContain('RALPH_EDIT_SOCKET')
  })

  test('two edits at once of one file are one question', async () => {
    await checkout({ 'a.txt': 'a\n' })
    mkdirSync(join(repo.dir, 'src'))
    writeFileSync(join(repo.dir, 'src/mine.txt'), 'm\n')
    symlinkSync('src', join(repo.dir, 'link'))
    await script([[{ tool: 'Read', input: { file_path: '{{cwd}}/src/mine.txt' } }], [write('src/mine.txt', '1\n'), write('link/mine.txt', '2\n')]])
    const mine = await locks(THEIRS)
    await run(mine.beforeEdit)
    expect(read('.git/asked')).toBe('src/mine.txt\n')
  })
})

test('the hook that Claude Code gets blocks when it fails', () => {
  expect(hookSettings().hooks.PreToolUse[0]).toMatchObject({ matcher: 'Edit|Write|MultiEdit|NotebookEdit', hooks: [{ type: 'command', onFailure: 'block', timeout: 60 }] })
})

/** Hook programs among the descendants of a process. */
function hooksOf(ancestor: number): number[] {
  const parents = new Map<number, number>()
  const found: number[] = []
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]))
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0')
      if (words.some((word) => word.endsWith('/hook-main.ts')) && words[0]?.endsWith('sh') === false) found.push(Number(name))
    } catch {
      // It ended while we looked.
    }
  }
  const isOurs = (pid: number): boolean => pid === ancestor || (pid > 1 && isOurs(parents.get(pid) ?? 0))
  return found.filter(isOurs)
}
