import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { RUN_TOKEN, startBench, type Bench } from '../testing/gateway.ts'
import { EgressRefusals } from '@factory/shared'
import { grantFor } from '../testing/stub-orchestrator.ts'
import { isAllowed, isReachable, parseAllow, parseTarget } from './allow.ts'
import { createRefusals } from './refusals.ts'

const rulesOf = (text: string) => parseAllow(text.split(',')).rules

describe('the allow-list', () => {
  test.each([
    ['example.com', 'example.com', 443, true],
    ['example.com', 'example.com', 80, false],
    ['example.com:80', 'example.com', 80, true],
    ['example.com', 'a.example.com', 443, false],
    ['*.example.com', 'a.b.example.com', 443, true],
    ['*.example.com', 'example.com', 443, false],
    ['*.example.com', 'evilexample.com', 443, false],
    ['EXAMPLE.com', 'example.com', 443, true],
    ['10.0.0.7:8080', '10.0.0.7', 8080, true],
    ['[::1]:8080', '::1', 8080, true],
  ])('%s and %s:%d: %p', (list, host, port, expected) => {
    expect(isAllowed(rulesOf(list), host, port)).toBe(expected)
  })

  test('an entry that is no host is a problem', () => {
    expect(parseAllow(['https://x.com', 'a b', '*.1.2.3.4', 'x.com:99999', '*', 'ok.com']).problems).toHaveLength(5)
  })

  test.each(['x.com', 'x.com:0', 'x.com:70000', '127.1:80', '0x7f.1:80', '2130706433:80', '[::1:80', 'a@b.com:80', '-x:1x', ''])('CONNECT %j is no target', (text) => {
    expect(parseTarget(text)).toBeNull()
  })

  test.each(['127.0.0.1', '10.1.2.3', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '::1', '::', 'fe80::1', 'fd00::1', '::ffff:10.0.0.1', '64:ff9b::a00:1', '2002:a00:1::', 'nonsense'])('%s is not reached by a name', (address) => {
    expect(isReachable(rulesOf('*.com'), address, 443)).toBe(false)
    expect(isReachable(rulesOf('example.com'), '93.184.216.34', 443)).toBe(true)
    expect(isReachable(rulesOf('example.com'), '2606:2800:220:1::1', 443)).toBe(true)
  })
})

describe('CONNECT', () => {
  let echo: Server
  let port = 0
  let bench: Bench
  const clients: Socket[] = []
  const names: Record<string, string[]> = { 'inside.test': ['127.0.0.1'], 'private.test': ['10.0.0.1', '192.168.0.1'] }

  beforeAll(async () => {
    echo = createServer((socket) => socket.on('data', (data) => socket.write(`echo ${data.toString()}`)))
    echo.listen(0, '127.0.0.1')
    await once(echo, 'listening')
    const address = echo.address()
    port = typeof address === 'object' && address ? address.port : 0
    bench = await startBench(
      { EGRESS_ALLOW: `127.0.0.1:${port},inside.test:${port},private.test:${port}`, GATEWAY_SOCKET: `/tmp/gateway-egress-${process.pid}.sock` },
      { resolve: async (host) => names[host] ?? [] },
    )
  })
  afterAll(async () => {
    await bench.stop()
    echo.close()
  })
  afterEach(() => clients.splice(0).forEach((client) => client.destroy()))

  const open = async (target: string, token: string | null, over: 'tcp' | 'socket' = 'tcp') => {
    const client = over === 'tcp' ? connect(Number(new URL(bench.gateway.url).port), '127.0.0.1') : connect(bench.gateway.socket ?? '')
    clients.push(client)
    client.setEncoding('utf8')
    const auth = token ? `Proxy-Authorization: Basic ${btoa(`run:${token}`)}\r\n` : ''
    client.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${auth}\r\n`)
    const [answer]: unknown[] = await once(client, 'data')
    return { client, answer: String(answer) }
  }

  test.each(['tcp', 'socket'] as const)('tunnels to an allowed host over %s', async (over) => {
    for (const host of ['127.0.0.1', 'inside.test']) {
      const { client, answer } = await open(`${host}:${port}`, RUN_TOKEN, over)
      expect(answer).toStartWith('HTTP/1.1 200')
      client.write('hi')
      expect(String((await once(client, 'data'))[0])).toBe('echo hi')
    }
  })

  test('refuses, in the shared shape, what is not on the list', async () => {
    for (const target of ['example.com:443', `127.0.0.1:${port + 1}`, 'metadata.internal:80']) {
      const { answer } = await open(target, RUN_TOKEN)
      expect(answer).toStartWith('HTTP/1.1 403')
      expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({ error: { code: 'forbidden' } })
    }
  })

  test('tells a run, and nobody else, what was refused to it', async () => {
    const refused = (token: string) => fetch(`${bench.gateway.url}/egress/refused`, { headers: { authorization: `Bearer ${token}` } })
    await open('packages.example.com:443', RUN_TOKEN)
    await open('packages.example.com:443', RUN_TOKEN)
    await open(`private.test:${port}`, RUN_TOKEN)
    const { refused: mine } = EgressRefusals.parse(await (await refused(RUN_TOKEN)).json())
    expect(mine.filter((target) => target === 'packages.example.com:443')).toHaveLength(1)
    expect(mine).toContain(`private.test:${port} at its private address 10.0.0.1`)
    expect(mine).not.toContain(`127.0.0.1:${port}`)
    bench.orchestrator.grants.set('frt_8_another', { ...grantFor(), runId: 8 })
    expect(await (await refused('frt_8_another')).json()).toEqual({ refused: [] })
    expect((await refused('frt_1_wrong')).status).toBe(401)
  })

  test('what is kept of refusals is bounded, the latest runs stay', () => {
    const refusals = createRefusals()
    for (let run = 1; run <= 300; run += 1) for (let host = 0; host < 30; host += 1) refusals.note(run, `h${host}.test:443`)
    expect(refusals.of(300)).toHaveLength(20)
    expect([refusals.of(100), refusals.of(101)].map((hosts) => hosts.length)).toEqual([0, 20])
  })

  test('refuses a listed name that points at a private address', async () => {
    expect((await open(`private.test:${port}`, RUN_TOKEN)).answer).toContain('resolves to a private address')
  })

  test('asks for a token, and knows a wrong one', async () => {
    expect((await open(`127.0.0.1:${port}`, null)).answer).toStartWith('HTTP/1.1 407')
    expect((await open(`127.0.0.1:${port}`, 'frt_1_wrong')).answer).toStartWith('HTTP/1.1 407')
    expect((await open('nonsense', RUN_TOKEN)).answer).toStartWith('HTTP/1.1 400')
  })

  test('a name that does not resolve and a port that is closed are 503', async () => {
    const closed = await startBench({ EGRESS_ALLOW: '127.0.0.1:1,nowhere.test' }, { resolve: async () => [] })
    try {
      const ask = async (target: string) => {
        const client = connect(Number(new URL(closed.gateway.url).port), '127.0.0.1')
        clients.push(client)
        client.write(`CONNECT ${target} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic ${btoa(`run:${RUN_TOKEN}`)}\r\n\r\n`)
        return String((await once(client, 'data'))[0])
      }
      expect(await ask('127.0.0.1:1')).toStartWith('HTTP/1.1 503')
      expect(await ask('nowhere.test:443')).toStartWith('HTTP/1.1 503')
    } finally {
      await closed.stop()
    }
  })

  test('the other end closing closes the tunnel, and plain http:// is not proxied', async () => {
    const { client } = await open(`127.0.0.1:${port}`, RUN_TOKEN)
    client.end()
    await once(client, 'close')
    const plain = connect(Number(new URL(bench.gateway.url).port), '127.0.0.1')
    clients.push(plain)
    plain.write('GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n')
    expect(String((await once(plain, 'data'))[0])).toStartWith('HTTP/1.1 403')
  })
})
