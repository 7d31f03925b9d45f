import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'

const Line = z.looseObject({ type: z.string(), subtype: z.string().optional() })

export type ClaudeRun = { exitCode: number; lines: z.infer<typeof Line>[]; stderr: string; result: z.infer<typeof Line> | undefined }

export type ClaudeOptions = {
  bin: string
  /** The scripted model, on loopback. */
  modelUrl: string
  cwd: string
  prompt: string
  /** An OAuth token instead of an API key: the CLI shows subscription limits only then. */
  subscription?: boolean
  args?: readonly string[]
  env?: Record<string, string>
}

/**
 * Runs the real Claude CLI once against a scripted model, in an environment made from nothing with
 * a made-up key and a HOME of its own, so that no account of the machine can come into play.
 */
export async function runClaude(options: ClaudeOptions): Promise<ClaudeRun> {
  const home = await mkdtemp(join(tmpdir(), 'rehearsal-home-'))
  try {
    const child = Bun.spawn([options.bin, '-p', '--output-format', 'stream-json', '--verbose', '--dangerously-skip-permissions', '--model', 'claude-sonnet-4-5', ...(options.args ?? [])], {
      cwd: options.cwd,
      stdin: new TextEncoder().encode(options.prompt),
      stdout: 'pipe',
      stderr: 'pipe',
      env: {
        PATH: '/usr/local/bin:/usr/bin:/bin',
        HOME: home,
        ANTHROPIC_BASE_URL: options.modelUrl,
        ...(options.subscription ? { CLAUDE_CODE_OAUTH_TOKEN: 'made-up' } : { ANTHROPIC_API_KEY: 'made-up' }),
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        CLAUDE_CODE_DISABLE_AUTO_MEMORY: '1',
        CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: '1',
        CLAUDE_CODE_MAX_RETRIES: '1',
        DISABLE_AUTOUPDATER: '1',
        IS_SANDBOX: '1',
        ...options.env,
      },
    })
    const [out, stderr, exitCode] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
    const lines = out.split('\n').filter(Boolean).map((line) => Line.parse(JSON.parse(line)))
    return { exitCode, lines, stderr, result: lines.findLast((line) => line.type === 'result') }
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}
