import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { lstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scriptedAgent } from '../agents/scripted.ts'
import { main } from '../cli/commands.ts'
import { PATH, type Repo } from '../testing.ts'
import { greet, makeHostile, makeTrap, put, ralph, sh, SPEC } from './testing.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

let repo: Repo
let trap: ReturnType<typeof makeTrap>
afterEach(async () => {
  trap?.remove()
  await repo?.remove()
})

/** Things that a repository, or an agent, can put where Ralph has a file of its own. */
const WAYS: [string, string][] = [
  ['a link to a file outside', 'ln -s "$OUTSIDE/precious.txt" "$FILE"'],
  ['a link that leads nowhere', 'ln -s "$OUTSIDE/none.txt" "$FILE"'],
  ['a pipe', 'mkfifo "$FILE"'],
  ['a directory with something in it', 'mkdir "$FILE"; echo x > "$FILE/x"'],
]
const place = (file: string, way: string): void => void sh(repo.dir, `OUTSIDE='${trap.dir}'; FILE='${file}'; mkdir -p "$(dirname "$FILE")"; rm -rf "$FILE"; ${way}`)
const precious = (): string => readFileSync(join(trap.dir, 'precious.txt'), 'utf8')
const outside = (): string => sh(trap.dir, 'ls')

async function start(): Promise<void> {
  repo = await makeHostile()
  trap = makeTrap()
  writeFileSync(join(trap.dir, 'precious.txt'), `${SPEC}- Pattern: from outside\n`)
}

describe('in the way from the beginning: refused, and nothing outside is read or written', () => {
  const FILES: [string, number][] = [['SPEC.md', 14], ['.ai/stuck.md', 64], ['.ai/new-learnings.md', 64], ['.ai/ralph/state.json', 64], ['.ai/ralph/events.jsonl', 64], ['.ai/ralph/lock', 64]]
  test.each(FILES.flatMap(([file, exitCode]) => WAYS.map(([name, way]): [string, string, number, string] => [file, name, exitCode, way])))('%s is %s', async (file, _name, exitCode, way) => {
    await start()
    place(file, way)
    const before = precious()
    const ran = await ralph(repo)
    expect(ran.of('run.finished')).toMatchObject([{ exitCode, reason: expect.stringMatching(/and not a file/) }])
    expect(precious()).toBe(before)
    expect(outside()).toBe('precious.txt')
  })

  test.each([['.ai', 'ln -s "$OUTSIDE" "$FILE"'], ['.ai', 'mkfifo "$FILE"'], ['.ai/ralph', 'ln -s "$OUTSIDE" "$FILE"'], ['.ai/ralph', 'echo x > "$FILE"']])('%s by %s', async (file, way) => {
    await start()
    place(file, way)
    expect((await ralph(repo)).of('run.finished')).toMatchObject([{ exitCode: 64, reason: expect.stringContaining('and not a directory') }])
    expect(outside()).toBe('precious.txt')
  })
})

describe('put there by the agent: the run goes on, and nothing outside is read or written', () => {
  test.each(['SPEC.md', '.ai/stuck.md', '.ai/new-learnings.md'].flatMap((file) => WAYS.map(([name, way]): [string, string, string] => [file, name, way])))('%s is %s', async (file, _name, way) => {
    await start()
    const before = precious()
    const agent = scriptedAgent([(task) => { put(task, 'half.txt', 'x'); place(file, way) }, greet()])
    const ran = await ralph(repo, [], { agent })
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0 }])
    expect(precious()).toBe(before)
    expect(outside()).toBe('precious.txt')
    expect(ran.of('learning.recorded')).toEqual([])
    expect(agent.seen[1]?.prompt).not.toContain('from outside')
    expect(lstatSync(join(repo.dir, 'SPEC.md')).isFile()).toBe(true)
  })

  test.each(WAYS)('.ai/stuck.md is %s when Ralph has to write it', async (_name, way) => {
    await start()
    const before = precious()
    const ran = await ralph(repo, [() => place('.ai/stuck.md', way)])
    expect(ran.exitCode).toBe(10)
    expect(precious()).toBe(before)
    expect(readFileSync(join(repo.dir, '.ai/stuck.md'), 'utf8')).toStartWith('# Stuck')
  })
})

describe('commands that only look', () => {
  test.each<[string[], string, number, string]>([
    [['run', '--dry-run', '--claude', '/bin/true'], 'SPEC.md', 14, 'and not a file'],
    [['run', '--dry-run', '--claude', '/bin/true'], '.ai/ralph/state.json', 64, 'and not a file'],
    [['status'], '.ai/ralph/state.json', 0, ''],
  ])('%j with a pipe where %s should be do not wait for ever', async (argv, file, exitCode, words) => {
    await start()
    place(file, 'mkfifo "$FILE"')
    let err = ''
    const done: number = await main(argv, { env: { PATH }, cwd: repo.dir, out: () => undefined, err: (text) => void (err += text), color: false, now: () => new Date(), signal: new AbortController().signal })
    expect(done).toBe(exitCode)
    expect(err).toContain(words)
  })
})

describe("the repository's own", () => {
  test('SPEC.md and .ai are in no commit of ours, staged or not, and what it had there stays', async () => {
    repo = await makeHostile({ 'SPEC.md': 'theirs\n', '.ai/notes.md': 'theirs\n', '.ai/stuck.md': 'theirs\n' })
    const ran = await ralph(repo, [greet(() => sh(repo.dir, 'git update-index --no-skip-worktree SPEC.md .ai/notes.md; echo more > .ai/notes.md; echo x > .ai/new.md; rm .git/info/exclude; git add -f SPEC.md .ai'))])
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0, report: { diff: { files: 1 } } }])
    expect(['SPEC.md', '.ai/notes.md', '.ai/stuck.md'].map((path) => repo.git('show', `HEAD:${path}`))).toEqual(['theirs', 'theirs', 'theirs'])
  })

  test('guidance that is no text, or far too much of it, does not get into the prompt', async () => {
    const cases: [string | Uint8Array, (prompt: string) => void][] = [
      ['Be brief. '.repeat(512 * 1024), (prompt) => expect(prompt).toContain('Be brief. Be brief.')],
      [Buffer.from([0x42, 0, 1, 2, 0x43]), (prompt) => expect(prompt).not.toContain('<guidance>')],
      [Buffer.from('Caf\xe9 and \xff\xfe', 'latin1'), (prompt) => expect(prompt).toContain('Caf\ufffd and')],
    ]
    for (const [text, check] of cases) {
      repo = await makeHostile()
      put(repo, 'CLAUDE.md', text)
      sh(repo.dir, 'git add CLAUDE.md; git commit -qm guidance')
      const agent = scriptedAgent([greet()])
      expect((await ralph(repo, [], { agent })).exitCode).toBe(0)
      check(agent.seen[0]?.prompt ?? '')
      expect(agent.seen[0]?.prompt.length).toBeLessThan(40_000)
      await repo.remove()
    }
  })

  test('a CLAUDE.md that is a directory, or a link', async () => {
    repo = await makeHostile({ 'CLAUDE.md/inside.txt': 'x' })
    sh(repo.dir, 'ln -s /etc/passwd AGENTS.md; git add AGENTS.md; git commit -qm link')
    const agent = scriptedAgent([greet()])
    expect((await ralph(repo, [], { agent })).exitCode).toBe(0)
    expect(agent.seen[0]?.prompt).toContain('<guidance>\nAGENTS.md:\n/etc/passwd\n</guidance>')
  })

  test('a spec that is gone, emptied or not text after an iteration comes back', async () => {
    repo = await makeHostile()
    const harms = [() => rmSync(join(repo.dir, 'SPEC.md')), () => put(repo, 'SPEC.md', ''), () => put(repo, 'SPEC.md', Buffer.from([0, 0xff]))]
    const seen: string[] = []
    let turn = 0
    const ran = await ralph(repo, [(task) => { seen.push(readFileSync(join(task.dir, 'SPEC.md'), 'utf8')); put(task, `f${turn}`, ''); harms[turn]?.(); turn += 1 }], { options: { bounds: { maxIterations: 4, maxCostUsd: 9, maxMinutes: 9 } } })
    expect(ran.exitCode).toBe(11)
    expect(seen).toEqual([SPEC, SPEC, SPEC, SPEC])
  })
})
