import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Git } from '../../git/git.ts'

/**
 * Environment that makes runners write JUnit files into a folder besides what they do anyway. Only for
 * runners that the checkout shows to be there, and only where it cannot get into the way of a command.
 */
export async function askForReports(git: Git, given: { dir: string; reports: string; env: Record<string, string>; commands: readonly string[] }): Promise<Record<string, string>> {
  const { dir, reports, env, commands } = given
  const read = (name: string): Promise<string> => readFile(join(dir, name), 'utf8').catch(() => '')
  const [names, configs, manifest] = await Promise.all([
    git.may(['ls-tree', '-r', '-z', '--name-only', 'HEAD']),
    Promise.all(['pytest.ini', 'pyproject.toml', 'setup.cfg', 'tox.ini'].map(read)),
    read('package.json'),
  ])
  const files = (names ?? '').split('\0')
  return {
    ...(files.some((name) => name.endsWith('.py')) && !configs.some((text) => /no:junitxml/.test(text)) ? { PYTEST_ADDOPTS: more(env.PYTEST_ADDOPTS, `--junitxml=${reports}/pytest.xml`) } : {}),
    ...(asksNode([...commands, manifest].join('\n')) ? await nodeReporter(env, reports, dir) : {}),
  }
}

const more = (was: string | undefined, flags: string): string => (was ? `${was} ${flags}` : flags)

/** A command with a reporter of its own needs as many destinations as reporters: it is left alone. */
const asksNode = (text: string): boolean => /\bnode\b[^\n"&|;]*\s--test\b/.test(text) && !/--test-reporter|NODE_OPTIONS/.test(text)

/** node:test takes its reporters from NODE_OPTIONS from Node 20 on; an older one would refuse to start. */
async function nodeReporter(env: Record<string, string>, reports: string, dir: string): Promise<Record<string, string>> {
  if (env.NODE_OPTIONS?.includes('--test-reporter')) return {}
  // What it prints without a terminal stays what it is: TAP, from 23 on spec.
  const probe = (options: string) => Bun.spawnSync(['node', '-p', 'process.versions.node'], { cwd: dir, env: { ...env, NODE_OPTIONS: options }, stdin: 'ignore', stderr: 'ignore', timeout: 10_000 })
  if (!Bun.which('node', { PATH: env.PATH ?? '' })) return {}
  const major = Number.parseInt(probe(env.NODE_OPTIONS ?? '').stdout.toString(), 10)
  if (!(major >= 20)) return {}
  const options = more(env.NODE_OPTIONS, `--test-reporter=${major >= 23 ? 'spec' : 'tap'} --test-reporter-destination=stdout --test-reporter=junit --test-reporter-destination=${reports}/node.xml`)
  return probe(options).exitCode === 0 ? { NODE_OPTIONS: options } : {}
}
