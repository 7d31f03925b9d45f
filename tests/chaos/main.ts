// bun run chaos [--items N] [--seed N] [--without fencing|outbox|death] [--json]
import { parseArgs } from 'node:util'
import { RULES } from './check/facts.ts'
import { planFaults } from './plan.ts'
import { chaosOptions } from './options.ts'
import { runChaos } from './run/chaos.ts'

const USAGE = 'usage: bun run chaos [--items N] [--seed N] [--without fencing|outbox|death] [--json]'
const { values } = parseArgs({ options: { items: { type: 'string', default: '800' }, seed: { type: 'string' }, without: { type: 'string' }, json: { type: 'boolean', default: false } } })
const items = Number(values.items)
const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : Number(values.seed)
const without = (['fencing', 'outbox', 'death'] as const).find((one) => one === values.without)
if (!Number.isSafeInteger(items) || items < 1 || !Number.isSafeInteger(seed) || without !== values.without) {
  console.error(USAGE)
  process.exit(64)
}
const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())

const options = chaosOptions({ items, seed, variant: without ?? 'whole' })
const report = await runChaos({ ...options, say: (line) => (values.json ? console.error(line) : console.log(line)), signal: stop.signal })
if (values.json) console.log(JSON.stringify({ ...report, schedule: planFaults(seed, items, options) }, null, 2))
else {
  const { violations, ...rest } = report
  console.log(rest)
  for (const { rule, about, detail } of violations.slice(0, 50)) console.log(`✗ ${rule}: ${about}: ${detail}`)
  console.log(RULES.map((rule) => `${rule} ${violations.filter((one) => one.rule === rule).length}`).join(', '))
}
process.exit(report.violations.length === 0 ? 0 : 1)
