import { ConfigError } from '@factory/shared'
import type { Command } from '../command.ts'
import { EXIT } from '../exit.ts'
import { configurationProblems } from '../stack/problems.ts'
import { isFree } from '../stack/ports.ts'
import { startStack, StartFailed, type Ports } from '../stack/start.ts'
import { visibleLine } from '../terminal/visible.ts'

export const command: Command = {
  usage: 'factory up',
  details: 'Starts orchestrator, gateway, intake and dashboard with the configuration of the environment and\n.env, keeps them running, and stops them with Ctrl-C. Runs that are under way go on and are\nadopted by the next start.',
  positionals: { min: 0, max: 0 },
  async run({ io, config, style }) {
    const env = definedOnly(io.env)
    const problems = configurationProblems(env)
    if (problems.length > 0) throw new ConfigError(problems)
    const port = (name: string, fallback: number) => Number(env[name] || fallback)
    const ports = { orchestrator: port('ORCHESTRATOR_PORT', 3000), dashboard: port('DASHBOARD_PORT', 3001), gateway: port('GATEWAY_PORT', 3002), intake: port('INTAKE_PORT', 3003) }
    const taken = await takenPorts(ports)
    if (taken.length > 0) throw new ConfigError(taken)
    try {
      const stack = await startStack({
        dataDir: config.dataDir,
        ports,
        env,
        cwd: io.cwd,
        onLine: (line) => io.err(`${line}\n`),
        onRestart: (name, code) => io.err(`${style('bad', `${name} ended with exit code ${code}; starting it again`)}\n`),
      })
      io.out(`\n${style('strong', 'The factory is up.')} Label an issue "${visibleLine(env['INTAKE_LABEL'] ?? 'ai-factory')}" in ${visibleLine(env['REPOS'] ?? '')}.\n\n  dashboard  ${stack.urls.dashboard}\n  API        ${stack.urls.orchestrator}/docs\n  token      in ${config.dataDir}/token, unless FACTORY_TOKEN is set\n\nCtrl-C stops it.\n\n`)
      await aborted(io.signal)
      io.err('stopping …\n')
      await stack.stop()
      return { exit: EXIT.ok }
    } catch (error) {
      if (!(error instanceof StartFailed)) throw error
      return { exit: EXIT.failed, json: { error: { code: 'unavailable', message: error.message, details: [] } }, text: `${error.message}:\n${error.lines.join('\n')}` }
    }
  },
}

async function takenPorts(ports: Ports): Promise<string[]> {
  const checked = await Promise.all(Object.entries(ports).map(async ([name, port]) => ({ name, port, free: await isFree(port) })))
  return checked.filter(({ free }) => !free).map(({ name, port }) => `${name.toUpperCase()}_PORT is ${port}, where another program listens already (a factory that runs?). End that one, or set ${name.toUpperCase()}_PORT to another port.`)
}

function definedOnly(env: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined))
}

export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
