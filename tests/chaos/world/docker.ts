/** Runs the engine's command line. @throws Error with what it said */
export async function docker(...args: string[]): Promise<string> {
  const child = Bun.spawn(['docker', ...args], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  if (code !== 0) throw new Error(`docker ${args[0]}: ${err.trim()}`)
  return out.trim()
}
