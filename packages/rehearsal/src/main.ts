import { readOptions, USAGE } from './cli/options.ts'
import { describe, run, type Rehearsal } from './cli/run.ts'

const parsed = readOptions(process.argv.slice(2))
if (parsed.kind === 'help') {
  process.stdout.write(USAGE)
  process.exit(0)
}
if (parsed.kind === 'wrong') {
  process.stderr.write(`${parsed.problem}\n\n${USAGE}`)
  process.exit(64)
}

let rehearsal: Rehearsal
try {
  rehearsal = await run(parsed.options, (line) => process.stderr.write(`${line}\n`))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}

const { forge, model, env } = rehearsal
process.stdout.write(parsed.options.json ? `${JSON.stringify({ forge: forge ? { url: forge.url, apiUrl: forge.apiUrl, control: `${forge.url}/_rehearsal` } : null, model: model ? { url: model.url } : null, env })}\n` : `${describe(rehearsal)}\n`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void rehearsal.stop().then(() => process.exit(0)))
}
