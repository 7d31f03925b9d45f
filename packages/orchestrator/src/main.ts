import { ConfigError } from '@factory/shared'
import { readConfig } from './config.ts'
import { start } from './index.ts'

try {
  const service = await start(readConfig(process.env))
  let stopping = false
  const stop = () => {
    stopping = true
    // a second signal ends it at once
    process.once('SIGTERM', () => process.exit(143))
    process.once('SIGINT', () => process.exit(130))
    service.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  await service.opened.catch((error: unknown) => {
    if (!stopping) throw error
  })
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : error)
  process.exit(1)
}
