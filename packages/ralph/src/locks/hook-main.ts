import { writeSync } from 'node:fs'
import { resolve } from 'node:path'

/**
 * The program that Claude Code runs before an edit (PreToolUse). It asks Ralph over the socket in
 * RALPH_EDIT_SOCKET and says no whenever it does not hear a clear yes: exit code 2 refuses the tool call
 * whatever else is set, and what this program cannot say itself any more (killed, too slow) the hook's
 * `onFailure: block` says.
 *
 * RALPH_EDITS is set by Ralph for the CLI: `ask`, or `free` where nobody needs to be asked. Without it
 * this CLI was not started by Ralph, and the answer is no. The variables are the CLI's: an agent cannot
 * change the environment of the process that it lives in. What it can do is to write by Bash, or to start
 * another CLI with other variables; what comes of that is found in the diff after the iteration.
 *
 * It imports nothing that takes time to load: it runs before every edit.
 */
const OWN_LIMIT_MS = 50_000

function refuse(why: string): never {
  writeSync(2, `This edit is refused, because its lock could not be asked for: ${why}\n`)
  process.exit(2)
}

const field = (value: unknown, name: string): unknown => (typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined)

/** The absolute path of the file that the tool call is about. */
function pathOf(call: unknown): string {
  const input = field(call, 'tool_input')
  const path = field(input, 'file_path') ?? field(input, 'notebook_path')
  const cwd = field(call, 'cwd')
  if (typeof path !== 'string' || path === '') refuse('the call names no file')
  if (path.startsWith('/')) return resolve(path)
  if (typeof cwd !== 'string' || !cwd.startsWith('/')) refuse('the call names no absolute file')
  return resolve(cwd, path)
}

async function ask(socketPath: string, path: string): Promise<string | null> {
  const answer: Uint8Array[] = []
  const whole = Promise.withResolvers<string>()
  await Bun.connect({
    unix: socketPath,
    socket: {
      open: (socket) => void socket.write(`${JSON.stringify({ path })}\n`),
      data(_socket, chunk) {
        answer.push(Buffer.from(chunk))
        if (chunk.at(-1) === 10) whole.resolve(Buffer.concat(answer).toString())
      },
      error: (_socket, error) => whole.reject(error),
      close: () => whole.reject(new Error('Ralph gave no answer')),
    },
  })
  const deny = field(JSON.parse(await whole.promise), 'deny')
  if (deny === null || (typeof deny === 'string' && deny !== '')) return deny
  return refuse('the answer cannot be understood')
}

async function main(): Promise<void> {
  const { RALPH_EDITS: edits, RALPH_EDIT_SOCKET: socketPath } = process.env
  if (edits === 'free') process.exit(0)
  if (edits !== 'ask' || !socketPath) refuse('this Claude Code was not started by Ralph')
  setTimeout(() => refuse('no answer in time'), OWN_LIMIT_MS)
  const call: unknown = JSON.parse(await Bun.stdin.text())
  const deny = await ask(socketPath, pathOf(call))
  if (deny !== null) writeSync(1, JSON.stringify({ hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: 'deny', permissionDecisionReason: deny } }))
  process.exit(0)
}

await main().catch((error: unknown) => refuse(error instanceof Error ? error.message : String(error)))
