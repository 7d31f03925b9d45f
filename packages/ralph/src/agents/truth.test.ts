import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { defineScript, startModel, type Model } from '@factory/rehearsal'
import { describeWith, need } from '@factory/rehearsal/testing'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CASES, MODEL, type Case } from '../../fixtures/cases.ts'
import { tidy } from '../../fixtures/tidy.ts'
import { readEnvironment } from '../config.ts'
import { isRunning, makeRepo, PATH, until, type Repo } from '../testing.ts'
import type { Activity, AgentResult } from './agent.ts'
import { claudeAgent } from './claude.ts'
import { expectMeaning, recordingOf } from './testing.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

let model: Model
let repo: Repo
let place: string
afterEach(async () => {
  await model.stop()
  await repo.remove()
  rmSync(place, { recursive: true, force: true })
})

/** The real CLI with its pid in a file, and what the case puts around it; `record`: its output is kept in `stream`. */
function program(given: Case, record: boolean): string {
  const bin = join(place, 'claude')
  const cli = `(echo $BASHPID > '${place}/pid'; exec '${need('claude')}' "$@")`
  const run = record ? `trap : INT; ${cli} | tee -i '${place}/stream'` : cli
  const script = {
    plain: `${run}; exit $\{PIPESTATUS[0]}`,
    stays: `${run}; sleep 300`,
    'leaves a child': `setsid sleep 300 & echo $! > tool.pid; ${run}`,
  }
  writeFileSync(bin, `#!/bin/bash\n${script[given.program ?? 'plain']}\n`)
  chmodSync(bin, 0o755)
  // The CLI itself, nothing before it, wherever the case lets that be.
  return record || given.program || given.onTool ? bin : need('claude')
}

async function ask(given: Case, record: boolean): Promise<{ result: AgentResult; activities: Activity[] }> {
  model = await startModel({ scripts: [defineScript({ rules: given.rules })] })
  repo = await makeRepo({ 'a.txt': 'a' })
  place = mkdtempSync(join(tmpdir(), 'ralph-truth-'))
  const { env: extra = {}, onTool, options } = given
  const env = readEnvironment({ PATH, ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'made-up', IS_SANDBOX: '1' }).agent
  const stop = new AbortController()
  const activities: Activity[] = []
  const agent = claudeAgent({ bin: program(given, record), env: { ...env, CLAUDE_CODE_MAX_RETRIES: '0', ...extra }, ...options })
  const result = await agent.run({
    dir: repo.dir,
    prompt: 'Do the work',
    rules: 'Be quick.',
    model: MODEL,
    maxCostUsd: given.maxCostUsd ?? 5,
    limitMs: given.limitMs ?? 50_000,
    tools: null,
    beforeEdit: null,
    signal: stop.signal,
    onActivity(activity) {
      activities.push(activity)
      if (activity.kind !== 'tool' || !onTool) return
      // Once the tool runs: only then is there something that could be left behind.
      void until(() => toolPid() !== null).then(() => {
        if (onTool === 'abort') stop.abort('SIGINT')
        else process.kill(Number(readFileSync(join(place, 'pid'), 'utf8')), onTool)
      })
    },
  })
  return { result, activities }
}

/** The process that a case's tool, or its program, left word of. */
function toolPid(): number | null {
  const file = join(repo.dir, 'tool.pid')
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) || null : null
}

describeWith(['claude'], 'what the real CLI says, and what it means', () => {
  test.each(Object.entries(CASES))('%s', async (name, given) => {
    const record = !existsSync(recordingOf(name)) && process.env.CI !== 'true'
    const { result, activities } = await ask(given, record)
    if (record) writeFileSync(recordingOf(name), tidy(readFileSync(join(place, 'stream'), 'utf8'), repo.dir))
    expectMeaning(given, result, activities)
    expect(result.endedBy).toBe(given.endedBy ?? null)
    const left = toolPid()
    expect(left !== null && isRunning(left)).toBe(false)
  })
})
