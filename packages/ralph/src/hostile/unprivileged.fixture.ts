import { scriptedAgent } from '../agents/scripted.ts'
import { runRalph } from '../testing.ts'
import { CHECK, greet, sh } from './testing.ts'

/** `bun unprivileged.fixture.ts DIR COMMAND CHECK…`: one run with a scripted agent, in a process that a test has taken rights from. */
const [dir = '', command = '', ...checks] = process.argv.slice(2)
const repo = { dir, git: () => '', write: async () => undefined, remove: async () => undefined }
const ran = await runRalph(repo, { agent: scriptedAgent([greet(() => void sh(dir, command))]), options: { ...CHECK, verify: [...CHECK.verify, ...checks] } })
process.stdout.write(ran.lines.join(''))
process.exitCode = ran.exitCode
