import { ConfigError, createLogger } from '@factory/shared'
import { readConfig } from './config.ts'
import { start } from './index.ts'

const log = createLogger('dashboard', process.env.LOG_LEVEL)

try {
  const running = await start(readConfig(process.env))
  log.info({ url: running.url }, 'dashboard is up')
  let stopping = false
  const stop = (signal: string) => {
    if (stopping) return
    stopping = true
    log.info({ signal }, 'stopping')
    void running.stop().then(() => process.exit(0))
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGINT'))
} catch (error) {
  if (error instanceof ConfigError) console.error(error.message)
  else log.fatal({ err: error }, 'dashboard did not start')
  process.exit(1)
}
