import { expect, test } from 'bun:test'
import { parseConfig as gatewayConfig, start } from '@factory/gateway'
import { createBareRepo, gitBackend, must } from '@factory/gateway/testing'
import { parseScript, startModel } from '@factory/rehearsal'
import { describeWith, need } from '@factory/rehearsal/testing'
import { createLogger, FailRequest } from '@factory/shared'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { startLine } from '../testing/line.ts'
import { livingIn, startWorkerProcess } from '../testing/worker-process.ts'

const REF = 'refs/factory/wip/3/12'
const MODEL_KEY = 'sk-ant-made-up-0123456789'
const RALPH = join(import.meta.dir, '../../../ralph/src/main.ts')

/** Two tasks: the first is done; with the second the agent fills the disk at this place. */
const script = (place: string) => `
rules:
  - name: first
    match: { prompt: '- [ ] Say hello' }
    turns:
      - - tool: Bash
          input: { command: "printf 'hello\\\\n' > a.txt && sed -i 's/- \\\\[ \\\\] Say hello/- [x] Say hello/' SPEC.md", description: Write }
      - Done.
  - name: second
    match: { prompt: '- [ ] Say goodbye' }
    turns:
      - - tool: Bash
          input: { command: "printf 'bye\\\\n' > b.txt; dd if=/dev/zero of=${place} bs=64k; sed -i 's/- \\\\[ \\\\] Say goodbye/- [x] Say goodbye/' SPEC.md", description: Write }
      - Done.
`

/** The real Ralph and the real CLI on a disk that the agent fills. */
describeWith(['claude', 'mounts'], 'Ralph on a disk that is full', () => {
  test.each([
    ['by something that is not of the run', 'others', 'disk_full'],
    ['by the run itself', 'workspace/mine', 'limit_reached'],
  ])('%s: the run ends in words, and what was pushed stays', async (_who, place, code) => {
    const line = await startLine(gitBackend)
    const disk = join(line.dir, 'disk')
    await mkdir(disk)
    const model = await startModel({ scripts: [parseScript(script(join(disk, place)), 'test.yml')], key: MODEL_KEY })
    const bare = await createBareRepo(line.repos, 'acme/shop', { 'hello.ts': 'export const hello = 1\n', '.factory.yml': 'verify: ["true"]\n' })
    line.assign({ item: { id: 3, title: 'Talk', sourceUrl: null, spec: '# Talk\n\n## Tasks\n- [ ] Say hello\n- [ ] Say goodbye\n', description: null } })
    const socket = join(line.dir, 'gateway.sock')
    const gateway = await start(
      gatewayConfig({ GATEWAY_PORT: '0', GATEWAY_SOCKET: socket, ORCHESTRATOR_URL: line.stub.url, FACTORY_TOKEN: 'fct_0123456789abcdef', ANTHROPIC_API_KEY: MODEL_KEY, ANTHROPIC_BASE_URL: model.url, GITHUB_URL: `${line.stub.url}/git`, GITHUB_TOKEN: 'ghp_made_up' }),
      { logger: createLogger('gateway', 'silent') },
    )
    try {
      const before = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs -o size=24m tmpfs "$1" && mkdir "$1/tmp" && shift && exec "$@"', 'sh', disk]
      const worker = await startWorkerProcess(line, [], {
        before,
        env: { FACTORY_GATEWAY_URL: `unix:${socket}`, FACTORY_WORKSPACE: join(disk, 'workspace'), TMPDIR: join(disk, 'tmp'), HOME: join(disk, 'tmp'), RALPH_COMMAND: `${process.execPath} ${RALPH}`, CLAUDE_BIN: need('claude') },
      })
      expect((await worker.ended).code).toBe(0)
      expect(line.stub.said.endings.map(({ call }) => call)).toEqual(['fail'])
      expect(FailRequest.parse(line.stub.said.endings[0]?.body).outcome).toMatchObject({ code, message: expect.stringContaining("the worker's disk") })
      expect(await must(bare, ['ls-tree', '--name-only', REF])).toContain('a.txt')
      expect(livingIn(line.dir)).toEqual([])
    } finally {
      for (const pid of livingIn(line.dir)) process.kill(pid, 'SIGKILL')
      await gateway.stop()
      await line.end()
      await model.stop()
    }
  }, 120_000)
})
