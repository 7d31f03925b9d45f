import { EndedBy, NO_USAGE } from '@factory/shared/ralph'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { signalGroup } from '../process/group.ts'
import { makeTemporary } from '../process/leftovers.ts'
import { mark, newMarker } from '../process/marker.ts'
import { sweep } from '../process/sweep.ts'
import { Tail } from '../process/tail.ts'
import type { Agent, AgentResult, AgentTask } from './agent.ts'
import { openGuard, type Guard } from '../locks/guard.ts'
import { judge, type Ending } from './judge.ts'
import { withoutMentions } from './mentions.ts'
import { fold, START, usageOf, type StreamState } from './stream.ts'

export type ClaudeOptions = {
  bin: string
  /** Of the checkout: what a killed run started is known by it. */
  key?: string
  /** The whole environment; HOME, the CLI's temporary directory and the marker are put into it. */
  env: Record<string, string>
  /** MCP servers, as the JSON text of `--mcp-config`; none are loaded besides these. null: none at all. */
  mcpConfig?: string | null
  maxTurns?: number
  /** Without output and without a running tool. */
  silentMs?: number
  /** What a CLI has left to exit after its last line once a result was there. */
  lingerMs?: number
  /** Between SIGINT and SIGKILL. */
  graceMs?: number
}

const NO_SERVERS = '{"mcpServers":{}}'
const LONGEST_LINE = 32 * 1024 * 1024

/** What the agent may not do by the usual way; that it could in others is caught by looking at the tree. */
const DISALLOWED = ['Bash(git push:*)', 'Bash(git commit:*)', 'Bash(git checkout:*)', 'Bash(git switch:*)', 'Bash(git reset:*)', 'Bash(git stash:*)', 'WebFetch', 'WebSearch']

/** Claude Code as an {@link Agent}. */
export function claudeAgent(options: ClaudeOptions): Agent {
  return { name: 'claude', run: (task) => runClaude(options, task) }
}

async function runClaude(options: ClaudeOptions, task: AgentTask): Promise<AgentResult> {
  const key = options.key ?? 'none'
  const marker = newMarker(key)
  const home = await makeTemporary('home', key)
  let guard: Guard | null = null
  try {
    await mkdir(join(home, 'ralph'))
    guard = await openGuard(join(home, 'ralph'), task.beforeEdit)
    const args = await prepare(home, task, options, guard)
    const child = Bun.spawn([options.bin, ...args], {
      cwd: task.dir,
      // Transcripts of subagents would stay in the machine's temporary directory, for the next one to read.
      env: mark({ ...options.env, ...guard.env, HOME: home, CLAUDE_CODE_TMPDIR: join(home, 'tmp') }, marker),
      // Closed at once: an open silent stdin costs three seconds.
      stdin: new TextEncoder().encode(withoutMentions(task.prompt)),
      stdout: 'pipe',
      stderr: 'pipe',
      detached: true,
    })
    return await watch(child, task, options, marker)
  } catch (error) {
    await sweep(marker)
    return { verdict: { kind: 'failed', reason: `claude could not be started: ${error instanceof Error ? error.message : String(error)}` }, usage: NO_USAGE, text: null, endedBy: null }
  } finally {
    guard?.close()
    await rm(home, { recursive: true, force: true }).catch(() => undefined)
  }
}

/** Writes the files the flags name and returns the flags. */
async function prepare(home: string, task: AgentTask, options: ClaudeOptions, guard: Guard): Promise<string[]> {
  const file = (name: string): string => join(home, 'ralph', name)
  await mkdir(join(home, 'tmp'))
  await Promise.all([writeFile(file('mcp.json'), options.mcpConfig ?? NO_SERVERS), writeFile(file('settings.json'), JSON.stringify(guard.settings)), writeFile(file('rules.md'), task.rules)])
  return [
    '-p',
    '--output-format', 'stream-json',
    '--verbose',
    '--dangerously-skip-permissions',
    ...(task.model ? ['--model', task.model] : []),
    // None: the repository's own settings could run hooks, start servers and redirect the model. The
    // user's are those of a HOME that is empty, and read again while it runs: an agent could write there
    // that no hook shall run.
    '--setting-sources', '',
    '--strict-mcp-config',
    '--mcp-config', file('mcp.json'),
    '--settings', file('settings.json'),
    '--append-system-prompt-file', file('rules.md'),
    '--session-id', crypto.randomUUID(),
    '--max-turns', String(options.maxTurns ?? 150),
    '--max-budget-usd', task.maxCostUsd.toFixed(4),
    ...(task.tools ? ['--tools', task.tools.join(',')] : ['--disallowedTools', ...DISALLOWED]),
  ]
}

type Child = Bun.Subprocess<Uint8Array, 'pipe', 'pipe'>

/** Reads to the end of file, ends what hangs, and judges. */
async function watch(child: Child, task: AgentTask, options: ClaudeOptions, marker: string): Promise<AgentResult> {
  let state: StreamState = START
  let by: Ending['by'] = 'itself'
  let heard = performance.now()
  let hard: ReturnType<typeof setTimeout> | undefined
  const end = (why: Ending['by']) => {
    if (by !== 'itself') return
    by = why
    signalGroup(child.pid, 'SIGINT')
    hard = setTimeout(() => {
      signalGroup(child.pid, 'SIGKILL')
      // A child in a session of its own holds the pipe open; without it the end of file comes.
      void sweep(marker)
    }, options.graceMs ?? 10_000)
  }
  const abort = () => end('abort')
  task.signal.addEventListener('abort', abort, { once: true })
  if (task.signal.aborted) abort()
  const wall = setTimeout(() => end('time'), task.limitMs)
  const silentMs = options.silentMs ?? 600_000
  const lingerMs = options.lingerMs ?? 30_000
  const ears = setInterval(() => {
    const quiet = performance.now() - heard
    if (state.result && quiet > lingerMs) end('lingering')
    else if (state.running.size === 0 && quiet > silentMs) end('silence')
  }, Math.min(1000, silentMs, lingerMs))

  // What outlives the CLI may hold its pipes open; nothing of it is waited for.
  const gone = child.exited.then(async () => {
    signalGroup(child.pid, 'SIGKILL')
    await sweep(marker)
  })
  const stderr = new Tail(8192)
  const errors = (async () => {
    for await (const chunk of child.stderr) stderr.write(chunk)
  })()
  try {
    for await (const line of linesOf(child.stdout)) {
      heard = performance.now()
      const folded = fold(state, line)
      state = folded.state
      for (const activity of folded.activities) task.onActivity(activity)
      if (state.repeats.looping) end('same_call')
    }
    await gone
  } catch (error) {
    signalGroup(child.pid, 'SIGKILL')
    await gone
    throw error
  } finally {
    clearTimeout(wall)
    clearTimeout(hard)
    clearInterval(ears)
    task.signal.removeEventListener('abort', abort)
    await errors
  }
  const ending: Ending = { by, exitCode: child.exitCode, signal: child.signalCode === null ? null : String(child.signalCode), stderr: stderr.text() }
  return { verdict: judge(state, ending), usage: usageOf(state), text: state.text, endedBy: EndedBy.safeParse(by).data ?? null }
}

/** Whole lines of a byte stream; the last one need not end. A line beyond all reason is cut. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let parts: string[] = []
  let size = 0
  for await (const chunk of stream) {
    const text = decoder.decode(chunk, { stream: true })
    let from = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      parts.push(text.slice(from, end))
      yield parts.join('')
      parts = []
      size = 0
      from = end + 1
    }
    if (from < text.length && size < LONGEST_LINE) {
      parts.push(text.slice(from))
      size += text.length - from
    }
  }
  const rest = parts.join('') + decoder.decode()
  if (rest) yield rest
}
