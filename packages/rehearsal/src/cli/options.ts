import { RepoName } from '@factory/shared'

export type Options = {
  forge: boolean
  model: boolean
  host: string
  port: number
  modelPort: number
  scripts: string | null
  data: string | null
  /** Directory by `owner/name`; null: the sample. */
  repos: { name: string; from: string | null }[]
  webhook: { url: string; secret: string } | null
  token: string | null
  login: string
  publicUrl: string | null
  controlToken: string | null
  json: boolean
}

export type Parsed = { kind: 'run'; options: Options } | { kind: 'help' } | { kind: 'wrong'; problem: string }

export const USAGE = `Rehearse your configuration without an account, a key or the internet.

  bun packages/rehearsal/src/main.ts forge|model|both [options]

  --port N             port of the forge (default 4010; 0: any free one)
  --model-port N       port of the scripted model (default 4011; 0: any free one)
  --host ADDRESS       address to listen on (default 127.0.0.1)
  --scripts DIR        scripts of the model (default: those of the sample)
  --data DIR           where repositories are kept (default: a temporary folder, removed at the end)
  --repo OWNER/NAME[=DIR]   make a repository of a directory (without DIR: the sample); may be repeated
                       (default: demo/tidy-text from the sample)
  --webhook URL --secret S  deliver signed webhooks there
  --token T --login L  the token that the forge accepts, and whose it is (default: made up; factory-bot)
  --public-url URL     how links name the forge (default: its own address)
  --control-token T    needed to use /_rehearsal/ (default: programs of this machine only)
  --json               one JSON line with the addresses instead of words
  --help
`

const VALUES = ['--port', '--model-port', '--host', '--scripts', '--data', '--repo', '--webhook', '--secret', '--token', '--login', '--public-url', '--control-token'] as const
type Flag = (typeof VALUES)[number]
const isFlag = (text: string): text is Flag => VALUES.some((flag) => flag === text)

/** Reads the command line; the problem names the argument and what would be right. */
export function readOptions(args: readonly string[]): Parsed {
  const wrong = (problem: string): Parsed => ({ kind: 'wrong', problem })
  const given = new Map<Flag, string[]>()
  const words: string[] = []
  let json = false
  for (let at = 0; at < args.length; at += 1) {
    const [name = '', ...inline] = (args[at] ?? '').split('=')
    if (name === '--help' || name === '-h') return { kind: 'help' }
    if (name === '--json') json = true
    else if (isFlag(name)) {
      const value = inline.length > 0 ? inline.join('=') : args[(at += 1)]
      if (value === undefined || value === '' || (inline.length === 0 && value.startsWith('--'))) return wrong(`${name} needs a value`)
      given.set(name, [...(given.get(name) ?? []), value])
    } else if (name.startsWith('-')) return wrong(`${name} is not an option`)
    else words.push(args[at] ?? '')
  }
  const [what, ...rest] = words
  if (what === undefined) return wrong('say what to start: forge, model or both')
  if (rest.length > 0 || !['forge', 'model', 'both'].includes(what)) return wrong(`"${words.join(' ')}" is none of forge, model, both`)

  const one = (flag: Flag): string | null => given.get(flag)?.at(-1) ?? null
  const ports: Record<string, number> = {}
  for (const [flag, fallback] of [['--port', 4010], ['--model-port', 4011]] as const) {
    const text = one(flag) ?? String(fallback)
    if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) return wrong(`${flag} ${text} is not a port: 0 to 65535`)
    ports[flag] = Number(text)
  }
  for (const flag of ['--webhook', '--public-url'] as const) {
    const url = one(flag)
    if (url !== null && !(URL.canParse(url) && /^https?:/.test(url))) return wrong(`${flag} ${url} is not an http(s) address`)
  }
  const [webhook, secret] = [one('--webhook'), one('--secret')]
  if ((webhook === null) !== (secret === null)) return wrong('--webhook and --secret go together')
  const repos: Options['repos'] = []
  for (const text of given.get('--repo') ?? ['demo/tidy-text']) {
    const cut = text.indexOf('=')
    const name = cut < 0 ? text : text.slice(0, cut)
    if (!RepoName.safeParse(name).success) return wrong(`--repo ${text}: ${name} is not owner/name`)
    repos.push({ name, from: cut < 0 ? null : text.slice(cut + 1) })
  }
  return {
    kind: 'run',
    options: {
      forge: what !== 'model',
      model: what !== 'forge',
      host: one('--host') ?? '127.0.0.1',
      port: ports['--port'] ?? 0,
      modelPort: ports['--model-port'] ?? 0,
      scripts: one('--scripts'),
      data: one('--data'),
      repos,
      webhook: webhook !== null && secret !== null ? { url: webhook, secret } : null,
      token: one('--token'),
      login: one('--login') ?? 'factory-bot',
      publicUrl: one('--public-url'),
      controlToken: one('--control-token'),
      json,
    },
  }
}
