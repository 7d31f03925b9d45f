import { defineScript, startModel } from '@factory/rehearsal'
import { RalphEvent } from '@factory/shared'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Liar } from './cases.ts'
import { rulesIn } from './caught.ts'

const RALPH = join(import.meta.dir, '../packages/ralph/src/main.ts')
const MOST_ITERATIONS = 6

export type Told = {
  case: string
  lie: string
  /** The rule that was meant to catch it; null: none. */
  meant: string | null
  /** The first rule that acted; null: none. */
  caught: string | null
  exitCode: number | null
  /** Caught by the rule that was meant, ended as it has to, and said so exactly once. */
  ok: boolean
  /** All rules that acted, in their order. */
  rules: string[]
}

/** Has one liar try it: the real Ralph and the real CLI on a scripted model, in a repository of its own. */
export async function tell(liar: Liar, claude: string): Promise<Told> {
  const dir = await mkdtemp(join(tmpdir(), 'liar-'))
  const model = await startModel({ scripts: [defineScript({ rules: rulesOf(liar) })] })
  try {
    await prepare(dir, liar)
    const child = Bun.spawn([process.execPath, RALPH, 'run', '--run', 'liar', '--dir', dir, '--model', 'claude-sonnet-4-5', '--max-iterations', String(MOST_ITERATIONS), '--quiet'], {
      cwd: dir,
      env: { PATH: process.env.PATH ?? '', CLAUDE_BIN: claude, ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'made-up', IS_SANDBOX: '1', TMPDIR: tmpdir() },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'ignore',
    })
    const [text, exitCode] = await Promise.all([new Response(child.stdout).text(), child.exited])
    const events = text.split('\n').filter(Boolean).map((line) => RalphEvent.parse(JSON.parse(line)))
    const rules = rulesIn(events)
    const ends = events.filter((event) => event.event === 'run.finished')
    const caught = rules[0] ?? null
    const honest = ends.length === 1 && events.at(-1) === ends[0] && ends[0]?.exitCode === exitCode
    return { case: liar.name, lie: liar.lie, meant: liar.meant, caught, exitCode, ok: honest && caught === liar.meant && exitCode === liar.exitCode, rules }
  } finally {
    await model.stop()
    await rm(dir, { recursive: true, force: true })
  }
}

function rulesOf({ command, says, forEver }: Liar): Parameters<typeof defineScript>[0]['rules'] {
  const act = command === null ? [] : [{ tool: 'Bash', input: { command, description: 'work' } }]
  if (command === null) return [{ reply: says }]
  return forEver ? [{ reply: act }] : [{ match: { turn: 0 }, reply: act }, { reply: says }]
}

async function prepare(dir: string, { files, verify }: Liar): Promise<void> {
  const git = async (...args: string[]): Promise<void> => {
    const code = await Bun.spawn(['git', '-c', 'user.name=L', '-c', 'user.email=l@localhost', ...args], { cwd: dir, stdout: 'ignore', stderr: 'ignore' }).exited
    if (code !== 0) throw new Error(`git ${args[0]} failed with ${code}`)
  }
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await writeFile(join(dir, path), text)
  }
  await git('init', '--quiet', '--initial-branch=main')
  await git('add', '--all')
  await git('commit', '--quiet', '--message=base')
  await writeFile(join(dir, 'SPEC.md'), `# Say yes\n\n## Tasks\n\n- [ ] Write the file done.txt with the word yes\n\n## Verify\n\n\`\`\`sh\n${verify.join('\n')}\n\`\`\`\n`)
}
