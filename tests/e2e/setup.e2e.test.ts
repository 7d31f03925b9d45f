import { afterAll, beforeAll, expect, test } from 'bun:test'
import { defineScript } from '@factory/rehearsal'
import { describeWith, need } from '@factory/rehearsal/testing'
import { lookup } from 'node:dns/promises'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { startFactory, type Factory } from './factory.ts'

const START = 120_000
const REPO = 'demo/installs'

/** The model does the one task of the spec and ticks it. */
const script = defineScript({
  name: 'installs',
  rules: [
    {
      match: { prompt: String.raw`/- \[ \] Add (?<name>\w+)\.ts/` },
      turns: [
        [{ tool: 'Read', input: { file_path: '{{cwd}}/SPEC.md' } }],
        [
          { tool: 'Write', input: { file_path: '{{cwd}}/{{name}}.ts', content: 'export const done = true\n' } },
          { tool: 'Edit', input: { file_path: '{{cwd}}/SPEC.md', old_string: '- [ ] Add {{name}}.ts', new_string: '- [x] Add {{name}}.ts' } },
        ],
        'Done.',
      ],
    },
  ],
})

/** Of whichever registry this machine uses; the lock file names none. */
const registry = new URL(Bun.spawnSync(['npm', 'config', 'get', 'registry']).stdout.toString().trim())
const port = registry.port || (registry.protocol === 'https:' ? '443' : '80')
/** A registry inside a company has a private address, which must be listed too. */
const allowed = async () => [registry.hostname, ...(await lookup(registry.hostname, { all: true })).map(({ address }) => (address.includes(':') ? `[${address}]` : address))].map((host) => `${host}:${port}`).join()

const MANIFEST = JSON.stringify({ name: 'installs', private: true, dependencies: { isarray: '2.0.5' } })
const LOCK = `{
  "lockfileVersion": 2,
  "configVersion": 1,
  "workspaces": {
    "": {
      "name": "installs",
      "dependencies": {
        "isarray": "2.0.5",
      },
    },
  },
  "packages": {
    "isarray": ["isarray@2.0.5", "", {}, "sha512-xHjhDr3cNBK0BzdUJSPXZntQUx/mwMS5Rw4A7lPJ90XGAO6ISP/ePDNuo0vhqOZU+UD5JoodwCAAoZQd3FeAKw=="],
  }
}
`

let factory: Factory
const add = async (name: string) => {
  const { item } = await factory.client.call('createWork', { body: { repo: REPO, source: 'api', sourceId: name, spec: `# Add ${name}\n\n- [ ] Add ${name}.ts\n` } })
  return factory.untilStatus(item.id, 'completed')
}
const Opened = z.object({ msg: z.literal('tunnel opened'), run: z.number(), host: z.string() })
/** Runs that went out through the gateway, by its own log. */
const tunnels = () => {
  const lines = readFileSync(join(factory.dir, 'logs', 'gateway.log'), 'utf8').split('\n').filter(Boolean)
  const opened = lines.map((line) => Opened.safeParse(JSON.parse(line))).flatMap(({ data }) => (data ? [data] : []))
  return { runs: new Set(opened.map(({ run }) => run)), hosts: new Set(opened.map(({ host }) => host)) }
}

describeWith(['claude', 'docker', 'worker-image'], 'a setup that downloads, in a container without a network', () => {
  beforeAll(async () => {
    const ca = process.env.NODE_EXTRA_CA_CERTS ?? process.env.SSL_CERT_FILE
    factory = await startFactory({
      scripts: [script],
      settings: { WORKER_RUNTIME: 'docker', WORKER_IMAGE: need('worker-image'), DATABASE_URL: '', REDIS_URL: '', EGRESS_ALLOW: await allowed(), ...(ca ? { WORKER_CA_FILE: ca } : {}) },
    })
    await factory.forge.createRepo({
      name: 'demo/elsewhere',
      from: { 'package.json': MANIFEST, 'bun.lock': LOCK, '.npmrc': 'registry=https://packages.example.com/\n', '.gitignore': 'node_modules\n' },
    })
    await factory.forge.createRepo({
      name: REPO,
      from: {
        'package.json': MANIFEST,
        'bun.lock': LOCK,
        '.npmrc': `registry=${registry.href}\n`,
        '.gitignore': 'node_modules\n',
        'uses.test.ts': `import { expect, test } from 'bun:test'\nimport isArray from 'isarray'\n\ntest('the dependency is there', () => expect(isArray([])).toBe(true))\n`,
        '.factory.yml': 'setup: [bun install --frozen-lockfile]\nverify: [bun test]\n',
      },
    })
  }, START)
  afterAll(() => factory.stop(), START)

  test('goes through the gateway to the hosts of EGRESS_ALLOW', async () => {
    const item = await add('first')
    expect(item.evidence).toMatchObject({ passed: true, head: [{ command: 'bun test', exitCode: 0 }] })
    expect([...tunnels().hosts]).toEqual([registry.hostname])
  }, START)

  test('is done once: later runs take it from the cache', async () => {
    const { runs: before } = tunnels()
    // the build, and the clean room, which has a cache of its own
    expect(before.size).toBe(2)
    const item = await add('second')
    expect(item.evidence?.passed).toBe(true)
    expect(tunnels().runs).toEqual(before)
  }, START)

  test('to a host that is not allowed fails at once, and says which', async () => {
    const { item } = await factory.client.call('createWork', { body: { repo: 'demo/elsewhere', source: 'api', sourceId: 'elsewhere', spec: '# Add third\n\n- [ ] Add third.ts\n\n## Verify\n\n- `true`\n' } })
    const { failure } = await factory.untilStatus(item.id, 'failed')
    expect(failure?.code).toBe('egress_refused')
    expect(failure?.message).toContain('EGRESS_ALLOW does not let it reach packages.example.com:443')
    const { runs } = await factory.client.call('getWork', { params: { id: item.id } })
    expect(runs).toHaveLength(1)
  }, START)
})
