import { ConfigError } from '@factory/shared'
import { readConfig, start, type Config } from './index.ts'

let config: Config
try {
  config = readConfig(process.env)
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  console.error(error.message)
  process.exit(1)
}

const intake = await start(config)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void intake.stop().then(() => process.exit(0)))
