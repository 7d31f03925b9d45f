import { afterAll, beforeAll, expect, test } from 'bun:test'
import { checklistIssue, sampleDir } from '@factory/rehearsal'
import { describeWith, need } from '@factory/rehearsal/testing'
import { Redis } from 'ioredis'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { emptyDatabase } from '../../packages/orchestrator/src/db/testing.ts'
import { docker, startFactory, waitFor, type Factory } from './factory.ts'

const IMAGE = `factory-e2e-image-${crypto.randomUUID().slice(0, 8)}:1`
const START = 120_000
const ISO = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/

/** An image of somebody else's: the C library and git, none of our programs, and a toolchain on a search path of its own. */
const DOCKERFILE = (base: string) => `FROM ${base}
USER root
RUN rm -rf /opt/factory && mkdir -p /opt/their/bin && printf '#!/bin/sh\\necho "their tool of $THEIR_HOME"\\n' > /opt/their/bin/their-tool && chmod 755 /opt/their/bin/their-tool
ENV PATH=/opt/their/bin:/usr/bin:/bin THEIR_HOME=/opt/their
ENTRYPOINT []
`

let factory: Factory
let database: Awaited<ReturnType<typeof emptyDatabase>>
let redis: Redis
const sample = () => Object.fromEntries(readdirSync(sampleDir, { recursive: true, withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [[join(entry.parentPath, entry.name).slice(sampleDir.length + 1), readFileSync(join(entry.parentPath, entry.name), 'utf8')]] : [])))
const repository = (name: string, factoryYml: string) => factory.forge.createRepo({ name, from: { ...sample(), '.factory.yml': factoryYml } })
const ask = async (repo: string, spec: string) => (await factory.client.call('createWork', { body: { source: 'api', sourceId: crypto.randomUUID(), repo, spec } })).item
const liveRun = async (id: number) => (await factory.until(id, 'carried by a registered worker', (item) => item.run?.status === 'running')).run

describeWith(['claude', 'docker', 'worker-image', 'postgres', 'redis'], 'workers in containers', () => {
  beforeAll(async () => {
    await docker(['build', '-q', '-t', IMAGE, '-'], DOCKERFILE(need('worker-image')))
    database = await emptyDatabase()
    redis = new Redis(need('redis'))
    factory = await startFactory({ settings: { WORKER_RUNTIME: 'docker', WORKER_IMAGE: need('worker-image'), DATABASE_URL: database.url, REDIS_URL: need('redis'), RETRY_BACKOFF_SECONDS: '1' } })
  }, START)
  afterAll(async () => {
    await factory.stop()
    redis.disconnect()
    await database.drop()
    await docker(['image', 'rm', '-f', IMAGE])
  }, START)

  test('our own image is smaller than 900 MB, and its user is not root', async () => {
    const [size, user] = (await docker(['image', 'inspect', '-f', '{{.Size}} {{.Config.User}}', need('worker-image')])).split(' ')
    expect(Number(size)).toBeWithin(100_000_000, 900_000_000)
    expect(user).toBe('worker')
  })

  test('the image that a repository names carries its runs, with the toolchain that is in it', async () => {
    await repository('demo/image', `image: ${IMAGE}\nsetup: ["their-tool > made-by-setup"]\nverify:\n  - bun test\n  - 'test "$(their-tool)" = "their tool of /opt/their" && test "$THEIR_HOME" = /opt/their && test -f made-by-setup'\n`)
    const { id } = await ask('demo/image', `# ${checklistIssue.title}\n\n${checklistIssue.body}`)
    const item = await factory.untilStatus(id, 'completed')
    expect(item.environment).toMatchObject({ source: 'factory_yml', image: IMAGE })
    expect(item.evidence?.head.map((check) => check.exitCode)).toEqual([0, 0])
    const [pull] = await factory.forge.pullsWithStats('demo/image')
    expect(pull?.files.map((file) => file.filename).sort()).toEqual(['README.md', 'src/index.ts', 'src/reading-time.test.ts', 'src/reading-time.ts'])
  }, START)

  test('an image that cannot be had ends the item at once or later, but with its name', async () => {
    await repository('demo/none', 'image: factory-test-no-such-image:never\n')
    const { id } = await ask('demo/none', '# T\n\n- [ ] do it\n')
    const item = await factory.until(id, 'told why', (now) => now.failure !== null || now.waiting?.code === 'retry_backoff')
    expect(`${item.failure?.message}${item.waiting?.message}`).toContain('factory-test-no-such-image:never is not on this engine and cannot be pulled')
    await factory.client.call('cancelWork', { params: { id }, body: { reason: 'seen' } }).catch(() => undefined)
  }, START)

  test('while a run lives, people read in Redis what it holds; kill hands it to the next run, cancel ends container and lock', async () => {
    await repository('demo/slow', 'setup: ["sleep 600"]\nverify: [bun test]\n')
    const key = 'lock:{demo/slow}:src/slugify.ts'
    const { id } = await ask('demo/slow', '# T\n\n- [ ] do it\n\n## Files\n\n- src/slugify.ts\n')
    const first = await liveRun(id)
    const held: unknown = JSON.parse((await redis.get(key)) ?? 'null')
    expect(held).toEqual({ runId: first?.id, itemId: id, since: expect.stringMatching(ISO), until: expect.stringMatching(ISO) })
    expect(await redis.ttl(key)).toBeWithin(3_500, 3_601)
    expect(await containers(id)).toHaveLength(1)

    await factory.client.call('killWorker', { params: { id: first?.id ?? 0 }, body: { reason: 'looks wrong' } })
    await factory.until(id, 'carried by another worker', (item) => item.run?.status === 'running' && item.run.id !== first?.id)
    await waitFor(async () => /"runId":(\d+),/.exec((await redis.get(key)) ?? '')?.[1] === String((await liveRun(id))?.id), () => 'the lock to be the next run’s')
    await waitFor(async () => (await containers(id)).length === 1, () => 'the first container to go')

    const cancelled = await factory.client.call('cancelWork', { params: { id }, body: { reason: 'not wanted any more' } })
    expect(cancelled.item.status).toBe('cancelled')
    await waitFor(async () => (await containers(id)).length === 0, () => 'the container to go', 30_000)
    await waitFor(async () => (await redis.exists(key)) === 0, () => 'the lock to be given back')
    const { runs } = await factory.client.call('getWork', { params: { id } })
    expect(runs.map((run) => [run.status, run.outcome?.code])).toEqual([['cancelled', 'killed'], ['cancelled', 'cancelled']])
  }, START)
})

const containers = async (itemId: number) => (await docker(['ps', '-aq', '--filter', `name=factory-${factory.instance}-factory-worker-${itemId}-`])).split('\n').filter(Boolean)
