import { appendFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { scriptedAgent, type Step } from '../agents/scripted.ts'
import { executeCommand } from '../cli/execute-command.ts'
import { writeOut } from '../events/writer.ts'
import { runLoop } from '../loop/loop.ts'
import { openPlace } from '../place.ts'

/**
 * For the crash suite: one life of `ralph run` with a scripted agent, in a process of its own, that
 * kills itself with SIGKILL at its n-th step. Steps are counted in the size of a file, so that the `git`
 * on the PATH (see crash.ts) counts with us. Usage: bun crash-life.ts JSON
 */
export const Life = z.object({
  dir: z.string(),
  /** Directory outside of the checkout: `steps`, `pid`, `written`, `prompts`. */
  notes: z.string(),
  path: z.string(),
  run: z.string().nullable(),
  /** 0: never. */
  killAt: z.number().int().nonnegative(),
  heartbeatMs: z.number(),
  verify: z.array(z.string()),
  /** The second task is first done wrong, and mended only when the prompt says what failed. */
  wrongFirst: z.boolean(),
  /** The agent moves HEAD and the branch about before it works. */
  wanders: z.boolean(),
})
export type Life = z.infer<typeof Life>

/** What the check prints when the work is wrong. */
export const EVIDENCE = 'evidence-4711'

async function live(life: Life): Promise<number> {
  const note = (name: string): string => join(life.notes, name)
  const step = (): void => {
    appendFileSync(note('steps'), '.')
    if (life.killAt > 0 && statSync(note('steps')).size >= life.killAt) process.kill(process.pid, 'SIGKILL')
  }
  const put = (path: string, text: string): void => {
    writeFileSync(join(life.dir, path), text)
    step()
  }
  const spec = (): string => readFileSync(join(life.dir, 'SPEC.md'), 'utf8')
  const work: Step = ({ prompt, tools }) => {
    step()
    // A diagnosis: what it wrote would be undone.
    if (tools !== null) return
    appendFileSync(note('prompts'), `${JSON.stringify({ evidence: prompt.includes(EVIDENCE) })}\n`)
    if (life.wanders) wander(life.dir)
    for (let file = 0; file < 2; file += 1) {
      const name = `${crypto.randomUUID()}.txt`
      put(name, name)
      appendFileSync(note('written'), `${name}\n`)
    }
    const second = spec().split('- [x]').length === 2
    if (life.wrongFirst && second && !existsSync(note('wrong'))) {
      writeFileSync(note('wrong'), '')
      put('broken', EVIDENCE)
    } else if (prompt.includes(EVIDENCE)) {
      rmSync(join(life.dir, 'broken'), { force: true })
      step()
    }
    put('SPEC.md', spec().replace('- [ ]', '- [x]'))
  }

  writeFileSync(note('pid'), `${process.pid}\n`)
  const print = writeOut(1)
  const now = (): Date => {
    step()
    return new Date()
  }
  const out = (line: string): void => {
    step()
    print(line)
    step()
  }
  return executeCommand(
    { env: { PATH: life.path }, cwd: life.dir, out, err: () => undefined, color: false, now, signal: new AbortController().signal, heartbeatMs: life.heartbeatMs },
    {
      dir: life.dir,
      run: life.run,
      resumes: join(life.dir, 'SPEC.md'),
      quiet: true,
      plain: true,
      async work({ run, key, emit, nextSeq, withoutHeartbeat, signal }) {
        const place = await openPlace({ dir: life.dir, spec: 'SPEC.md', path: life.path })
        const world = { agent: scriptedAgent([work]), key, emit, nextSeq, withoutHeartbeat, path: life.path, commandEnv: { PATH: life.path }, callerEnv: {}, now: () => now().getTime(), sleep: async () => step(), signal }
        const options = { dir: life.dir, spec: 'SPEC.md', run: life.run, base: null, model: null, bounds: { maxIterations: 30, maxCostUsd: 10, maxMinutes: 10 }, iterationMs: 60_000, setup: [], verify: life.verify, verifyMs: 60_000, require: [], allowUnchecked: false, checksAtEnd: false, beforeEdit: null, learnings: null, previous: null }
        return runLoop(options, run, place, world)
      },
    },
  )
}

/** Once away to a branch without history, once back past our last commit; the files stay. */
function wander(dir: string): void {
  const git = (...args: string[]): boolean => Bun.spawnSync(['git', ...args], { cwd: dir, env: { PATH: process.env.PATH ?? '' } }).success
  if (!git('reset', '--quiet', '--soft', 'HEAD~1')) git('checkout', '--quiet', '--orphan', crypto.randomUUID())
}

if (import.meta.main) process.exitCode = await live(Life.parse(JSON.parse(process.argv[2] ?? '')))
