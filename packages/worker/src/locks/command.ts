import { parseArgs } from 'node:util'
import { createClient } from '@factory/orchestrator/client'
import { FactoryError, LockRequest, pause, redactText, type LockHolder, type LockResponse } from '@factory/shared'
import { askDesk } from '../protocol/desk.ts'
import { readRefusal } from '../protocol/refusal.ts'
import { shellWords } from '../setup/command.ts'

/** Ralph gives an answer ten seconds: less for one call, and no new one after some. */
const TIMEOUT_MS = 6500
const DESK_MS = 2000
const ASK_AGAIN_MS = 4000
/** What Ralph understands: the lock is the run's, it is another run's, or it cannot be asked. */
const EXIT = { ours: 0, theirs: 1, unknown: 2 } as const

/**
 * The command that Ralph runs before each edit (`--before-edit`), the path as $1. The run's token is in
 * the environment of Ralph already, as the key of its model; nothing is added there that the agent would
 * not have. It starts in / and reads no bunfig.toml, .env or proxy: the checkout is the agent's, and the
 * gateway is asked directly.
 */
export function lockCommand(self: readonly string[], run: { doorUrl: string; deskUrl: string; runId: number }): string {
  const [bun = '', ...program] = self
  const words = [bun, '--no-env-file', '--config=/dev/null', ...program, 'lock', '--gateway', run.doorUrl, '--desk', run.deskUrl, '--run', String(run.runId)]
  return `cd / && unset HTTP_PROXY HTTPS_PROXY http_proxy https_proxy && HOME=/dev/null FACTORY_RUN_TOKEN="$ANTHROPIC_API_KEY" exec ${shellWords(words)} --path="$1"`
}

/**
 * `worker lock --gateway URL --desk URL --run N --path PATH`: takes the lock of one file for the run whose
 * token is in FACTORY_RUN_TOKEN. It is told as ours only when the worker, asked after that, says that the
 * run is trusted: an answer that was read after a standstill may be of another time.
 */
export async function lockMain(args: readonly string[], token: string | undefined, say: (text: string) => void): Promise<number> {
  try {
    const { gateway, desk, run, path } = parseArgs({ args: [...args], options: { gateway: { type: 'string' }, desk: { type: 'string' }, run: { type: 'string' }, path: { type: 'string' } } }).values
    const id = Number(run)
    if (!gateway || !desk || !Number.isInteger(id) || path === undefined || !token) throw new Error('worker lock needs --gateway URL, --desk URL, --run N, --path PATH and FACTORY_RUN_TOKEN')
    const body = LockRequest.safeParse({ paths: [path] })
    if (!body.success) {
      // For good, not for now: no run can ever hold the lock of such a name.
      say(`the factory cannot lock a path like this: ${body.error.issues[0]?.message ?? 'it is no path'}`)
      return EXIT.theirs
    }
    const answer = await askAgain((timeoutMs) => createClient({ baseUrl: gateway, token, timeoutMs }).call('lock', { params: { id }, body: body.data }))
      .catch(async (error: unknown) => {
        // The worker finds out by itself, and ends.
        if (readRefusal(error) === 'fenced') await askDesk(desk, '/doubt', DESK_MS)
        throw error
      })
    if (answer.granted && (await askDesk(desk, '/', DESK_MS))) return EXIT.ours
    if (answer.granted) throw new Error("the run's lease is in doubt; nobody may act on its locks now")
    say(answer.conflicts.map(tell).join('\n'))
    return EXIT.theirs
  } catch (error) {
    say(redactText(error instanceof Error ? error.message : String(error)))
    return EXIT.unknown
  }
}

/** A store that is away for a moment must not cost the agent its edit: asking again changes nothing. */
async function askAgain(call: (timeoutMs: number) => Promise<LockResponse>): Promise<LockResponse> {
  const began = performance.now()
  for (;;) {
    const passed = performance.now() - began
    try {
      return await call(TIMEOUT_MS - passed)
    } catch (error) {
      if (!(error instanceof FactoryError && (error.code === 'unavailable' || error.code === 'internal')) || performance.now() - began > ASK_AGAIN_MS) throw error
    }
    await pause(250)
  }
}

const tell = ({ runId, itemId, since }: LockHolder): string => `held by run ${runId} of item ${itemId} since ${since}`
