import { defineScript, startModel, type Model } from '@factory/rehearsal'
import { describeWith, need } from '@factory/rehearsal/testing'
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { keyOf, prefixOf } from '../process/marker.ts'
import { sweep } from '../process/sweep.ts'
import { chance } from '../testing/chance.ts'
import { eventsOf, git, makeStage, makeTemplate, watch, type Lived, type Stage } from '../testing/crash.ts'
import { examine } from '../testing/examine.ts'
import { isRunning, until } from '../testing.ts'

/**
 * The real command line with the real CLI on a scripted model, killed with SIGKILL.
 * `RALPH_CRASH=claude:time:1500` (as a failure names it) kills after so many milliseconds.
 */
const MAIN = resolve(import.meta.dir, '../main.ts')
const LIMIT_MS = 300_000
const KILLS = 6
const [, , again] = process.env.RALPH_CRASH?.startsWith('claude:') ? process.env.RALPH_CRASH.split(':') : []

let stage: Stage
let root: string
let model: Model
beforeEach(async () => {
  const template = await makeTemplate()
  root = template.root
  stage = makeStage(template)
})
afterEach(async () => {
  await model?.stop()
  await sweep(prefixOf(keyOf(stage.dir)))
  rmSync(stage.root, { recursive: true, force: true })
  rmSync(root, { recursive: true, force: true })
})

const ARGS = ['run', '--run', 'crash', '--model', 'claude-sonnet-4-5', '--verify', 'true', '--max-iterations', '20']
const bash = (command: string) => ({ tool: 'Bash', input: { command, description: 'work' } })
/** A file of its own, noted outside of the checkout, and the next box. */
const work = (): string => `f=$(date +%s%N).txt; echo x > $f; echo $f >> '${join(stage.notes, 'written')}'; sed -i '0,/- \\[ \\]/s//- [x]/' SPEC.md`

async function live(killMs: number | null): Promise<Lived> {
  return watch(stage, [MAIN, ...ARGS], { CLAUDE_BIN: need('claude'), ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'made-up', IS_SANDBOX: '1' }, killMs)
}

describeWith(['claude'], 'Ralph with the real CLI, killed', () => {
  test('what its agent left running is gone before the next agent begins, and its work is kept', async () => {
    const [pids, answer] = [join(stage.notes, 'pids'), join(stage.notes, 'answer')]
    const editing = `setsid bash -c 'echo $$ >> "${pids}"; while :; do date +%N > editing.txt; sleep 0.01; done' >/dev/null 2>&1 & setsid sleep 300 & echo $! >> '${pids}'; echo half > half.txt; sleep 300`
    const look = `for p in $(cat '${pids}'); do if [ -d /proc/$p ] && ! grep -q 'State:.*[ZX]' /proc/$p/status; then echo $p lives; else echo $p gone; fi; done > '${answer}'`
    model = await startModel({
      scripts: [defineScript({ rules: [{ match: { turn: 0 }, reply: [bash(`if [ ! -e '${pids}' ]; then ${editing}; else [ -e '${answer}' ] || { ${look}; }; ${work()}; fi`)] }, { reply: 'Done.' }] })],
    })
    const first = Bun.spawn([process.execPath, MAIN, ...ARGS], {
      cwd: stage.dir,
      env: { PATH: stage.path, TMPDIR: stage.temporary, CLAUDE_BIN: need('claude'), ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'made-up', IS_SANDBOX: '1' },
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'ignore',
    })
    const left = (): number[] => (existsSync(pids) ? readFileSync(pids, 'utf8').split('\n').slice(0, -1).map(Number) : [])
    await until(() => left().length === 2 && existsSync(join(stage.dir, 'half.txt')) && existsSync(join(stage.dir, 'editing.txt')))
    first.kill('SIGKILL')
    await first.exited
    expect(left().every(isRunning)).toBe(true)

    const second = await live(null)
    expect(second.stderr).toMatch(/ended \d+ processes of a run that was killed here/)
    expect(readFileSync(answer, 'utf8')).toBe(left().map((pid) => `${pid} gone\n`).join(''))
    expect(examine(stage, [second])).toEqual([])
    expect(git(stage.dir, 'show', 'HEAD:half.txt')).toBe('half')
    expect(git(stage.dir, 'log', '--format=%s', '--diff-filter=A', '--', 'half.txt')).toBe('Save the work found in the tree')
    expect(eventsOf(stage).filter((event) => event.event === 'run.started').map((event) => event.resumed)).toEqual([false, true])
  }, LIMIT_MS)

  test(`at ${KILLS} random times`, async () => {
    model = await startModel({ scripts: [defineScript({ rules: [{ match: { turn: 0 }, reply: [bash(work())] }, { reply: 'Done.' }] })] })
    const whole = await live(null)
    expect(examine(stage, [whole])).toEqual([])
    const next = chance(Date.now() % 2 ** 31)
    // One in each part of the run, so that six cover all of it.
    const kills = again === undefined ? Array.from({ length: KILLS }, (_, index) => Math.floor(((index + next()) / KILLS) * whole.ms)) : [Number(again)]
    const wrong: string[] = []
    for (const ms of kills) {
      const template = await makeTemplate()
      rmSync(stage.root, { recursive: true, force: true })
      stage = makeStage(template)
      rmSync(template.root, { recursive: true, force: true })
      await model.stop()
      model = await startModel({ scripts: [defineScript({ rules: [{ match: { turn: 0 }, reply: [bash(work())] }, { reply: 'Done.' }] })] })
      const lives = [await live(ms)]
      if (lives[0]?.killed && !lives[0].lines.at(-1)?.includes('"run.finished"')) lives.push(await live(null))
      wrong.push(...examine(stage, lives).map((problem) => `claude:time:${ms}: ${problem}`))
    }
    expect(wrong).toEqual([])
  }, LIMIT_MS)
})
