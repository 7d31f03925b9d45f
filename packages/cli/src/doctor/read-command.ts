import { CHECK_MS } from './examined.ts'

/** A program's first line and exit code; never throws, never lasts longer than a check may. */
export async function readCommand(command: string[], env: Record<string, string>): Promise<{ text: string; exitCode: number | null }> {
  try {
    const child = Bun.spawn(command, { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', env, timeout: CHECK_MS, killSignal: 'SIGKILL' })
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
    await child.exited
    return { text: (out.trim() || err.trim()).split('\n')[0] ?? '', exitCode: child.exitCode }
  } catch (error) {
    return { text: error instanceof Error ? error.message : String(error), exitCode: null }
  }
}
