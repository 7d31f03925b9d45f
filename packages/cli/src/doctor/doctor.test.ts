import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { describeWith, need } from '@factory/rehearsal/testing'
import { generateKeyPairSync } from 'node:crypto'
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkBun } from './checks/bun.ts'
import { checkClaude } from './checks/claude.ts'
import { checkConfiguration } from './checks/configuration.ts'
import { checkDataDir, judgeSpace } from './checks/disk.ts'
import { checkDocker } from './checks/docker.ts'
import { checkGit } from './checks/git.ts'
import { checkGithub } from './checks/github.ts'
import { checkModel } from './checks/model.ts'
import { checkPostgres } from './checks/postgres.ts'
import { checkRedis } from './checks/redis.ts'
import { checkService } from './checks/services.ts'
import { readEnvironment, unreadableLines } from './environment.ts'
import { mergeProblems } from './examine.ts'
import type { Examined } from './examined.ts'

// A check may take eight seconds on its own.
setDefaultTimeout(30_000)

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'doctor-'))
  closing.push(() => rm(folder, { recursive: true, force: true }))
  return folder
}

function examined(raw: Record<string, string>, cwd = '/nonexistent'): Examined {
  return { env: readEnvironment(raw).env, raw, config: { url: 'http://127.0.0.1:1', token: null, dataDir: '.factory', noColor: true }, cwd, token: null }
}

/** A server that says one thing to whoever speaks to it. */
function says(answer: string, heard: string[] = []): number {
  const server = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: (socket, bytes) => void (heard.push(bytes.toString('latin1')), socket.write(answer)) } })
  closing.push(() => server.stop(true))
  return server.port
}

function web(fetch: (request: Request) => Response): string {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch })
  closing.push(() => server.stop(true))
  return `http://127.0.0.1:${server.port}`
}

describe('the environment', () => {
  test('each wrong variable is one problem, and the others still count', () => {
    const { env, problems } = readEnvironment({ MAX_WORKERS: 'x', REPOS: 'not a repo', COOLDOWN_SECONDS: '5', FACTORY_TOKEN: 'short' })
    expect(problems.length).toBe(3)
    expect(problems.join('\n')).not.toContain('short')
    expect(env).toMatchObject({ COOLDOWN_SECONDS: 5, MAX_WORKERS: 2 })
    expect(env.REPOS).toBeUndefined()
  })

  test('problems of several services are told once each, and not what a check of its own tells', () => {
    expect(mergeProblems(['REPOS is not set: x', 'GITHUB_TOKEN is not set. y'], ['REPOS is wrong', 'MAX_WORKERS is "x"'])).toEqual(['REPOS is not set: x', 'MAX_WORKERS is "x"'])
  })

  test('lines of .env that nobody reads are named', () => {
    expect(unreadableLines('A=1\n# c\n\nexport B="x\ny"\nREPOS: a/b\nC=\'one\'\nnothing')).toEqual([6, 8])
  })

  test('the file and each problem are findings', async () => {
    const folder = await aFolder()
    await Bun.write(join(folder, '.env'), 'A=1\nREPOS a/b\n')
    expect(await checkConfiguration(folder, ['X is wrong'])).toMatchObject([{ name: '.env', status: 'warn', detail: 'line 2 is not NAME=value and passed over' }, { status: 'fail', detail: 'X is wrong' }])
    expect(await checkConfiguration('/nonexistent', [])).toMatchObject([{ status: 'skipped' }])
  })
})

describe('programs', () => {
  test('Bun by its version', () => {
    expect(checkBun('1.2.9').status).toBe('fail')
    expect(checkBun('1.4.4').status).toBe('ok')
    expect(checkBun('2.0.0').status).toBe('warn')
  })

  test('git is looked for on the PATH', async () => {
    expect(await checkGit({ PATH: '/nonexistent' })).toMatchObject({ status: 'fail', fix: 'Install it: apt-get install git' })
  })

  test('a claude that is not there, does not run, or is of another version', async () => {
    const folder = await aFolder()
    const make = async (body: string) => {
      const path = join(folder, 'claude')
      await Bun.write(path, `#!/bin/sh\n${body}\n`)
      await chmod(path, 0o755)
      return examined({ CLAUDE_BIN: path })
    }
    expect(await checkClaude(examined({ CLAUDE_BIN: '/nonexistent/claude' }))).toMatchObject({ status: 'fail' })
    expect(await checkClaude(await make('echo broken >&2; exit 3'))).toMatchObject({ status: 'fail' })
    expect(await checkClaude(await make('echo "2.1.100 (Claude Code)"'))).toMatchObject({ status: 'warn' })
  })
})

describeWith(['claude'], 'the real claude', () => {
  test('tells its version', async () => {
    expect(await checkClaude(examined({ CLAUDE_BIN: need('claude') }))).toMatchObject({ status: 'ok' })
  })
})

describe('the model credential', () => {
  test.each([
    [{}, 'fail'],
    [{ ANTHROPIC_API_KEY: 'made-up' }, 'ok'],
    [{ ANTHROPIC_API_KEY: 'made-up', CLAUDE_CODE_OAUTH_TOKEN: 'made-up' }, 'warn'],
    [{ ANTHROPIC_API_KEY: 'sk-ant-oat-made-up' }, 'fail'],
  ])('%j: %s', (raw, status) => {
    const finding = checkModel(examined(raw))
    expect(String(finding.status)).toBe(status)
    expect(JSON.stringify(finding)).not.toContain('made-up')
  })
})

describe('Redis', () => {
  const at = (port: number, login = '') => checkRedis(examined({ REDIS_URL: `redis://${login}127.0.0.1:${port}` }))
  test('answers, wants a login, is something else, is not there, is not used', async () => {
    const heard: string[] = []
    expect(await at(says('+OK\r\n+PONG\r\n', heard), 'me:p%40ss@')).toMatchObject({ status: 'ok' })
    expect(heard.join('')).toBe('*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$4\r\np@ss\r\n*1\r\n$4\r\nPING\r\n')
    const refused = await at(says('-WRONGPASS invalid\r\n'), 'me:sesame@')
    expect(refused).toMatchObject({ status: 'fail', detail: expect.stringContaining('login') })
    expect(JSON.stringify(refused)).not.toContain('sesame')
    expect(await at(says('-ERR what\r\n'))).toMatchObject({ status: 'fail' })
    expect(await at(1)).toMatchObject({ status: 'fail', detail: expect.stringContaining('nothing answers') })
    expect(await checkRedis(examined({}))).toMatchObject({ status: 'skipped' })
  })
})

describeWith(['redis'], 'the real Redis', () => {
  test('answers', async () => {
    expect(await checkRedis(examined({ REDIS_URL: need('redis') }))).toMatchObject({ status: 'ok' })
  })
})

describe('PostgreSQL', () => {
  const at = (port: number) => checkPostgres(examined({ DATABASE_URL: `postgres://me:sesame@127.0.0.1:${port}/x` }))
  test('answers, is something else, is not there, is not used; the password is not repeated', async () => {
    expect(await at(says('N'))).toMatchObject({ status: 'ok' })
    expect(await at(says('HTTP/1.1 400\r\n'))).toMatchObject({ status: 'fail', detail: expect.stringContaining('something else') })
    const gone = await at(1)
    expect(gone).toMatchObject({ status: 'fail' })
    expect(JSON.stringify(gone)).not.toContain('sesame')
    expect(await checkPostgres(examined({}))).toMatchObject({ status: 'skipped' })
  })
})

describeWith(['postgres'], 'the real PostgreSQL', () => {
  test('answers', async () => {
    expect(await checkPostgres(examined({ DATABASE_URL: need('postgres') }))).toMatchObject({ status: 'ok' })
  })
})

describe('the container engine', () => {
  test('on a socket, with and without the image', async () => {
    const unix = join(await aFolder(), 'docker.sock')
    const server = Bun.serve({
      unix,
      fetch: (request) => {
        const path = new URL(request.url).pathname
        if (path === '/version') return Response.json({ Version: '27.1' })
        return path === '/images/there%3Alatest/json' || path === '/images/there:latest/json' ? Response.json({}) : new Response('{}', { status: 404 })
      },
    })
    closing.push(() => server.stop(true))
    expect(await checkDocker(examined({ DOCKER_HOST: `unix://${unix}`, WORKER_IMAGE: 'there:latest' }))).toMatchObject([{ status: 'ok', detail: `engine 27.1 at unix://${unix}` }, { status: 'ok' }])
    expect(await checkDocker(examined({ DOCKER_HOST: `unix://${unix}`, WORKER_IMAGE: 'other' }))).toMatchObject([{ status: 'ok' }, { status: 'fail', fix: expect.stringContaining('build-images') }])
  })

  test('away: a warning that there is no sandbox, a failure where it is asked for', async () => {
    const away = { DOCKER_HOST: 'unix:///nonexistent.sock' }
    expect(await checkDocker(examined(away))).toMatchObject([{ status: 'warn', detail: expect.stringContaining('no sandbox') }, { status: 'skipped' }])
    expect(await checkDocker(examined({ ...away, WORKER_RUNTIME: 'docker' }))).toMatchObject([{ status: 'fail' }, { status: 'skipped' }])
    expect(await checkDocker(examined({ WORKER_RUNTIME: 'process' }))).toMatchObject([{ status: 'skipped' }, { status: 'skipped' }])
  })
})

describe('GitHub', () => {
  const api = (user: Response) =>
    web((request) => {
      const path = new URL(request.url).pathname
      if (path === '/user') return user.clone()
      if (path === '/repos/acme/shop') return Response.json({ full_name: 'acme/shop', permissions: { push: true } })
      if (path === '/repos/acme/read') return Response.json({ full_name: 'acme/read', permissions: { push: false } })
      if (path === '/repos/acme/old') return Response.json({ full_name: 'acme/old', archived: true, permissions: { push: true } })
      if (path === '/app') return request.headers.get('authorization')?.split('.').length === 3 ? Response.json({ name: 'Factory' }) : new Response('', { status: 401 })
      if (path === '/repos/acme/shop/installation') return Response.json({ permissions: { contents: 'write', issues: 'read', pull_requests: 'write' } })
      return new Response('{}', { status: 404 })
    })
  const REPOS = 'acme/shop,acme/read,acme/old,acme/gone'

  test('who, and what may be pushed to', async () => {
    const url = api(Response.json({ login: 'mara' }, { headers: { 'x-oauth-scopes': 'repo, workflow' } }))
    const findings = await checkGithub(examined({ GITHUB_TOKEN: 'made-up', GITHUB_API_URL: url, REPOS }))
    expect(findings.map((finding) => finding.status)).toEqual(['ok', 'ok', 'fail', 'fail', 'fail'])
    expect(findings[0]?.detail).toContain('mara')
    expect(JSON.stringify(findings)).not.toContain('made-up')
  })

  test('a refused token, a token without the scope, no credential, nothing asked for', async () => {
    expect(await checkGithub(examined({ GITHUB_TOKEN: 'x', GITHUB_API_URL: api(new Response('', { status: 401 })) }))).toMatchObject([{ status: 'fail', detail: 'GitHub does not accept GITHUB_TOKEN' }])
    const weak = api(Response.json({ login: 'mara' }, { headers: { 'x-oauth-scopes': 'gist' } }))
    expect(await checkGithub(examined({ GITHUB_TOKEN: 'x', GITHUB_API_URL: weak }))).toMatchObject([{ status: 'fail' }, { name: 'repositories', status: 'warn' }])
    expect(await checkGithub(examined({ REPOS }))).toMatchObject([{ status: 'fail' }])
    expect(await checkGithub(examined({}))).toMatchObject([{ status: 'fail', fix: expect.stringContaining('factory demo') }])
    expect(await checkGithub(examined({ GITHUB_TOKEN: 'x', GITHUB_API_URL: 'http://127.0.0.1:1' }))).toMatchObject([{ status: 'fail' }])
  })

  test('an App: its key, and its permissions in each repository', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const pem = String(privateKey.export({ type: 'pkcs1', format: 'pem' })).replaceAll('\n', '\\n')
    const url = api(new Response('', { status: 401 }))
    expect(await checkGithub(examined({ GITHUB_APP_ID: '12', GITHUB_APP_PRIVATE_KEY: pem, GITHUB_API_URL: url, REPOS: 'acme/shop,acme/gone' }))).toMatchObject([
      { status: 'ok' },
      { status: 'fail', detail: 'the App may not write issues' },
      { status: 'fail', detail: 'the App Factory is not installed there' },
    ])
    expect(await checkGithub(examined({ GITHUB_APP_ID: '12', GITHUB_APP_PRIVATE_KEY: 'no key', GITHUB_API_URL: url }))).toMatchObject([{ status: 'fail' }])
    expect(await checkGithub(examined({ GITHUB_APP_ID: '12' }))).toMatchObject([{ status: 'fail' }])
  })
})

describe('services and ports', () => {
  const look = (url: string) => checkService({ name: 'dashboard', url, port: Number(new URL(url).port), variable: 'DASHBOARD_PORT' })
  test('ours, sick, somebody else, a port that speaks no HTTP, and nothing', async () => {
    expect(await look(web(() => Response.json({ ok: true })))).toMatchObject({ status: 'ok' })
    expect(await look(web(() => Response.json({}, { status: 503 })))).toMatchObject({ status: 'fail', detail: expect.stringContaining('not healthy') })
    expect(await look(web(() => new Response('<html>', { headers: { 'content-type': 'text/html' } })))).toMatchObject({ status: 'fail', detail: expect.stringContaining('something else') })
    const other = says('what?\r\n')
    expect(await look(`http://127.0.0.1:${other}`)).toMatchObject({ status: 'fail', fix: expect.stringContaining('DASHBOARD_PORT') })
    const free = web(() => new Response())
    await closing.pop()?.()
    expect(await look(free)).toMatchObject({ status: 'warn', detail: expect.stringContaining('is free') })
  })
})

describe('the disk', () => {
  test('space in three grades', () => {
    expect([2e8, 3e9, 9e9].map((free) => judgeSpace(free, '/x').status)).toEqual(['fail', 'warn', 'ok'])
  })

  test('a data directory is tried, and looking leaves nothing behind', async () => {
    const folder = await aFolder()
    expect(await checkDataDir(examined({}, folder))).toMatchObject({ status: 'ok' })
    expect(await readdir(folder)).toEqual([])
    await Bun.write(join(folder, 'file'), 'x')
    expect(await checkDataDir(examined({ DATA_DIR: 'file' }, folder))).toMatchObject({ status: 'fail', fix: 'Set DATA_DIR to a directory of yours' })
  })
})
