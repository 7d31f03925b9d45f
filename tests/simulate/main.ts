// bun run simulate: many small worlds, each from one seed. Exit code 1 when one breaks an invariant, also where a
// part was left out to see that; 64 when it was asked for something that it does not know.
import { readArguments, USAGE } from './arguments.ts'
import { campaign, type Campaign } from './campaign.ts'
import { simulate, type Result } from './simulate.ts'

const LAST_STEPS = 30

const args = readArguments(process.argv.slice(2))
if (args === null) {
  console.error(USAGE)
  process.exit(64)
}
if (args.trace) {
  const result = simulate({ seed: args.from, without: args.without, tracing: true })
  for (const line of result.trace) console.log(line)
  for (const line of verdict(result)) console.log(line)
  process.exit(result.violation === null ? 0 : 1)
}
const began = performance.now()
const all = campaign(args)
const seconds = (performance.now() - began) / 1000
if (args.json) console.log(JSON.stringify({ ...all, seconds, failed: all.failed && { ...all.failed, trace: lastSteps(all.failed) }, coverage: Object.fromEntries([...all.coverage].sort()) }))
else for (const line of tell(all)) console.log(line)
process.exit(all.failed === null ? 0 : 1)

function tell({ seeds, steps, simulatedHours, failed, coverage }: Campaign): string[] {
  const faults = [...coverage].filter(([what]) => /^(lost|kill|freeze|twice|slow|trouble)/.test(what)).reduce((sum, [, n]) => sum + n, 0)
  const refusals = [...coverage].filter(([what]) => what.startsWith('refused')).reduce((sum, [, n]) => sum + n, 0)
  return [
    ...(args?.coverage ? [...coverage].sort().map(([what, n]) => `${String(n).padStart(9)}  ${what}`) : []),
    ...(failed ? [...lastSteps(failed), ...verdict(failed)] : []),
    `${seeds} seeds, ${steps} steps (${Math.round(steps / seeds)} a seed), ${simulatedHours.toFixed(1)} simulated hours, ${faults} faults, ${refusals} refusals in ${seconds.toFixed(1)} s: ${Math.round(seeds / seconds)} seeds/s`,
  ]
}

/** The steps before the violation, and what was noted within them. */
function lastSteps({ trace, steps }: Result): readonly string[] {
  const from = trace.findIndex((line) => Number.parseInt(line, 10) > steps - LAST_STEPS)
  return trace.slice(Math.max(0, from))
}

function verdict({ seed, steps, simulatedMs, violation }: Result): string[] {
  if (violation === null) return [`seed ${seed}: all held in ${steps} steps, ${Math.round(simulatedMs / 1000)} simulated seconds`]
  return [`seed ${seed}, step ${violation.step}, after ${(violation.at / 1000).toFixed(3)} s: ${violation.invariant}`, `the same again with every step: bun run simulate --seed ${seed} --trace${args && args.without.size > 0 ? ` --without ${[...args.without].join(',')}` : ''}`]
}
