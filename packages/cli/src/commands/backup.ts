import { FactoryError } from '@factory/shared'
import { open, rename, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from '../command.ts'
import { UsageError } from '../exit.ts'
import { inspectBackup } from '../inspect-backup.ts'
import { visibleLine } from '../terminal/visible.ts'
import { transfer } from '../transfer.ts'

export const command: Command = {
  usage: 'factory backup [FILE|-]',
  details:
    'Everything that the factory knows, as it is at one moment, while it runs. Without FILE a name with the\ntime is chosen; - is standard output. The file holds issues and specs, and no tokens. The embedded store\nstands still while it is read (some seconds for each hundred thousand events); PostgreSQL does not.',
  positionals: { min: 0, max: 1 },
  async run(context) {
    const { io, json, positionals } = context
    const name = positionals[0] ?? `factory-backup-${new Date(io.now()).toISOString().replaceAll(/[:.]/g, '-')}.ndjson.gz`
    if (name === '-' && json) throw new UsageError('--json and - both want standard output')
    const response = await transfer(context, 'GET', '/api/backup')
    if (!response.body) throw new FactoryError('internal', 'the orchestrator sent nothing')
    if (name === '-') {
      const out = Bun.stdout.writer()
      for await (const chunk of response.body) {
        out.write(chunk)
        await out.flush()
      }
      await out.end()
      return {}
    }
    const path = resolve(io.cwd, name)
    const part = `${path}.part`
    try {
      const bytes = await save(response.body, part)
      const { head, end } = await inspectBackup(part)
      await rename(part, path)
      const report = { file: path, bytes, at: head.at, factory: head.factory, rows: end.rows }
      return { json: report, text: `${visibleLine(path)}: ${end.rows['work_items'] ?? 0} items, ${end.rows['work_events'] ?? 0} events, ${Math.ceil(bytes / 1024)} kB` }
    } finally {
      await rm(part, { force: true })
    }
  },
}

/** For its owner only, and on the disk when this returns. */
async function save(body: ReadableStream<Uint8Array>, path: string): Promise<number> {
  const file = await open(path, 'w', 0o600).catch((error: unknown) => {
    throw new UsageError(`${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`)
  })
  let bytes = 0
  try {
    for await (const chunk of body) {
      await file.writeFile(chunk)
      bytes += chunk.byteLength
    }
    await file.sync()
  } catch (error) {
    throw new FactoryError('internal', `the backup broke off: ${error instanceof Error ? error.message : String(error)}`, [], { cause: error })
  } finally {
    await file.close()
  }
  return bytes
}
