import { startModel } from '@factory/rehearsal'
import { RalphEvent } from '@factory/shared'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findClaude } from '../packages/cli/src/stack/find-claude.ts'
import { against, percentile, round, type Figure } from './figure.ts'

const ROUNDS = 5
const ralph = join(import.meta.dir, '../packages/ralph/src/main.ts')

/**
 * One whole iteration of Ralph (from one iteration's start to the next: prompt, agent, facts, commit,
 * decision) that does nothing, against a bare `claude -p` of a like prompt; in turn.
 */
export async function run(): Promise<Figure[]> {
  const claude = findClaude(process.env)
  if (!claude) throw new Error('no claude binary')
  const model = await startModel({ scripts: [] })
  const dir = mkdtempSync(join(tmpdir(), 'factory-bench-'))
  const env = {
    PATH: process.env.PATH ?? '', HOME: dir, LANG: 'C.UTF-8', IS_SANDBOX: '1', ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'not-a-real-key', CLAUDE_BIN: claude,
    DISABLE_AUTOUPDATER: '1', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', CLAUDE_CODE_DISABLE_AUTO_MEMORY: '1', CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: '1',
  }
  const cycles: number[] = []
  const bare: number[] = []
  try {
    for (let turn = 0; turn <= ROUNDS; turn++) {
      const repo = join(dir, `repo-${turn}`)
      await git(dir, 'init', '-q', repo)
      writeFileSync(join(repo, 'a.txt'), 'a\n')
      await git(repo, 'add', '-A')
      await git(repo, '-c', 'user.name=bench', '-c', 'user.email=bench@example.com', 'commit', '-qm', 'base')
      writeFileSync(join(repo, 'SPEC.md'), '# Nothing\n\n## Tasks\n\n- [ ] do nothing at all\n\n## Verify\n\n```sh\ntrue\n```\n')
      const times = await iterationTimes(repo, env)
      if (turn > 0) cycles.push(...times)
      for (let again = 0; again < 2; again++) {
        const began = performance.now()
        const proc = Bun.spawn([claude, '-p', '--output-format', 'stream-json', '--verbose', '--dangerously-skip-permissions', '--model', 'claude-sonnet-4-5', '--setting-sources', 'user', '--strict-mcp-config', '--max-turns', '150'], { cwd: repo, env, stdin: new TextEncoder().encode('Do nothing at all.'), stdout: 'ignore', stderr: 'ignore' })
        await proc.exited
        if (turn > 0) bare.push(performance.now() - began)
      }
    }
  } finally {
    await model.stop()
    rmSync(dir, { recursive: true, force: true })
  }
  const figure = against('an empty Ralph iteration, p50', percentile(cycles, 0.5), 'ms', 'claude -p', percentile(bare, 0.5))
  return [figure, { name: 'added by Ralph, difference of the p50', value: round(figure.value - (figure.peerValue ?? 0)), unit: 'ms' }]
}

/** From each iteration's start to the next one's. */
async function iterationTimes(repo: string, env: Record<string, string>): Promise<number[]> {
  const proc = Bun.spawn([process.execPath, ralph, 'run', '--spec', 'SPEC.md', '--dir', repo, '--max-iterations', '3', '--quiet'], { cwd: repo, env, stdout: 'pipe', stderr: 'pipe' })
  const events = (await new Response(proc.stdout).text()).split('\n').filter(Boolean).map((line) => RalphEvent.parse(JSON.parse(line)))
  const times = (name: RalphEvent['event']) => events.filter((event) => event.event === name).map((event) => Date.parse(event.ts))
  const starts = times('iteration.started')
  if (starts.length < 2) throw new Error(`ralph ran ${starts.length} iterations: ${await new Response(proc.stderr).text()}`)
  return starts.slice(1).map((start, index) => start - (starts[index] ?? start))
}

async function git(cwd: string, ...args: string[]): Promise<void> {
  const code = await Bun.spawn(['git', ...args], { cwd, stdout: 'ignore', stderr: 'ignore' }).exited
  if (code !== 0) throw new Error(`git ${args[0]} failed`)
}
