import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { startForge, type Forge } from '../forge/start.ts'
import { startModel, type Model } from '../model/serve.ts'
import { sampleDir, scriptsDir } from '../sample.ts'
import type { Options } from './options.ts'

export type Rehearsal = {
  forge: Forge | null
  model: Model | null
  /** What to put into the factory's environment. */
  env: Record<string, string>
  stop(): Promise<void>
}

/** Starts what the options ask for; what had started is stopped again when something fails. */
export async function run(options: Options, onUnmatched: (line: string) => void): Promise<Rehearsal> {
  const ends: (() => Promise<void>)[] = []
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    const env: Record<string, string> = {}
    const forge = options.forge ? await openForge(options, ends, env) : null
    const model = options.model ? await openModel(options, ends, env, onUnmatched) : null
    return { forge, model, env, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function openForge(options: Options, ends: (() => Promise<void>)[], env: Record<string, string>): Promise<Forge> {
  const temporary = options.data === null ? await mkdtemp(join(tmpdir(), 'rehearsal-forge-')) : null
  if (temporary !== null) ends.push(() => rm(temporary, { recursive: true, force: true }))
  const token = options.token ?? `ghp_rehearsal${crypto.randomUUID().replaceAll('-', '')}`
  const forge = await startForge({
    port: options.port,
    hostname: options.host,
    dataDir: temporary ?? resolve(options.data ?? '.'),
    tokens: [{ token, login: options.login, scopes: ['repo'] }],
    ...(options.webhook ? { webhook: options.webhook } : {}),
    ...(options.publicUrl === null ? {} : { publicUrl: options.publicUrl }),
    ...(options.controlToken === null ? {} : { controlToken: options.controlToken }),
  })
  ends.push(() => forge.stop())
  for (const { name, from } of options.repos) {
    const directory = from === null ? sampleDir : resolve(from)
    if (!(await stat(directory).catch(() => null))?.isDirectory()) throw new Error(`--repo ${name}=${from}: ${directory} is not a directory`)
    await forge.createRepo({ name, from: directory })
  }
  Object.assign(env, { GITHUB_URL: options.publicUrl ?? forge.url, GITHUB_API_URL: forge.apiUrl, GITHUB_TOKEN: token, REPOS: options.repos.map(({ name }) => name).join(',') })
  if (options.webhook) env['WEBHOOK_SECRET'] = options.webhook.secret
  return forge
}

async function openModel(options: Options, ends: (() => Promise<void>)[], env: Record<string, string>, onUnmatched: (line: string) => void): Promise<Model> {
  const model = await startModel({
    scripts: options.scripts === null ? scriptsDir : resolve(options.scripts),
    port: options.modelPort,
    hostname: options.host,
    onRequest: ({ rule, turn, prompt }) => {
      if (rule === null) onUnmatched(`no rule matches (turn ${turn}): ${JSON.stringify(prompt.slice(0, 300))}`)
    },
  })
  ends.push(() => model.stop())
  Object.assign(env, { ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'rehearsal' })
  return model
}

/** The addresses, and the environment to set, for a person. */
export function describe({ forge, model, env }: Rehearsal): string {
  const lines = [
    ...(forge ? [`Forge   ${forge.url}   (pages, git; API ${forge.apiUrl}; control ${forge.url}/_rehearsal/)`] : []),
    ...(model ? [`Model   ${model.url}   (Anthropic Messages API)`] : []),
    '',
    'Set for the factory:',
    ...Object.entries(env).map(([name, value]) => `  ${name}=${value}`),
    '',
    'Ctrl-C ends it.',
  ]
  return lines.join('\n')
}
