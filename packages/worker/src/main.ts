import { ConfigError } from '@factory/shared'
import { parseConfig } from './config.ts'
import { createSwitch } from './halt.ts'
import { lockMain } from './locks/command.ts'
import { runWorker } from './run.ts'
import { setupMain } from './setup/command.ts'

if (process.argv[2] === 'lock') process.exit(await lockMain(process.argv.slice(3), process.env['FACTORY_RUN_TOKEN'], (text) => void process.stdout.write(`${text}\n`)))
if (process.argv[2] === 'setup') process.exit(await setupMain(process.argv.slice(3), process.env, process.cwd()))

try {
  const config = parseConfig(process.env)
  const stop = createSwitch()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.stop({ kind: 'terminated', reason: `got ${signal}` }))
  process.exit(await runWorker(config, { stop }))
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}
