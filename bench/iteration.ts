import { defineScript, startModel } from '@factory/rehearsal'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findClaude } from '../packages/cli/src/stack/find-claude.ts'
import { against, percentile, round, type Figure } from './figure.ts'
import { captureCall, makeRepo, outsideTimes, replay, runRalph, type Peak } from './iteration-runs.ts'

const ROUNDS = 9
/** The third attempt would be a diagnosis, with another prompt. */
const ITERATIONS = 2
const AIM = { ms: 100, mb: 60 }

const EMPTY = defineScript({ rules: [{ reply: 'I did nothing.' }] })
/** A tool call that leaves another tree each time, so that Ralph has something to keep. */
const WORKING = defineScript({ rules: [{ match: { turn: 0 }, reply: [{ tool: 'Bash', input: { command: 'date +%s%N > made.txt', description: 'work' } }] }, { reply: 'I made a file.' }] })

/**
 * What Ralph adds to an iteration: from one's start to the next one's (prompt, agent, facts, commit,
 * decision) against the CLI alone with the prompt, the flags and the environment that Ralph gave it; in
 * turn. And what Ralph itself holds in memory meanwhile, the CLI excluded.
 */
export async function run(): Promise<Figure[]> {
  const claude = findClaude(process.env)
  if (!claude) throw new Error('no claude binary')
  const empty = await compare(claude, EMPTY)
  const working = await compare(claude, WORKING)
  const p50 = (values: readonly number[]): number => percentile(values, 0.5)
  const peaks = [...empty.peaks, ...working.peaks]
  const most = (pick: (peak: Peak) => number): number => round(Math.max(...peaks.map(pick)))
  return [
    against('an empty iteration, p50', p50(empty.ours), 'ms', 'claude -p', p50(empty.bare)),
    { name: `added by Ralph, p50 of pairs (aim: under ${AIM.ms})`, value: round(p50(empty.added)), unit: 'ms' },
    { name: 'of it outside of the lifetime of the CLI, p50', value: round(p50(empty.outside)), unit: 'ms' },
    against('one with a tool call, a commit and a check, p50', p50(working.ours), 'ms', 'claude -p', p50(working.bare)),
    { name: `added by Ralph, p50 of pairs (aim: under ${AIM.ms})`, value: round(p50(working.added)), unit: 'ms' },
    { name: 'of it outside of the lifetime of the CLI, p50', value: round(p50(working.outside)), unit: 'ms' },
    { name: `Ralph's peak resident memory (aim: under ${AIM.mb})`, value: most((peak) => peak.residentMb), unit: 'MB' },
    { name: 'of it private, not shared with other processes', value: most((peak) => peak.privateMb), unit: 'MB' },
  ]
}

type Compared = { outside: number[]; ours: number[]; bare: number[]; added: number[]; peaks: Peak[] }

async function compare(claude: string, script: ReturnType<typeof defineScript>): Promise<Compared> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'factory-bench-')))
  const found: Compared = { outside: [], ours: [], bare: [], added: [], peaks: [] }
  const model = await startModel({ scripts: [script] })
  const env = { PATH: process.env.PATH ?? '', LANG: 'C.UTF-8', IS_SANDBOX: '1', ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'not-a-real-key' }
  try {
    const call = await captureCall(dir, claude, env)
    // the first of each fills caches and is not counted
    for (let turn = 0; turn <= ROUNDS; turn++) {
      const repo = await makeRepo(join(dir, `repo-${turn}`))
      const { times, peak } = await runRalph(repo, { ...env, CLAUDE_BIN: claude }, ITERATIONS)
      const bare: number[] = []
      for (let again = 0; again < times.length; again++) bare.push(await replay(call, claude, repo, join(dir, `home-${turn}-${again}`)))
      const outside = await outsideTimes(dir, await makeRepo(join(dir, `watched-${turn}`)), claude, env, ITERATIONS)
      if (turn === 0) continue
      found.outside.push(...outside)
      found.ours.push(...times)
      found.bare.push(...bare)
      found.added.push(...times.map((time, index) => time - (bare[index] ?? 0)))
      found.peaks.push(peak)
    }
  } finally {
    await model.stop()
    rmSync(dir, { recursive: true, force: true })
  }
  return found
}
