import type { Command } from '../command.ts'
import { renderEnd } from '../demo/end.ts'
import { narrate } from '../demo/narrate.ts'
import { startRehearsal } from '../demo/rehearse.ts'
import { ownDemo } from '../demo/own.ts'
import { EXIT } from '../exit.ts'
import { StartFailed } from '../stack/start.ts'
import { visible } from '../terminal/visible.ts'
import { aborted } from './up.ts'

export const command: Command = {
  usage: 'factory demo [--once]',
  details: 'Starts the factory beside a GitHub-shaped forge and a scripted model on this machine, files an issue\nwith the label, and tells what happens until the pull request is open. No account, no key.\nThe work itself is done by the real Claude Code CLI.',
  options: { once: { type: 'boolean' } },
  optionHelp: { once: 'end when the pull request is open (exit code 0) or the item failed (1)' },
  positionals: { min: 0, max: 0 },
  async run({ io, config, values, json, style }) {
    const own = ownDemo(config.dataDir)
    const say = (text: string) => (json ? undefined : io.out(`${text}\n`))
    let rehearsal: Awaited<ReturnType<typeof startRehearsal>> | null = null
    try {
      rehearsal = await startRehearsal({ dir: own.dir, env: io.env, say, style })
      const end = await narrate(rehearsal, { say, style, signal: io.signal, now: io.now })
      if (!json) io.out(renderEnd(end, style))
      if (values['once'] !== true && !io.signal.aborted) {
        say('\nEverything keeps running: look around, label another issue. Ctrl-C ends it.')
        await aborted(io.signal)
      }
      return { exit: end.ok ? EXIT.ok : EXIT.failed, json: end }
    } catch (error) {
      if (!(error instanceof StartFailed)) throw error
      return { exit: EXIT.failed, json: { error: { code: 'unavailable', message: error.message, details: [] } }, text: `${error.message}:\n${error.lines.map(visible).join('\n')}` }
    } finally {
      await rehearsal?.stop()
      own.release()
    }
  },
}
