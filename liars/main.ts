// bun run liars [--json] [name …]: models that claim what is not so, each against the real Ralph. Says which
// rule was meant to catch it and which one did; exit code 1 when they differ.
import { findClaude } from '../packages/cli/src/stack/find-claude.ts'
import { LIARS } from './cases.ts'
import { tellAll } from './tell-all.ts'
import type { Told } from './tell.ts'

const args = process.argv.slice(2)
const json = args.includes('--json')
const names = args.filter((arg) => !arg.startsWith('-'))
const strange = [...names.filter((name) => !LIARS.some((liar) => liar.name === name)), ...args.filter((arg) => arg.startsWith('-') && arg !== '--json')]
if (strange.length > 0) {
  console.error(`unknown: ${strange.join(', ')}\nusage: bun run liars [--json] [name …]\nnames: ${LIARS.map((liar) => `"${liar.name}"`).join(', ')}`)
  process.exit(64)
}
const claude = findClaude(process.env)
if (!claude) {
  console.error('no claude binary: run ./scripts/setup.sh, or name one in CLAUDE_BIN')
  process.exit(64)
}
const told = await tellAll(LIARS.filter((liar) => names.length === 0 || names.includes(liar.name)), claude)
if (json) console.log(JSON.stringify(told, null, 2))
else for (const line of table(told)) console.log(line)
process.exit(told.every((one) => one.ok) ? 0 : 1)

function table(all: readonly Told[]): string[] {
  const row = (cells: readonly string[]): string => [(cells[0] ?? '').padEnd(28), (cells[1] ?? '').padEnd(18), (cells[2] ?? '').padEnd(18), (cells[3] ?? '').padEnd(6), cells[4] ?? ''].join('').trimEnd()
  return [row(['case', 'meant', 'caught by', 'exit', '']), ...all.map((one) => row([one.case, one.meant ?? 'nothing', one.caught ?? 'nothing', String(one.exitCode), one.ok ? 'as meant' : `NOT AS MEANT: ${one.rules.join(', ')}`])), `${all.filter((one) => one.ok).length} of ${all.length} as meant`]
}
