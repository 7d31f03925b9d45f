import { createClient, type Client } from '@factory/orchestrator/client'
import { demoIssue, sampleDir, scriptsDir, startForge, startModel, type Forge, type ForgeToken, type Model } from '@factory/rehearsal'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { freePort } from '../stack/ports.ts'
import { startStack, type Stack } from '../stack/start.ts'
import { findClaude } from '../stack/find-claude.ts'
import type { Style } from '../terminal/style.ts'
import { redisAtHand } from './redis-at-hand.ts'

export const DEMO_REPO = 'demo/sample'
const PERSON = 'you'
const BOT_TOKEN = 'rehearsal-bot-token'
const WEBHOOK_SECRET = 'rehearsal-webhook-secret'

export type Rehearsal = {
  forge: Forge
  model: Model
  stack: Stack
  client: Client
  /** Files the demo's issue with the label, as a person. Returns its number and address. */
  fileIssue(): { number: number; url: string; title: string }
  stop(): Promise<void>
}

export type RehearsalOptions = {
  dir: string
  /** The caller's environment; what is not secret and not a setting of a real factory is handed on. */
  env: Record<string, string | undefined>
  say(text: string): void
  style: Style
  /** Tests: other settings, another scenario, or a bot with fewer rights. */
  settings?: Record<string, string>
  scripts?: Parameters<typeof startModel>[0]['scripts']
  permissions?: NonNullable<ForgeToken['permissions']>
  /** Tests: any free ports, so that several factories start side by side. */
  anyPorts?: boolean
}

/** Forge, scripted model and the four services, on free loopback ports. */
export async function startRehearsal(options: RehearsalOptions): Promise<Rehearsal> {
  const { dir, say, style } = options
  const port = (usual: number) => freePort(options.anyPorts ? 0 : usual)
  const intakePort = await port(3003)
  const forge = await startForge({
    dataDir: join(dir, 'forge'),
    tokens: [{ token: BOT_TOKEN, login: 'factory-bot', ...(options.permissions ? { permissions: options.permissions } : {}) }],
    webhook: { url: `http://127.0.0.1:${intakePort}/webhooks/github`, secret: WEBHOOK_SECRET },
    associations: { [PERSON]: 'OWNER' },
  })
  const model = await startModel({ scripts: options.scripts ?? scriptsDir })
  try {
    const redis = options.env['REDIS_URL'] ?? (options.settings ? null : await redisAtHand())
    await forge.createRepo({ name: DEMO_REPO, from: sampleDir })
    const stack = await startStack({
      dataDir: dir,
      cwd: dir,
      ports: { orchestrator: await port(3000), dashboard: await port(3001), gateway: await port(3002), intake: intakePort },
      env: {
        ...inherited(options.env),
        GITHUB_TOKEN: BOT_TOKEN,
        GITHUB_URL: forge.url,
        GITHUB_API_URL: forge.apiUrl,
        REPOS: DEMO_REPO,
        WEBHOOK_SECRET,
        POLL_INTERVAL: '2000',
        INTAKE_AUTHORS: '*',
        ANTHROPIC_BASE_URL: model.url,
        ANTHROPIC_API_KEY: 'rehearsal-not-a-real-key',
        COOLDOWN_SECONDS: '0',
        COMMIT_EMAIL: 'factory@example.com',
        INSTANCE: `demo-${createHash('sha256').update(dir).digest('hex').slice(0, 8)}`,
        ...(redis ? { REDIS_URL: redis } : {}),
        ...options.settings,
      },
    })
    const client = createClient({ baseUrl: stack.urls.orchestrator, token: stack.token })
    const status = await client.call('status', {})
    say(`  forge      ${forge.url}/${DEMO_REPO}  (rehearsal: a sample repository with its own tests)`)
    say(`  model      ${model.url}  (scripted; Claude Code itself is the real one)`)
    say(`  store      ${options.env['DATABASE_URL'] ? 'PostgreSQL' : 'embedded PostgreSQL (PGlite)'}; locks ${redis ? `in Redis at ${new URL(redis).host}` : 'in memory'}`)
    say(`  dashboard  ${stack.urls.dashboard}/#token=${stack.token}`)
    say(status.runtime.startsWith('process') ? style('bad', `  workers    ${status.runtime}`) : `  workers    ${status.runtime}`)
    say('')
    return {
      forge,
      model,
      stack,
      client,
      fileIssue() {
        const issue = forge.openIssue(DEMO_REPO, PERSON, { ...demoIssue, labels: ['ai-factory'] })
        return { number: issue.number, url: `${forge.url}/${DEMO_REPO}/issues/${issue.number}`, title: demoIssue.title }
      },
      async stop() {
        await endLiveWork(client)
        await stack.stop()
        await Promise.all([model.stop(), forge.stop()])
      },
    }
  } catch (error) {
    await Promise.all([model.stop(), forge.stop()])
    throw error
  }
}

/** The demo must leave no worker behind: a real factory's would be adopted by its next start. */
async function endLiveWork(client: Client): Promise<void> {
  try {
    const { items } = await client.call('listWork', { query: { active: 'true' } })
    for (const item of items) await client.call('cancelWork', { params: { id: item.id }, body: { reason: 'the demo ended' } }).catch(() => {})
    for (let tries = 0; tries < 150; tries++) {
      const { workers } = await client.call('listWorkers', { query: { live: 'true' } })
      if (workers.length === 0) return
      await Bun.sleep(100)
    }
  } catch {
    // the orchestrator is gone already; there is nobody left to ask
  }
}

/** What of the caller's environment the demo's services may see: no credential and no setting of a real factory. */
function inherited(env: Record<string, string | undefined>): Record<string, string> {
  const names = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'DOCKER_HOST', 'WORKER_RUNTIME', 'WORKER_IMAGE', 'REDIS_URL', 'DATABASE_URL', 'LOG_LEVEL']
  const given = names.flatMap((name): [string, string][] => (env[name] === undefined || env[name] === '' ? [] : [[name, env[name]]]))
  const claude = findClaude(env)
  return { ...Object.fromEntries(given), ...(claude === null ? {} : { CLAUDE_BIN: claude }) }
}
