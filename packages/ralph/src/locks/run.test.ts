import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { defineScript, startModel, type Model } from '@factory/rehearsal'
import { describeWith, need } from '@factory/rehearsal/testing'
import { resolve } from 'node:path'
import { makeRepo, PATH, toRan, type Ran, type Repo } from '../testing.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

let repo: Repo
let model: Model
afterEach(async () => {
  await model.stop()
  await repo.remove()
})
const SPEC = '# Work\n\n- [ ] Write mine.txt\n\n## Verify\n\n```sh\ntest -f mine.txt\n```\n'
const write = (path: string) => ({ tool: 'Write', input: { file_path: `{{cwd}}/${path}`, content: 'written\n' } })
const bash = (command: string) => ({ tool: 'Bash', input: { command, description: 'do it' } })
const TICK = bash("sed -i 's/- \\[ \\]/- [x]/' SPEC.md")

async function run(rules: Parameters<typeof defineScript>[0]['rules'], beforeEdit: string): Promise<Ran> {
  repo = await makeRepo({ 'their.txt': 'theirs\n', 'a.txt': 'a\n' })
  await repo.write({ 'SPEC.md': SPEC })
  model = await startModel({ scripts: [defineScript({ rules })] })
  const child = Bun.spawn([process.execPath, resolve(import.meta.dir, '../main.ts'), 'run', '--run', 'r1', '--model', 'claude-sonnet-4-5', '--before-edit', beforeEdit, '--max-iterations', '3'], {
    cwd: repo.dir,
    env: { PATH, CLAUDE_BIN: need('claude'), ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'made-up', IS_SANDBOX: '1', CALLERS_TOKEN: 'for the command alone' },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, exitCode] = await Promise.all([new Response(child.stdout).text(), child.exited, new Response(child.stderr).text()])
  return toRan(exitCode, out.split('\n').filter(Boolean))
}
const THEIRS = '[ "$CALLERS_TOKEN" = "for the command alone" ] || exit 3; case "$1" in their*) echo "run 7 has it"; exit 1;; esac'

describeWith(['claude'], 'ralph run --before-edit', () => {
  test('refuses an edit, undoes what came by Bash, and tells both; the rest is done', async () => {
    const ran = await run(
      [
        { match: { turn: 0, not: 'were undone' }, reply: [bash('env > env.txt'), write('their-doc.txt'), bash('echo mine now > their.txt; echo x > their-new.txt; echo b > a.txt')] },
        { match: { turn: 0, prompt: ['were undone', 'their.txt: run 7 has it'] }, reply: [write('mine.txt'), TICK] },
        { reply: 'Done.' },
      ],
      THEIRS,
    )
    expect(ran.of('run.finished')[0]).toMatchObject({ exitCode: 0, report: { passed: true } })
    expect(ran.of('lock.denied')).toMatchObject([{ path: 'their-doc.txt', reason: 'run 7 has it' }])
    expect(ran.of('lock.violation').map(({ path }) => path)).toEqual(['their-new.txt', 'their.txt'])
    expect(repo.git('diff', '--name-only', 'HEAD~2', 'HEAD').split('\n')).toEqual(['a.txt', 'env.txt', 'mine.txt'])
    expect(repo.git('show', 'HEAD:env.txt')).not.toContain('CALLERS_TOKEN')
    expect(repo.git('status', '--porcelain')).toBe('')
  })

  test('ends with 16 and keeps the work when nobody can be asked', async () => {
    const ran = await run([{ match: { turn: 0 }, reply: [bash('echo b > a.txt')] }, { reply: 'Done.' }], 'echo away >&2; exit 2')
    expect(ran.of('run.finished')[0]).toMatchObject({ exitCode: 16, reason: expect.stringContaining('a.txt') })
    expect(ran.of('lock.violation')).toEqual([])
    expect(repo.git('show', 'HEAD:a.txt')).toBe('b')
  })
})
