// bun run bench [name …] [--json]: measures, never asserts. Each figure names its peer, measured in the same run.
import { printFigures, type Figure } from './figure.ts'

const BENCHES: Record<string, { what: string; needs: string; load(): Promise<{ run(): Promise<Figure[]> }> }> = {
  spawn: { what: 'label (webhook) to container started, against a bare docker run of the same image', needs: 'an engine and the worker image', load: () => import('./spawn.ts') },
  iteration: { what: 'an empty Ralph iteration, against a bare claude -p', needs: 'the Claude CLI', load: () => import('./iteration.ts') },
  events: { what: "the worker's reader on 100,000 events of a child process, against splitting and JSON.parse", needs: 'nothing', load: () => import('./events.ts') },
  queue: { what: 'enqueue, claim, admission and backlog at 1,000, 100,000 and 1,000,000 queued, against pg-boss and graphile-worker', needs: 'a PostgreSQL in TEST_DATABASE_URL', load: () => import('./queue.ts') },
  memory: { what: 'resident memory of the four idle services', needs: 'a PostgreSQL in TEST_DATABASE_URL', load: () => import('./memory.ts') },
  locks: { what: 'files of a run locked in Redis, against a chain of SET NX PX', needs: 'Redis in TEST_REDIS_URL and a PostgreSQL in TEST_DATABASE_URL', load: () => import('./locks.ts') },
  heartbeats: { what: 'heartbeats of 1,000 workers; takeover; service after PostgreSQL was away', needs: 'a PostgreSQL in TEST_DATABASE_URL and an engine with its image', load: () => import('./heartbeats.ts') },
}

const args = process.argv.slice(2)
const json = args.includes('--json')
const names = args.filter((arg) => !arg.startsWith('-'))
const unknown = names.filter((name) => !Object.hasOwn(BENCHES, name))
const flags = args.filter((arg) => arg.startsWith('-') && arg !== '--json')
if (unknown.length > 0 || flags.length > 0) {
  console.error(`unknown: ${[...unknown, ...flags].join(', ')}\nusage: bun run bench [${Object.keys(BENCHES).join('|')} …] [--json]`)
  process.exit(64)
}
let failed = false
for (const [name, bench] of Object.entries(BENCHES)) {
  if (names.length > 0 && !names.includes(name)) continue
  if (!json) console.log(`\n${name}: ${bench.what}`)
  try {
    const { run } = await bench.load()
    printFigures(await run(), json)
  } catch (error) {
    failed = true
    console.error(`${name} was not measured (it needs ${bench.needs}): ${error instanceof Error ? error.message : String(error)}`)
  }
}
process.exit(failed ? 1 : 0)
