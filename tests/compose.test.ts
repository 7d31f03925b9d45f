import { describe, expect, test } from 'bun:test'
import { ConfigError } from '@factory/shared'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { readConfig as dashboard } from '../packages/dashboard/src/config.ts'
import { parseConfig as gateway } from '../packages/gateway/src/config.ts'
import { readConfig as intake } from '../packages/intake/src/config.ts'
import { readConfig as orchestrator } from '../packages/orchestrator/src/config.ts'

type Read = (env: Record<string, string | undefined>) => unknown
const READERS: Readonly<Record<string, Read>> = { orchestrator, gateway, intake, dashboard }

const read = (path: string) => readFileSync(join(import.meta.dir, '..', path), 'utf8')
const Service = z.looseObject({
  environment: z.record(z.string(), z.string()),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  healthcheck: z.looseObject({ test: z.array(z.string()) }),
  restart: z.literal('unless-stopped'),
})
const Compose = z.looseObject({ services: z.looseObject({ orchestrator: Service, gateway: Service, intake: Service, dashboard: Service }), volumes: z.record(z.string(), z.unknown()) })
const compose = Compose.parse(parse(read('docker/docker-compose.yml'), { merge: true }))
const services = Object.entries(READERS).map(([name, reader]) => ({ name, reader, service: Service.parse(compose.services[name]) }))

/** The names that a service asks its environment for: by its configuration, by main.ts, or by Bun itself. */
function asked(name: string, reader: Read): Set<string> {
  const names = new Set(name === 'dashboard' ? ['LOG_LEVEL'] : ['NODE_EXTRA_CA_CERTS'])
  const spy = new Proxy<Record<string, string | undefined>>({}, { get: (_target, key) => void names.add(String(key)) })
  try {
    reader(spy)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
  }
  return names
}

/** `${NAME}`, `${NAME:-default}` and `${NAME:?message}` as compose fills them in. */
const fill = (text: string, env: Record<string, string>) => text.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_all, name: string, kind: string | undefined, rest: string) => env[name] || (kind === '-' ? rest : ''))
const example = Object.fromEntries(read('.env.example').split('\n').flatMap((line) => [/^(\w+)=(.*)$/.exec(line)].flatMap((match) => (match ? [[match[1] ?? '', match[2] ?? '']] : []))))

/** What the file itself decides: addresses inside its network, and parts that a container has no use for. */
const DECIDED = ['CLAUDE_BIN', 'DASHBOARD_PORT', 'DOCKER_HOST', 'GATEWAY_PORT', 'GATEWAY_SOCKET', 'INTAKE_PORT', 'ORCHESTRATOR_PORT', 'PATH']

describe('docker-compose.yml', () => {
  test.each(services)('$name is given every variable it knows, and no other', ({ name, reader, service }) => {
    const known = asked(name, reader)
    const given = Object.keys(service.environment)
    expect(given.filter((variable) => !known.has(variable))).toEqual([])
    expect([...known].filter((variable) => !given.includes(variable) && !DECIDED.includes(variable))).toEqual([])
  })

  test.each(services)('$name starts on .env.example with the few values that a person fills in', ({ reader, service }) => {
    const env = { ...example, GITHUB_TOKEN: 'a-token', REPOS: 'you/your-repo', ANTHROPIC_API_KEY: 'a-key', FACTORY_TOKEN: 'a-long-random-word' }
    expect(() => reader(Object.fromEntries(Object.entries(service.environment).map(([name, value]) => [name, fill(value, env)])))).not.toThrow()
  })

  test('every variable it asks a person for stands in .env.example', () => {
    const names = [...read('docker/docker-compose.yml').matchAll(/\$\{(\w+)/g)].map((match) => match[1] ?? '')
    expect([...new Set(names)].filter((name) => !(name in example))).toEqual([])
  })

  test('the model’s credential goes to the gateway alone, and the engine to the orchestrator alone', () => {
    const holders = (found: (service: z.infer<typeof Service>) => boolean) => services.filter(({ service }) => found(service)).map(({ name }) => name)
    expect(holders(({ environment }) => 'ANTHROPIC_API_KEY' in environment || 'CLAUDE_CODE_OAUTH_TOKEN' in environment)).toEqual(['gateway'])
    expect(holders(({ volumes }) => volumes.some((volume) => volume.includes('docker.sock')))).toEqual(['orchestrator'])
  })

  test('nothing is published beyond loopback, and the gateway not at all', () => {
    expect(services.flatMap(({ service }) => service.ports).filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([])
    expect(compose.services.gateway.ports).toEqual([])
  })

  test('the orchestrator gives workers the very volume that the gateway puts its socket in', () => {
    const volume = z.object({ name: z.string() }).parse(compose.volumes['gateway-socket'])
    expect(compose.services.orchestrator.environment['WORKER_SOCKET_SOURCE']).toBe(volume.name)
    expect(compose.services.gateway.volumes).toContain('gateway-socket:/run/factory')
    expect(compose.services.gateway.environment['GATEWAY_SOCKET']).toBe('/run/factory/gateway.sock')
  })
})
