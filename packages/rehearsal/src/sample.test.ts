import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadScripts } from './model/load.ts'
import { startModel, type Model } from './model/serve.ts'
import { runClaude } from './run-claude.ts'
import { checklistIssue, demoIssue, sampleDir, scriptsDir } from './sample.ts'
import { describeWith, need } from './testing.ts'

const SYSTEM_PATH = '/usr/local/bin:/usr/bin:/bin'

async function bunTest(dir: string): Promise<{ code: number; passed: number }> {
  const child = Bun.spawn([process.execPath, 'test'], { cwd: dir, stdout: 'ignore', stderr: 'pipe', env: { PATH: SYSTEM_PATH } })
  const [text, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
  return { code, passed: Number(/(\d+) pass/.exec(text)?.[1] ?? 0) }
}

describe('the sample', () => {
  test('passes its own tests', async () => {
    expect(await bunTest(sampleDir)).toEqual({ code: 0, passed: 6 })
  })

  test('has scripts without mistakes', async () => {
    expect((await loadScripts(scriptsDir)).map(({ name }) => name)).toEqual(['demo', 'reading-time'])
  })
})

describeWith(['claude'], 'the scripted demo with the real Claude CLI', () => {
  let dir = ''
  let model: Model

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sample-'))
    model = await startModel({ scripts: scriptsDir })
    // The binary that npm installs is not called "bun".
    await mkdir(join(dir, 'bin'))
    await symlink(process.execPath, join(dir, 'bin/bun'))
  })
  afterAll(async () => {
    await model.stop()
    await rm(dir, { recursive: true, force: true })
  })

  const checkout = async (name: string) => {
    const cwd = join(dir, name)
    await cp(sampleDir, cwd, { recursive: true })
    return cwd
  }
  const say = async (cwd: string, prompt: string) => {
    const run = await runClaude({ bin: need('claude'), modelUrl: model.url, cwd, prompt, env: { PATH: `${join(dir, 'bin')}:${SYSTEM_PATH}` } })
    expect(run.result).toMatchObject({ is_error: false })
    const failed = run.lines.filter((line) => line.type === 'user' && JSON.stringify(line).includes('"is_error":true'))
    expect(failed).toEqual([])
  }
  const spec = (cwd: string) => Bun.file(join(cwd, 'SPEC.md')).text()
  /** One conversation per open box, as the loop does it; the words around the spec are ours. */
  const build = async (cwd: string, boxes: number) => {
    for (let open = boxes; open > 0; open -= 1) {
      expect((await spec(cwd)).match(/^- \[ \] /gm)).toHaveLength(open)
      await say(cwd, `Work on the first open task of this checklist.\n\n${await spec(cwd)}`)
    }
    expect(await spec(cwd)).not.toContain('- [ ] ')
  }

  test('writes the spec of the demo issue, does its tasks one by one, and leaves the tests green', async () => {
    const cwd = await checkout('demo')
    await say(cwd, `Write the spec for this request.\n\n# ${demoIssue.title}\n\n${demoIssue.body}`)
    for (const heading of ['# ', '## Goal', '## Tasks', '## Acceptance criteria', '## Verify', '## Files', '## Notes']) expect(await spec(cwd)).toContain(heading)
    await build(cwd, 3)
    expect(await bunTest(cwd)).toEqual({ code: 0, passed: 12 })
    expect(await Bun.file(join(cwd, '.ai/new-learnings.md')).text()).toMatch(/^- Gotcha: .+\n- Pattern: .+\n$/)
    expect(await Bun.file(join(cwd, 'README.md')).text()).toContain('maxLength')
    expect(model.requests.filter(({ rule }) => rule === null)).toEqual([])
  }, 60_000)

  test('does the issue with a checklist', async () => {
    const cwd = await checkout('checklist')
    await Bun.write(join(cwd, 'SPEC.md'), `# ${checklistIssue.title}\n\n${checklistIssue.body}`)
    await build(cwd, 2)
    expect(await bunTest(cwd)).toEqual({ code: 0, passed: 8 })
    expect(model.requests.filter(({ rule }) => rule === null)).toEqual([])
  }, 60_000)
})
