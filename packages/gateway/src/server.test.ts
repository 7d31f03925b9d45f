import { afterEach, describe, expect, test } from 'bun:test'
import { existsSync, statSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError } from '@factory/shared'
import { parseConfig } from './index.ts'
import { RUN_TOKEN, startBench, type Bench } from './testing/gateway.ts'

let bench: Bench | null = null
afterEach(async () => {
  await bench?.stop()
  bench = null
})

describe('the worker protocol through the gateway', () => {
  test('passes a call on with the run\'s own token, and nothing about the way it came', async () => {
    bench = await startBench()
    const response = await fetch(`${bench.gateway.url}/worker/7/heartbeat`, { method: 'POST', body: '{"events":[]}', headers: { authorization: `Bearer ${RUN_TOKEN}`, 'content-type': 'application/json', 'x-forwarded-for': '9.9.9.9', cookie: 'a=b' } })
    expect(await response.json()).toEqual({ passed: 'on' })
    expect(bench.orchestrator.calls).toEqual(['POST /worker/7/heartbeat'])
    expect(bench.orchestrator.last?.body).toBe('{"events":[]}')
    expect(bench.orchestrator.last?.headers).toMatchObject({ authorization: `Bearer ${RUN_TOKEN}`, 'content-type': 'application/json' })
    expect(bench.orchestrator.last?.headers['x-forwarded-for']).toBeUndefined()
    expect(bench.orchestrator.last?.headers['cookie']).toBeUndefined()
  })

  test.each(['/worker/../api/work', '/worker/%2e%2e/api/work', '/worker/..%2fapi/work', '/api/work', '/internal/authorize', '/worker/7/heartbeat/x', '//worker/x', '/'])('has no way to %s', async (path) => {
    bench = await startBench()
    const response = await fetch(`${bench.gateway.url}${path}`, { method: 'POST', body: '{}' })
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({ error: { code: 'not_found' } })
    expect(bench.orchestrator.calls).toEqual([])
  })
})

describe('listening', () => {
  test('serves the same on its unix socket, takes over a stale one and removes its own', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'gw-'))
    const path = join(dir, 'run', 'gateway.sock')
    try {
      // A killed gateway leaves its socket behind.
      await Bun.$`mkdir -p ${join(dir, 'run')}`.quiet()
      const dead = Bun.spawn(['bun', '-e', `Bun.listen({unix: ${JSON.stringify(path)}, socket: {data() {}}}); console.log('up')`], { stdout: 'pipe' })
      await dead.stdout.getReader().read()
      dead.kill('SIGKILL')
      await dead.exited
      expect(existsSync(path)).toBe(true)
      bench = await startBench({ GATEWAY_SOCKET: path })
      expect(statSync(path).mode & 0o777).toBe(0o666)
      expect((await fetch('http://gateway/ready', { unix: path })).status).toBe(200)
      await bench.stop()
      bench = null
      expect(existsSync(path)).toBe(false)
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  })

  test('without its orchestrator it says so, and a push is refused though its run is remembered', async () => {
    bench = await startBench()
    const { gateway, orchestrator } = bench
    const ask = (service: string) => fetch(`${gateway.url}/git/acme/shop.git/info/refs?service=${service}`, { headers: { authorization: `Bearer ${RUN_TOKEN}` } })
    expect((await ask('git-receive-pack')).status).not.toBe(503)
    await orchestrator.stop()
    expect((await ask('git-upload-pack')).status).not.toBe(503)
    expect((await ask('git-receive-pack')).status).toBe(503)
    const ready = await fetch(`${gateway.url}/ready`)
    expect(ready.status).toBe(503)
    expect(await ready.text()).toContain('the orchestrator is not usable')
    expect((await fetch(`${gateway.url}/health`)).status).toBe(200)
  })

  test('does not remove a file that is no socket', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'gw-'))
    const path = join(dir, 'precious')
    await writeFile(path, 'data')
    expect(await startBench({ GATEWAY_SOCKET: path }).then(() => null, (error: unknown) => error)).toBeInstanceOf(ConfigError)
    expect(await Bun.file(path).text()).toBe('data')
    await rm(dir, { recursive: true, force: true })
  })
})

describe('the configuration', () => {
  const good = { FACTORY_TOKEN: 'fct_0123456789abcdef', ANTHROPIC_API_KEY: 'k', GITHUB_TOKEN: 't' }
  const problemsOf = (env: Record<string, string>) => {
    try {
      parseConfig(env)
      return []
    } catch (error) {
      return error instanceof ConfigError ? error.problems : [String(error)]
    }
  }

  test('has its defaults', () => {
    expect(parseConfig(good)).toMatchObject({ host: '127.0.0.1', port: 3002, socket: null, orchestratorUrl: 'http://127.0.0.1:3000', modelUrl: 'https://api.anthropic.com', githubUrl: 'https://github.com', egressAllow: [], modelsAllow: [] })
  })

  test.each([
    [{ FACTORY_TOKEN: '' }, 'FACTORY_TOKEN is not set'],
    [{ ANTHROPIC_API_KEY: '' }, 'ANTHROPIC_API_KEY is not set'],
    [{ GITHUB_TOKEN: '' }, 'GITHUB_TOKEN is not set'],
    [{ GITHUB_APP_ID: '12' }, 'GITHUB_APP_PRIVATE_KEY is not set'],
    [{ GATEWAY_SOCKET: 'relative.sock' }, 'must be an absolute path'],
    [{ GATEWAY_PORT: '99999' }, 'between 0 and 65535'],
    [{ EGRESS_ALLOW: 'https://x.com' }, 'is not a host, host:port or *.host'],
    [{ ANTHROPIC_BASE_URL: 'ftp://x' }, 'ANTHROPIC_BASE_URL'],
  ])('names what is wrong in %p', (change, message) => {
    expect(problemsOf({ ...good, ...change }).join('\n')).toContain(message)
  })
})
