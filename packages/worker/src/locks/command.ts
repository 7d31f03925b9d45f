import { parseArgs } from 'node:util'
import { createClient } from '@factory/orchestrator/client'
import { LockRequest, redactText, type LockHolder } from '@factory/shared'
import { shellWords } from '../setup/command.ts'

/** Ralph gives an answer ten seconds. */
const TIMEOUT_MS = 8000
/** What Ralph understands: the lock is the run's, it is another run's, or it cannot be asked. */
const EXIT = { ours: 0, theirs: 1, unknown: 2 } as const

/**
 * The command that Ralph runs before each edit (`--before-edit`), the path as $1. The run's token is in
 * the environment of Ralph already, as the key of its model; nothing is added there that the agent would
 * not have. It starts in / and reads no bunfig.toml, .env or proxy: the checkout is the agent's, and the
 * gateway is asked directly.
 */
export function lockCommand(self: readonly string[], run: { doorUrl: string; runId: number }): string {
  const [bun = '', ...program] = self
  const words = [bun, '--no-env-file', '--config=/dev/null', ...program, 'lock', '--gateway', run.doorUrl, '--run', String(run.runId)]
  return `cd / && unset HTTP_PROXY HTTPS_PROXY http_proxy https_proxy && HOME=/dev/null FACTORY_RUN_TOKEN="$ANTHROPIC_API_KEY" exec ${shellWords(words)} --path="$1"`
}

/** `worker lock --gateway URL --run N --path PATH`: takes the lock of one file for the run whose token is in FACTORY_RUN_TOKEN. */
export async function lockMain(args: readonly string[], token: string | undefined, say: (text: string) => void): Promise<number> {
  try {
    const { gateway, run, path } = parseArgs({ args: [...args], options: { gateway: { type: 'string' }, run: { type: 'string' }, path: { type: 'string' } } }).values
    const id = Number(run)
    if (!gateway || !Number.isInteger(id) || path === undefined || !token) throw new Error('worker lock needs --gateway URL, --run N, --path PATH and FACTORY_RUN_TOKEN')
    const body = LockRequest.safeParse({ paths: [path] })
    if (!body.success) {
      // For good, not for now: no run can ever hold the lock of such a name.
      say(`the factory cannot lock a path like this: ${body.error.issues[0]?.message ?? 'it is no path'}`)
      return EXIT.theirs
    }
    const answer = await createClient({ baseUrl: gateway, token, timeoutMs: TIMEOUT_MS }).call('lock', { params: { id }, body: body.data })
    if (answer.granted) return EXIT.ours
    say(answer.conflicts.map(tell).join('\n'))
    return EXIT.theirs
  } catch (error) {
    say(redactText(error instanceof Error ? error.message : String(error)))
    return EXIT.unknown
  }
}

const tell = ({ runId, itemId, since }: LockHolder): string => `held by run ${runId} of item ${itemId} since ${since}`
