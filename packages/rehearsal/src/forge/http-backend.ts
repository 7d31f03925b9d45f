import { dirname } from 'node:path'
import { accessTo, canSee, readToken } from './access.ts'
import { gitEnv } from './git.ts'
import { noticeRefs } from './refs.ts'
import { repoKey, type World } from './world.ts'

const PATH = /^\/([^/]+)\/([^/]+?)(?:\.git)?(\/(?:info\/refs|HEAD|git-upload-pack|git-receive-pack|objects\/.*))$/

/** Is this one of git's own paths? */
export const isGitPath = (path: string): boolean => PATH.test(path)

/** Answers git over HTTP with `git http-backend`; the token is the password, any user name does. */
export async function serveGit(world: World, request: Request): Promise<Response> {
  const url = new URL(request.url)
  const [, owner = '', name = '', rest = ''] = PATH.exec(decodeURIComponent(url.pathname)) ?? []
  const token = readToken(world, request.headers.get('authorization'))
  if (!token) return new Response('Invalid username or token.\n', { status: 401, headers: { 'www-authenticate': 'Basic realm="GitHub"' } })
  const repo = world.repos.get(repoKey(owner, name))
  if (!repo || !canSee(token, repo)) return new Response('Repository not found.\n', { status: 404 })
  const writes = rest === '/git-receive-pack' || url.searchParams.get('service') === 'git-receive-pack'
  const access = accessTo(token, repo, 'contents')
  if (access === 'none' || (writes && (access !== 'write' || repo.archived))) {
    const why = repo.archived && access === 'write' ? 'This repository was archived so it is read-only.' : writes ? 'Write access to repository not granted.' : 'Read access to repository not granted.'
    return new Response(`remote: ${why}\n`, { status: 403 })
  }
  const child = Bun.spawn(['git', 'http-backend'], {
    cwd: repo.dir,
    env: {
      ...gitEnv(),
      GIT_PROJECT_ROOT: dirname(repo.dir),
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: `${repo.dir.slice(dirname(repo.dir).length)}${rest}`,
      REQUEST_METHOD: request.method,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers.get('content-type') ?? '',
      CONTENT_LENGTH: request.headers.get('content-length') ?? '',
      HTTP_CONTENT_ENCODING: request.headers.get('content-encoding') ?? '',
      GIT_PROTOCOL: request.headers.get('git-protocol') ?? '',
      REMOTE_USER: token.login,
      REMOTE_ADDR: '127.0.0.1',
      GIT_COMMITTER_NAME: token.login,
      GIT_COMMITTER_EMAIL: `${token.login}@users.noreply.example.com`,
    },
    stdin: request.body ?? 'ignore',
    stdout: 'pipe',
    stderr: 'ignore',
  })
  const answer = await readCgi(child.stdout)
  if (rest !== '/git-receive-pack') return answer
  // The push is told before the pusher hears that it is done, so that nobody has to wait for it.
  const report = await answer.arrayBuffer()
  await child.exited
  await noticeRefs(world, repo, token.login)
  return new Response(report, { status: answer.status, headers: answer.headers })
}

/** Splits a CGI answer into its headers and the stream of its body. */
async function readCgi(stdout: ReadableStream<Uint8Array>): Promise<Response> {
  const reader = stdout.getReader()
  let head = Buffer.alloc(0)
  let end = -1
  while (end < 0) {
    const { done, value } = await reader.read()
    if (done) return new Response('git http-backend did not answer\n', { status: 500 })
    head = Buffer.concat([head, value])
    end = head.indexOf('\r\n\r\n')
  }
  const headers = new Headers()
  let status = 200
  for (const line of head.subarray(0, end).toString('latin1').split('\r\n')) {
    const colon = line.indexOf(':')
    const [name, value] = [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    if (name === 'status') status = Number.parseInt(value, 10)
    else headers.append(name, value)
  }
  const first = head.subarray(end + 4)
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      if (first.length > 0) controller.enqueue(first)
    },
    async pull(controller) {
      const { done, value } = await reader.read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  })
  return new Response(body, { status, headers })
}
