import { join } from 'node:path'
import { diskFullMessage, saysDiskFull } from './disk/full.ts'
import { isOutOfSpace } from './disk/measure.ts'
import { RunFailure } from './ending.ts'
import type { Chosen } from './environment/choose.ts'
import { readEnvironment } from './environment/read.ts'
import { checkout, makeWorkspace } from './git/checkout.ts'
import { proxyEnv } from './ralph/command.ts'
import { createSetupCache } from './setup/cache.ts'
import { setupCommand } from './setup/command.ts'
import { refusedHosts } from './setup/refused.ts'
import { leftovers, setUp } from './setup/setup.ts'
import { step, type Place, type Work } from './work.ts'
import { excludePaths, keepOutOfGit, writeInputs } from './workspace/files.ts'

/** Checkout, our files, the repository's own rules, and its setup. @throws RunFailure, Halted */
export async function prepare(work: Work): Promise<Place> {
  const { assignment, session, git, stop, say, config } = work
  step(work, 'checkout')
  await makeWorkspace(config.workspace)
  const at = await checkout({ git, gatewayUrl: work.doorUrl, assignment, stop, trust: session.trust, logger: work.logger, ...(work.overrides.retryMs ? { retryMs: work.overrides.retryMs } : {}) })
  session.note({ baseSha: at.baseSha })
  say(`checked out ${at.headSha.slice(0, 12)}${at.headSha === at.baseSha ? '' : ` on ${at.baseSha.slice(0, 12)}`}`)
  const chosen = await readEnvironment(git, at.baseSha, assignment)
  session.note({ environment: chosen.environment })
  say(`setup: ${chosen.environment.setup.join('; ') || 'none'} · verify: ${[...chosen.environment.verify, ...(chosen.environment.required ?? [])].join('; ') || 'none'} (${chosen.environment.source})`)
  await keepOutOfGit(git)
  const inputs = await writeInputs(config.workspace, assignment)
  // A spec is written from reading; it needs no installed packages.
  const setup = assignment.run.kind === 'spec' ? null : await prepareSetup(work, chosen)
  await session.flush()
  return { ...at, ...chosen, ...inputs, setup }
}

/** Sets the checkout up and returns the command that does the same in a clean room, out of the same cache. */
async function prepareSetup(work: Work, { environment, limits }: Chosen): Promise<string | null> {
  if (environment.setup.length === 0) return null
  step(work, 'setup')
  const { clocks, config, stop } = work
  const root = config.cacheDir ?? join(work.tmp, 'cache')
  const env = { ...config.basicEnv, ...proxyEnv(work.doorUrl, config.runToken), TMPDIR: work.tmp, CI: 'true' }
  const cache = createSetupCache({ root, maxBytes: config.cacheBytes, env: config.basicEnv, now: () => new Date(clocks.wall()), signal: stop.fence })
  const done = await setUp({ git: work.git, commands: environment.setup, cache, minutes: limits.setupMinutes, env, now: clocks.mono, signal: stop.signal, say: (line) => work.say(`$ ${line}`) })
  stop.check()
  if (!done.ok) {
    const failed = `"${done.command}" ${done.reason}\n${done.tail}`
    if (saysDiskFull(done.tail) || (await isOutOfSpace(config.workspace))) throw new RunFailure('disk_full', diskFullMessage(failed))
    const refused = await refusedHosts(work.doorUrl, config.runToken)
    if (refused.length > 0) throw new RunFailure('egress_refused', `"${done.command}" ${done.reason}; EGRESS_ALLOW does not let it reach ${refused.join(', ')}\n${done.tail}`)
    throw new RunFailure('setup_failed', failed)
  }
  work.say(`setup ${done.cached ? 'restored' : 'done'} in ${(done.ms / 1000).toFixed(1)} s`)
  await excludePaths(work.git, await leftovers(work.git))
  return setupCommand(work.self, { cacheDir: root, cacheBytes: config.cacheBytes, minutes: limits.setupMinutes, commands: environment.setup })
}
