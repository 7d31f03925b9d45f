import { join } from 'node:path'

/** One setting of git: name and value. */
export type Setting = readonly [name: string, value: string]

/**
 * Said with each call, so that it wins over what stands in `.git/config`, where the agent can write:
 * nothing of it may run a program, hide a change from us or change how a diff reads.
 */
const ALWAYS: readonly Setting[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.untrackedCache', 'false'],
  ['core.trustctime', 'true'],
  ['core.checkStat', 'default'],
  ['core.ignoreStat', 'false'],
  // True on a file system that tells names apart, it hides a new file beside one that differs by case.
  ['core.ignoreCase', 'false'],
  // Line ends that do not survive the way there and back are the repository's own affair.
  ['core.safecrlf', 'false'],
  ['core.quotePath', 'false'],
  ['commit.gpgSign', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['advice.detachedHead', 'false'],
  ['advice.graftFileDeprecated', 'false'],
  ['diff.orderFile', '/dev/null'],
  ['diff.relative', 'false'],
  ['diff.interHunkContext', '0'],
  ['diff.submodule', 'short'],
  // Not its commit, its files: to compare those git starts itself in there, without our settings.
  ['diff.ignoreSubmodules', 'dirty'],
  ['submodule.recurse', 'false'],
  // A checkout that belongs to another user is worked on, not refused: we were pointed at it.
  ['safe.directory', '*'],
]

/** A clean room has every file of its commit: what the agent makes of `info/sparse-checkout` hides no test. */
const FOR_COMMAND: Readonly<Record<string, readonly Setting[]>> = { worktree: [['core.sparseCheckout', 'false']] }

/** What git takes from the environment for settings that win over every file. */
export function settingsEnv(command: string, more: readonly Setting[]): Record<string, string> {
  const all = [...more, ...ALWAYS, ...(FOR_COMMAND[command] ?? [])]
  return { GIT_CONFIG_COUNT: String(all.length), ...Object.fromEntries(all.flatMap(([name, value], index) => [[`GIT_CONFIG_KEY_${index}`, name], [`GIT_CONFIG_VALUE_${index}`, value]])) }
}

/** Settings that decide which bytes a checkout has and which files count: taken once, as the user's own git sees them. */
export const KEPT = '^core\\.(autocrlf|eol|excludesfile|attributesfile|filemode|symlinks)$'

/**
 * From the output of `git config -z --get-regexp` with {@link KEPT}; the last value of a name counts.
 * `configHome` is where git looks for ignore and attributes files that no setting names.
 */
export function keptSettings(output: string, configHome: string | null): Setting[] {
  const found = new Map<string, string>()
  if (configHome !== null) for (const [name, file] of [['core.excludesfile', 'ignore'], ['core.attributesfile', 'attributes']] as const) found.set(name, join(configHome, 'git', file))
  for (const entry of output.split('\0').filter(Boolean)) {
    const [name = '', ...value] = entry.split('\n')
    // A name without a value means true.
    found.set(name, value.length === 0 ? 'true' : value.join('\n'))
  }
  return [...found]
}

/** Drivers that are at work on many machines by settings of the user's own, which we do not load. */
const WELL_KNOWN = ['lfs', 'git-crypt', 'crypt', 'annex'] as const

/** Names of filter drivers, from `git config -z --name-only --get-regexp ^filter\.`, and those known to be used. */
export function filterNames(output: string): string[] {
  const own = output.split('\0').flatMap((name) => /^filter\.([^]*)\.[^.]*$/.exec(name)?.[1] ?? [])
  return [...new Set([...own, ...WELL_KNOWN])]
}

/** No driver runs: it is a program that the agent can name. Content stays as it is stored. */
export function withoutFilters(names: readonly string[]): Setting[] {
  return names.flatMap((name) => [...(['clean', 'smudge', 'process'] as const).map((part): Setting => [`filter.${name}.${part}`, '']), [`filter.${name}.required`, 'false']] satisfies Setting[])
}
