import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Octokit } from '@octokit/rest'
import { startForge, type Forge, type ForgeOptions } from './start.ts'

export type Stage = {
  forge: Forge
  dir: string
  octokit: Octokit
  as(token: string): Octokit
  /** Runs git as a person would, in a directory of the stage. */
  git(cwd: string, ...args: string[]): Promise<{ code: number; out: string }>
  /** The forge's address with a token in it. */
  remote(repo: string, token?: string): string
  /** A branch with one commit on top of main, pushed. */
  branch(name: string, files: Record<string, string>): Promise<string>
  end(): Promise<void>
}

export const TOKEN = 'ghp_thebotstoken'

/** A forge with the repository `ada/shop`, a token that may do everything, and real git beside it. */
export async function stage(options: Partial<ForgeOptions> = {}): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), 'forge-'))
  const forge = await startForge({ dataDir: join(dir, 'data'), tokens: [{ token: TOKEN, login: 'factory-bot', scopes: ['repo'] }], ...options })
  await forge.createRepo({ name: 'ada/shop', from: { 'README.md': '# Shop\n', 'src/cart.ts': 'export const cart = []\n' } })
  const as = (token: string) => new Octokit({ baseUrl: forge.apiUrl, auth: token, log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} } })

  const git = async (cwd: string, ...args: string[]) => {
    const child = Bun.spawn(['git', '-c', 'protocol.version=2', ...args], {
      cwd,
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: dir, GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0', GIT_AUTHOR_NAME: 'Ada', GIT_AUTHOR_EMAIL: 'ada@example.com', GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'ada@example.com' },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
    return { code, out: out + err }
  }
  const remote = (repo: string, token = TOKEN) => `${forge.url.replace('://', `://x-access-token:${token}@`)}/${repo}.git`

  const branch = async (name: string, files: Record<string, string>) => {
    const work = await mkdtemp(join(dir, 'work-'))
    await git(dir, 'clone', '--quiet', remote('ada/shop'), work)
    await git(work, 'checkout', '--quiet', '-b', name)
    for (const [path, content] of Object.entries(files)) await Bun.write(join(work, path), content)
    await git(work, 'add', '--all')
    await git(work, 'commit', '--quiet', '-m', `Change ${name}`)
    const pushed = await git(work, 'push', 'origin', `HEAD:refs/heads/${name}`)
    if (pushed.code !== 0) throw new Error(pushed.out)
    return (await git(work, 'rev-parse', 'HEAD')).out.trim()
  }

  return {
    forge,
    dir,
    octokit: as(TOKEN),
    as,
    git,
    remote,
    branch,
    async end() {
      await forge.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** What a call failed with. */
export async function failure(call: Promise<unknown>): Promise<{ status: number; message: string; headers: Record<string, unknown> }> {
  try {
    await call
  } catch (error) {
    if (error instanceof Error && 'status' in error && typeof error.status === 'number') {
      const response = 'response' in error && typeof error.response === 'object' && error.response !== null && 'headers' in error.response ? error.response.headers : {}
      return { status: error.status, message: error.message, headers: { ...(typeof response === 'object' ? response : {}) } }
    }
    throw error
  }
  throw new Error('the call was expected to fail')
}
