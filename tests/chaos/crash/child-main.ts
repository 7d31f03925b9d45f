// An orchestrator that kills itself at one boundary: the production code, its ports counted.
import { writeFileSync } from 'node:fs'
import { createLogger } from '@factory/shared'
import { createGithub } from '../../../packages/github/src/index.ts'
import { createGithubForge } from '../../../packages/orchestrator/src/adapters/github-forge.ts'
import { createRedisLocks } from '../../../packages/orchestrator/src/adapters/redis-locks.ts'
import { readConfig } from '../../../packages/orchestrator/src/config.ts'
import { connect } from '../../../packages/orchestrator/src/db/connect.ts'
import { start } from '../../../packages/orchestrator/src/index.ts'
import { createBoundaries, type Point } from './boundaries.ts'
import { crashRuntime } from './crash-runtime.ts'
import { wrapDb, wrapPort } from './wrap.ts'

const { CRASH_NAME, CRASH_NTH, CRASH_WHEN, CRASH_PASSED = '' } = process.env
const at: Point | null = CRASH_NAME === undefined ? null : { name: CRASH_NAME, nth: Number(CRASH_NTH), when: CRASH_WHEN === 'after' ? 'after' : 'before' }
const boundaries = createBoundaries(at, () => process.kill(process.pid, 'SIGKILL'))

const config = readConfig(process.env)
const log = createLogger('orchestrator', config.LOG_LEVEL)
const service = await start(config, {
  log,
  db: wrapDb(connect(config.DATABASE_URL ?? '', { max: 4 }), boundaries),
  runtime: wrapPort(crashRuntime(config, process.env), 'runtime', boundaries),
  forge: wrapPort(createGithubForge(createGithub({ apiUrl: config.GITHUB_API_URL, webUrl: config.GITHUB_URL, token: config.GITHUB_TOKEN, logger: log })), 'forge', boundaries),
  locks: wrapPort(createRedisLocks({ url: config.REDIS_URL ?? '', logger: log, instance: config.INSTANCE }), 'locks', boundaries),
})
process.once('SIGTERM', () => {
  writeFileSync(CRASH_PASSED, JSON.stringify(boundaries.passed()))
  void service.stop().finally(() => process.exit(0))
})
