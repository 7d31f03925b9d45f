import { ConfigError } from '@factory/shared'
import { parseConfig, start } from './index.ts'

try {
  const gateway = await start(parseConfig(process.env))
  const stop = () => void gateway.stop().then(() => process.exit(0))
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}
