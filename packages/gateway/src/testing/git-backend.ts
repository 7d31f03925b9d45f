import { existsSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Serves the bare repositories `<root>/<owner>/<name>.git` with git's own CGI program, as a forge
 * does. With `auth` any other Authorization header gets 401. For tests.
 */
export function gitBackend(root: string, auth?: string): (request: Request) => Promise<Response> {
  return async (request) => {
    const url = new URL(request.url)
    const repo = /^\/([^/]+\/[^/]+\.git)\//.exec(url.pathname)?.[1]
    if (auth !== undefined && request.headers.get('authorization') !== auth) return new Response('who are you?', { status: 401 })
    if (!repo || !existsSync(join(root, repo))) return new Response('Repository not found.', { status: 404 })
    const header = (name: string) => request.headers.get(name) ?? ''
    const child = Bun.spawn(['git', 'http-backend'], {
      env: {
        PATH: '/usr/local/bin:/usr/bin:/bin',
        GIT_PROJECT_ROOT: root,
        GIT_HTTP_EXPORT_ALL: '1',
        GIT_CONFIG_COUNT: '3',
        GIT_CONFIG_KEY_0: 'http.receivepack',
        GIT_CONFIG_VALUE_0: 'true',
        GIT_CONFIG_KEY_1: 'uploadpack.allowAnySHA1InWant',
        GIT_CONFIG_VALUE_1: 'true',
        GIT_CONFIG_KEY_2: 'safe.directory',
        GIT_CONFIG_VALUE_2: '*',
        PATH_INFO: url.pathname,
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: header('content-type'),
        CONTENT_LENGTH: header('content-length'),
        HTTP_CONTENT_ENCODING: header('content-encoding'),
        GIT_PROTOCOL: header('git-protocol'),
        REMOTE_USER: 'test',
        REMOTE_ADDR: '127.0.0.1',
      },
      stdin: request.body ? new Response(request.body) : 'ignore',
      stdout: 'pipe',
      stderr: 'ignore',
    })
    return readCgi(child.stdout)
  }
}

/** CGI's header lines, then the body as it comes. */
async function readCgi(output: ReadableStream<Uint8Array>): Promise<Response> {
  const reader = output.getReader()
  let start = Buffer.alloc(0)
  let end = -1
  while (end < 0) {
    const { done, value } = await reader.read()
    if (done) return new Response('git http-backend gave no headers', { status: 500 })
    start = Buffer.concat([start, value])
    end = start.indexOf('\r\n\r\n')
  }
  const headers = new Headers()
  let status = 200
  for (const line of start.subarray(0, end).toString().split('\r\n')) {
    const [name = '', value = ''] = line.split(/:\s*/, 2)
    if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10)
    else headers.append(name, value)
  }
  const rest = start.subarray(end + 4)
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(rest),
    async pull(controller) {
      const { done, value } = await reader.read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: async () => reader.cancel(),
  })
  return new Response(body, { status, headers })
}

/** Runs git with nothing of the person's or machine's configuration. */
export async function git(cwd: string, args: readonly string[], env: Record<string, string> = {}): Promise<{ code: number; out: string; err: string }> {
  const child = Bun.spawn(['git', ...args], {
    cwd,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      HOME: '/nonexistent',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_TERMINAL_PROMPT: '0',
      GIT_AUTHOR_NAME: 'Ada',
      GIT_AUTHOR_EMAIL: 'ada@example.com',
      GIT_COMMITTER_NAME: 'Ada',
      GIT_COMMITTER_EMAIL: 'ada@example.com',
      LC_ALL: 'C',
      ...env,
    },
  })
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  return { code, out: out.trim(), err }
}

/** A bare repository `<root>/<repo>.git` with these files on `main`; an empty map leaves it without commits. */
export async function createBareRepo(root: string, repo: string, files: Record<string, string>): Promise<string> {
  const bare = join(root, `${repo}.git`)
  await must(root, ['init', '-q', '--bare', '-b', 'main', bare])
  if (Object.keys(files).length === 0) return bare
  const work = join(root, `.work-${repo.replace('/', '-')}-${crypto.randomUUID()}`)
  await must(root, ['clone', '-q', bare, work])
  for (const [path, text] of Object.entries(files)) await Bun.write(join(work, path), text)
  await must(work, ['add', '-Af'])
  await must(work, ['commit', '-qm', 'Start'])
  await must(work, ['push', '-q', 'origin', 'HEAD:refs/heads/main'])
  return bare
}

/** @throws Error with git's own words */
export async function must(cwd: string, args: readonly string[]): Promise<string> {
  const { code, out, err } = await git(cwd, args)
  if (code !== 0) throw new Error(`git ${args.join(' ')}: ${err}`)
  return out
}
