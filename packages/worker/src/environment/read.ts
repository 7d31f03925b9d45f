import { parseFactoryYml, parseSpec, renderFactoryYmlProblems, type Assignment } from '@factory/shared'
import { RunFailure } from '../ending.ts'
import type { Git } from '../git/git.ts'
import { choose, type Chosen } from './choose.ts'
import { detect, READ_FILES } from './detect.ts'

/**
 * Reads how the repository is set up and checked, at the base commit only: the branch under work
 * cannot change the rules it is judged by. @throws RunFailure `bad_factory_yml`
 */
export async function readEnvironment(git: Git, baseSha: string, assignment: Assignment): Promise<Chosen> {
  const files = new Set((await git.must(['ls-tree', '-r', '-z', '--name-only', baseSha])).split('\0').filter(Boolean))
  const show = async (path: string) => (files.has(path) ? git.must(['show', `${baseSha}:${path}`]) : null)
  const text = await show('.factory.yml')
  const parsed = text === null ? null : parseFactoryYml(text)
  if (parsed && !parsed.ok) throw new RunFailure('bad_factory_yml', renderFactoryYmlProblems(parsed.problems))
  const texts = new Map<string, string | null>()
  for (const path of READ_FILES) texts.set(path, await show(path))
  return choose({
    yml: parsed?.config ?? null,
    detected: detect({ files, read: (path) => texts.get(path) ?? null }),
    specVerify: assignment.item.spec === null ? [] : parseSpec(assignment.item.spec).verify,
    limits: assignment.limits,
    model: assignment.model,
  })
}
