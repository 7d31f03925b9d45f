import { createLogger } from '@factory/shared'
import { readConfig, start, type Intake, type Overrides } from '../index.ts'
import { createGithub } from '@factory/github'
import { startOrchestrator, type StubOrchestrator } from './orchestrator.ts'

export const SECRET = 'correct-horse-battery'
export const REPO = 'acme/shop'
/** The factory's own account at the forge, and a person who may label. */
export const ROBOT = { token: 'ghp_robot', login: 'robot' }
export const ADA = { token: 'ghp_ada', login: 'ada' }

/** Where a forge is; the rehearsal forge has this shape. */
type ForgeAddress = { url: string; apiUrl: string }

export type TestIntake = { intake: Intake; orchestrator: StubOrchestrator; status(): Promise<unknown>; restart(): Promise<void>; stop(): Promise<void> }

/** Intake between a forge and a stub orchestrator, with everything that waits made short. */
export async function startTestIntake(forge: ForgeAddress, env: Record<string, string> = {}, overrides: Overrides = {}): Promise<TestIntake> {
  const orchestrator = startOrchestrator()
  const logger = createLogger('intake-test', 'silent')
  const begin = () => {
    const config = readConfig({
      GITHUB_TOKEN: ROBOT.token,
      GITHUB_API_URL: forge.apiUrl,
      GITHUB_URL: forge.url,
      REPOS: REPO,
      WEBHOOK_SECRET: SECRET,
      INTAKE_PORT: '0',
      POLL_INTERVAL: '3600000',
      ORCHESTRATOR_URL: orchestrator.url,
      FACTORY_TOKEN: orchestrator.token,
      ...env,
    })
    const github = createGithub({ token: config.GITHUB_TOKEN, apiUrl: forge.apiUrl, webUrl: forge.url, logger, retryBaseMs: 2, paceMs: 0, timeoutMs: 500 })
    return start(config, { logger, github, coalesceMs: 20, retryMs: 20, ...overrides })
  }
  const world: TestIntake = {
    intake: await begin(),
    orchestrator,
    async status() {
      const response = await fetch(`${world.intake.url}/status`, { headers: { authorization: `Bearer ${orchestrator.token}` } })
      return response.json()
    },
    async restart() {
      await world.intake.stop()
      world.intake = await begin()
    },
    async stop() {
      await world.intake.stop()
      await orchestrator.stop()
    },
  }
  return world
}
