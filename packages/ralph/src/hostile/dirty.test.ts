import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { main } from '../cli/commands.ts'
import { scriptedAgent, type Step } from '../agents/scripted.ts'
import { draftRalph, PATH, toRan, type Ran, type Repo } from '../testing.ts'
import { greet, makeHostile, put, ralph, sh } from './testing.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

let repo: Repo
afterEach(() => repo?.remove())

const DIRTY = 'echo staged > staged.txt; git add staged.txt; echo both-1 > both.txt; git add both.txt; echo both-2 > both.txt; echo changed > changed.txt; echo new > new.txt; git rm -q --cached kept.txt; rm gone.txt; git mv moved.txt moved-here.txt; chmod +x changed.txt'
const FILES = { 'both.txt': '0\n', 'changed.txt': '0\n', 'kept.txt': '0\n', 'gone.txt': '0\n', 'moved.txt': 'm\n', 'staged.txt': '0\n' }
/** Everything that could be lost: the index, the files, and what differs between them and HEAD. */
const everything = (): string => sh(repo.dir, "git status --porcelain=v2 -z | tr '\\0' '\\n' | grep -v ' .ai/\\| SPEC.md'; git ls-files -s -v; git diff; git diff --cached; find . -type f -not -path './.git/*' -not -path './.ai/*' -not -name SPEC.md | sort | xargs -d '\\n' sha256sum; git rev-parse HEAD; git stash list; git for-each-ref")

describe('a dirty tree', () => {
  test('is saved whole: what was staged and changed again has both of its states', async () => {
    repo = await makeHostile(FILES)
    const base = repo.git('rev-parse', 'HEAD')
    sh(repo.dir, DIRTY)
    const ran = await ralph(repo, [greet()])
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0, report: { diff: { files: 1 } } }])
    expect(repo.git('log', '--format=%s', `${base}..HEAD`).split('\n')).toEqual(['Ralph 1: write greeting.txt with a greeting', 'Save the work found in the tree', 'Save the work found in the tree: what was staged'])
    expect(['both.txt', 'staged.txt'].map((path) => repo.git('show', `HEAD~2:${path}`))).toEqual(['both-1', 'staged'])
    expect(['both.txt', 'staged.txt', 'changed.txt', 'new.txt', 'kept.txt', 'moved-here.txt'].map((path) => repo.git('show', `HEAD~1:${path}`))).toEqual(['both-2', 'staged', 'changed', 'new', '0', 'm'])
    expect(repo.git('ls-tree', '-r', '--name-only', 'HEAD~1').split('\n')).not.toContain('gone.txt')
    expect(repo.git('status', '--porcelain')).toBe('')
  })

  test('one commit is enough where nothing was changed after it was staged', async () => {
    repo = await makeHostile(FILES)
    sh(repo.dir, 'echo staged > staged.txt; git add staged.txt; echo changed > changed.txt')
    await ralph(repo, [greet()])
    expect(repo.git('log', '--format=%s').split('\n')).toEqual(['Ralph 1: write greeting.txt with a greeting', 'Save the work found in the tree', 'base'])
  })

  test('a file that was staged although it is ignored is saved, too', async () => {
    repo = await makeHostile({ '.gitignore': '*.log\n' })
    sh(repo.dir, 'echo log > a.log; git add -f a.log; echo other > b.log')
    expect((await ralph(repo, [greet()])).exitCode).toBe(0)
    expect(repo.git('show', 'HEAD:a.log')).toBe('log')
    expect(existsSync(join(repo.dir, 'b.log'))).toBe(true)
  })

  test("the user's own stash, branches and commits are there afterwards", async () => {
    repo = await makeHostile(FILES)
    sh(repo.dir, 'echo stashed > changed.txt; git stash -q; git branch other; git tag v1')
    const before = sh(repo.dir, 'git stash list; git rev-parse other v1 stash')
    await ralph(repo, [greet()])
    expect(sh(repo.dir, 'git stash list; git rev-parse other v1 stash')).toBe(before)
  })

  test('"ralph verify" changes nothing of it', async () => {
    repo = await makeHostile(FILES)
    sh(repo.dir, 'git commit -q --allow-empty -m next')
    sh(repo.dir, DIRTY)
    put(repo, 'SPEC.md', 'tracked\n')
    sh(repo.dir, 'git add SPEC.md; echo edited > SPEC.md')
    const [before, index] = [everything(), sh(repo.dir, 'git ls-files -s -v SPEC.md')]
    const lines: string[] = []
    const exitCode = await main(['verify', '--base', 'HEAD~1', '--head', 'HEAD', '--no-verify-ok', '--verify', 'test -e gone.txt'], { env: { PATH }, cwd: repo.dir, out: (line) => lines.push(line), err: () => undefined, color: false, now: () => new Date(), signal: new AbortController().signal })
    expect(toRan(exitCode, lines).of('run.finished')).toMatchObject([{ exitCode: 10, reason: expect.stringContaining('nothing was changed') }])
    expect(everything()).toBe(before)
    expect(sh(repo.dir, 'git ls-files -s -v SPEC.md; cat SPEC.md')).toBe(`${index}\nedited`)
  })

  const meddle: Step = (task) => {
    sh(task.dir, 'echo x > both.txt; rm changed.txt new.txt; mkdir -p stray/dir; echo x > stray/dir/x; echo x > gone.txt; echo x > ignored.log')
    put(task, 'SPEC.md', '# Greet\n\n- [ ] write a greeting\n')
  }
  const draft = (steps: Step[]): Promise<Ran> => draftRalph(repo, { agent: scriptedAgent(steps) })

  test('"ralph draft" changes nothing of it, whatever the agent does', async () => {
    repo = await makeHostile({ ...FILES, '.gitignore': '*.log\n' })
    sh(repo.dir, DIRTY)
    sh(repo.dir, 'rm SPEC.md; echo mine > ignored.log')
    const before = everything().replaceAll('ignored.log', '')
    expect((await draft([meddle])).exitCode).toBe(0)
    sh(repo.dir, 'echo mine > ignored.log')
    expect(everything().replaceAll('ignored.log', '')).toBe(before)
    expect(existsSync(join(repo.dir, 'stray'))).toBe(false)
  })

  test('a spec that is there outlives a draft that came to nothing, and lies beside a new one', async () => {
    repo = await makeHostile()
    put(repo, 'SPEC.md', 'my own notes\n')
    expect((await draft([() => undefined])).exitCode).toBe(14)
    expect(readFileSync(join(repo.dir, 'SPEC.md'), 'utf8')).toBe('my own notes\n')
    expect((await draft([(task) => writeFileSync(join(task.dir, 'SPEC.md'), '# Greet\n\n- [ ] write a greeting\n')])).exitCode).toBe(0)
    expect(readFileSync(join(repo.dir, '.ai/replaced-spec.md'), 'utf8')).toBe('my own notes\n')
  })

  test('files that no commit can hold outlive a draft and a diagnosis', async () => {
    repo = await makeHostile({ '.gitattributes': '*.psd filter=lfs\n', 'a.psd': 'version https://git-lfs.github.com/spec/v1\n' })
    put(repo, 'a.psd', 'pixels')
    sh(repo.dir, 'rm SPEC.md; truncate -s 60M huge.bin; git init -q nested; echo x > nested/x')
    expect((await draft([(task) => put(task, 'SPEC.md', '# Greet\n\n- [ ] write a greeting\n')])).exitCode).toBe(0)
    await ralph(repo, [(task) => put(task, `f${Math.floor(performance.now())}`, '')], { options: { bounds: { maxIterations: 4, maxCostUsd: 9, maxMinutes: 9 } } })
    expect(sh(repo.dir, 'cat a.psd nested/x; stat -c %s huge.bin')).toBe('pixelsx\n62914560')
  })
})
