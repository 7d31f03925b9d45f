import { expect, test } from 'bun:test'
import { parseConfig as gatewayConfig, start } from '@factory/gateway'
import { createBareRepo, gitBackend, must } from '@factory/gateway/testing'
import { parseScript, startModel } from '@factory/rehearsal'
import { describeWith, need } from '@factory/rehearsal/testing'
import { join } from 'node:path'
import { CompleteRequest, createLogger } from '@factory/shared'
import { RUN_TOKEN, startLine } from './testing/line.ts'

const REF = 'refs/factory/wip/3/12'
const MODEL_KEY = 'sk-ant-made-up-0123456789'
const RALPH = join(import.meta.dir, '../../ralph/src/main.ts')

const SCRIPT = `
rules:
  - name: bye
    match: { prompt: '- [ ] Say goodbye' }
    turns:
      - - tool: Bash
          input: { command: "cat deps/installed && printf 'export const bye = 1\\\\n' > bye.ts && printf 'import { expect, test } from \\"bun:test\\"\\\\nimport { bye } from \\"./bye.ts\\"\\\\ntest(\\"bye\\", () => expect(bye).toBe(1))\\\\n' > bye.test.ts", description: Write }
        - tool: Bash
          input: { command: "sed -i 's/- \\\\[ \\\\] Say/- [x] Say/' SPEC.md && printf -- '- Gotcha: Words are numbers in this repository\\\\n' > .ai/new-learnings.md", description: Tick }
      - Done.
`

/** The worker, the real gateway on a unix socket, the real Ralph and the real CLI; only the orchestrator and the model are stubs. */
describeWith(['claude'], 'worker, gateway, Ralph and the Claude CLI together', () => {
  test('build, then verify what was built, with one setup and no credential in the worker', async () => {
    const model = await startModel({ scripts: [parseScript(SCRIPT, 'test.yml')], key: MODEL_KEY })
    const line = await startLine(gitBackend)
    const bare = await createBareRepo(line.repos, 'acme/shop', {
      'hello.test.ts': 'import { expect, test } from "bun:test"\ntest("hello", () => expect(1).toBe(1))\n',
      '.gitignore': 'deps/\n',
      '.factory.yml': `setup: ["echo x >> ${line.dir}/setups && mkdir -p deps && echo yes > deps/installed"]\nverify: [bun test, test -f deps/installed]\n`,
    })
    const socket = join(line.dir, 'run', 'gateway.sock')
    const logs: string[] = []
    const gateway = await start(
      gatewayConfig({ GATEWAY_PORT: '0', GATEWAY_SOCKET: socket, ORCHESTRATOR_URL: line.stub.url, FACTORY_TOKEN: 'fct_0123456789abcdef', ANTHROPIC_API_KEY: MODEL_KEY, ANTHROPIC_BASE_URL: model.url, GITHUB_URL: `${line.stub.url}/git`, GITHUB_TOKEN: 'ghp_made_up' }),
      { logger: createLogger('gateway', 'info', { write: (text) => void logs.push(text) }) },
    )
    try {
      const env = { FACTORY_GATEWAY_URL: `unix:${socket}`, RALPH_COMMAND: `${process.execPath} ${RALPH}`, CLAUDE_BIN: need('claude'), FACTORY_CACHE_DIR: join(line.dir, 'cache') }
      expect(await line.run([], env)).toBe(0)
      const [built] = line.stub.said.endings
      expect(built).toMatchObject({ call: 'complete' })
      const done = CompleteRequest.parse(built?.body)
      expect(done.spec).toContain('- [x] Say goodbye')
      expect(done.report).toMatchObject({ passed: true })
      expect(done.learnings).toEqual([{ kind: 'gotcha', text: 'Words are numbers in this repository' }])
      expect(done.usage?.iterations).toBe(1)
      expect((await must(bare, ['diff', '--name-only', 'main', REF])).split('\n')).toEqual(['bye.test.ts', 'bye.ts'])
      expect(model.requests.every(({ headers }) => headers['x-api-key'] === MODEL_KEY)).toBe(true)

      line.assign({ run: { id: 7, kind: 'verify', attempt: 1, token: 12 }, resume: { ref: REF, sha: done.headSha ?? '', baseSha: done.baseSha ?? '' } })
      expect(await line.run([], { ...env, FACTORY_WORKSPACE: join(line.dir, 'room') })).toBe(0)
      expect(line.stub.said.endings[1]).toMatchObject({ call: 'complete', body: { report: { passed: true, headSha: done.headSha } } })
      expect((await Bun.file(join(line.dir, 'setups')).text()).trim()).toBe('x')

      const told = [...logs, ...line.logs, ...line.said, JSON.stringify(line.stub.said)].join('\n')
      for (const secret of [MODEL_KEY, RUN_TOKEN, 'ghp_made_up']) expect(told).not.toContain(secret)
    } finally {
      await gateway.stop()
      await line.end()
      await model.stop()
    }
  }, 60_000)
})
