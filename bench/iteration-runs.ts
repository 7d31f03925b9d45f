import { RalphEvent } from '@factory/shared'
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const RALPH = join(import.meta.dir, '../packages/ralph/src/main.ts')
const SPEC = '# Something\n\n## Tasks\n\n- [ ] do what has to be done\n\n## Verify\n\n```sh\ntrue\n```\n'

/** How Ralph called the CLI. `home`: what the flags name lay below it; a copy is in `files`. */
export type Call = { argv: string[]; env: Record<string, string>; prompt: Uint8Array; home: string; files: string }

/** Megabytes. */
export type Peak = { residentMb: number; privateMb: number }

export async function makeRepo(dir: string): Promise<string> {
  mkdirSync(dir)
  writeFileSync(join(dir, 'a.txt'), 'a\n')
  for (const args of [['init', '-q'], ['add', '-A'], ['-c', 'user.name=bench', '-c', 'user.email=bench@example.com', 'commit', '-qm', 'base']]) {
    if ((await Bun.spawn(['git', ...args], { cwd: dir, stdout: 'ignore', stderr: 'ignore' }).exited) !== 0) throw new Error(`git ${args[0]} failed`)
  }
  writeFileSync(join(dir, 'SPEC.md'), SPEC)
  return dir
}

/** One iteration of Ralph, with a program in the CLI's place that writes down how it was called. */
export async function captureCall(dir: string, claude: string, env: Record<string, string>): Promise<Call> {
  const repo = await makeRepo(join(dir, 'capture'))
  const notes = join(dir, 'call')
  mkdirSync(notes)
  const recorder = join(dir, 'recorder')
  writeFileSync(recorder, `#!/bin/sh\nprintf '%s\\0' "$@" > '${notes}/argv'\nenv -0 > '${notes}/env'\ncp -r "$HOME" '${notes}/home'\ncat > '${notes}/prompt'\nexec '${claude}' "$@" < '${notes}/prompt'\n`)
  chmodSync(recorder, 0o755)
  await runRalph(repo, { ...env, CLAUDE_BIN: recorder }, 1)
  // Each ends with NUL; an argument can be empty.
  const list = (name: string): string[] => readFileSync(join(notes, name), 'utf8').split('\0').slice(0, -1)
  const called = Object.fromEntries(list('env').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
  return { argv: list('argv'), env: called, prompt: readFileSync(join(notes, 'prompt')), home: called.HOME ?? '', files: join(notes, 'home') }
}

/** What Ralph spends outside of the CLI's lifetime, by iteration: no noise of the CLI in it. Milliseconds. */
export async function outsideTimes(dir: string, repo: string, claude: string, env: Record<string, string>, iterations: number): Promise<number[]> {
  const [watch, log] = [join(dir, 'watch'), join(dir, `${crypto.randomUUID()}.log`)]
  writeFileSync(watch, `#!/bin/sh\nbegan=$(date +%s%N)\n'${claude}' "$@"\ncode=$?\necho "$began $(date +%s%N)" >> '${log}'\nexit $code\n`)
  chmodSync(watch, 0o755)
  const { times } = await runRalph(repo, { ...env, CLAUDE_BIN: watch }, iterations)
  const inside = readFileSync(log, 'utf8').split('\n').filter(Boolean).map((line) => line.split(' ').map(Number)).map(([began = 0, ended = 0]) => (ended - began) / 1e6)
  return times.map((time, index) => time - (inside[index] ?? 0))
}

/** The same call without Ralph. Milliseconds; making its HOME is not counted. */
export async function replay(call: Call, claude: string, repo: string, home: string): Promise<number> {
  cpSync(call.files, home, { recursive: true })
  const argv = call.argv.map((arg, index) => (call.argv[index - 1] === '--session-id' ? crypto.randomUUID() : arg.replace(call.home, home)))
  const env = { ...Object.fromEntries(Object.entries(call.env).map(([name, value]) => [name, value.replace(call.home, home)])), PWD: repo }
  const began = performance.now()
  const child = Bun.spawn([claude, ...argv], { cwd: repo, env, stdin: call.prompt, stdout: 'pipe', stderr: 'pipe' })
  const [said] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  const ms = performance.now() - began
  if (!said.includes('"is_error":false')) throw new Error(`claude failed: ${said.slice(-500)}`)
  return ms
}

/** From each iteration's start to what follows it, and Ralph's own memory at its highest. */
export async function runRalph(repo: string, env: Record<string, string>, iterations: number): Promise<{ times: number[]; peak: Peak }> {
  const child = Bun.spawn([process.execPath, RALPH, 'run', '--dir', repo, '--model', 'claude-sonnet-4-5', '--max-iterations', String(iterations), '--quiet'], { cwd: repo, env, stdout: 'pipe', stderr: 'pipe' })
  const peak: Peak = { residentMb: 0, privateMb: 0 }
  const marks: number[] = []
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of child.stdout) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const event = RalphEvent.parse(JSON.parse(line))
      if (event.event === 'iteration.started' || event.event === 'limit' || event.event === 'stuck.detected') marks.push(Date.parse(event.ts))
      look(child.pid, peak)
    }
  }
  const times = marks.slice(1).map((mark, index) => mark - (marks[index] ?? mark))
  if (times.length !== iterations) throw new Error(`ralph ran ${times.length} iterations instead of ${iterations}: ${await new Response(child.stderr).text()}`)
  return { times, peak }
}

/** The kernel keeps the peak of what is resident itself; that of private pages is what we happen to see. */
function look(pid: number, peak: Peak): void {
  const megabytes = (file: string, names: readonly string[]): number => {
    try {
      const text = readFileSync(`/proc/${pid}/${file}`, 'utf8')
      return names.reduce((sum, name) => sum + Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0), 0) / 1024
    } catch {
      return 0
    }
  }
  peak.residentMb = Math.max(peak.residentMb, megabytes('status', ['VmHWM']))
  peak.privateMb = Math.max(peak.privateMb, megabytes('smaps_rollup', ['Private_Clean', 'Private_Dirty']))
}
