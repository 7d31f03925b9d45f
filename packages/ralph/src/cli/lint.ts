import { adviseSpec, checkSpec, locateSpec, parseSpec, RALPH_EXIT, type RalphExit } from '@factory/shared/ralph'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { safeLine } from '../events/safe.ts'
import type { Io } from './io.ts'

/** `ralph spec lint FILE`: what is wrong, where, and what to do; errors stop a run, warnings do not. */
export async function lint(files: readonly string[], json: boolean, io: Io): Promise<RalphExit> {
  const [file] = files
  const text = file === undefined ? null : await readFile(resolve(io.cwd, file), 'utf8').catch(() => null)
  if (text === null || files.length !== 1) {
    io.err(files.length === 1 ? `ralph: ${file} cannot be read\n` : 'ralph: name one file: ralph spec lint SPEC.md\n')
    return RALPH_EXIT.usage
  }
  const spec = parseSpec(text)
  const places = locateSpec(text)
  const byLine = (a: { line: number | null }, b: { line: number | null }): number => (a.line ?? 1) - (b.line ?? 1)
  const problems = checkSpec(spec, places).toSorted(byLine)
  const warnings = adviseSpec(spec, places).toSorted(byLine)
  if (json) io.out(`${JSON.stringify({ file, tasks: spec.tasks.length, verify: spec.verify, problems, warnings })}\n`)
  else {
    // FILE:LINE: is what editors jump to.
    const say = (level: string) => (found: { line: number | null; code: string; what: string; fix: string }): void => io.out(`${file}:${found.line ?? 1}: ${level} ${found.code}: ${safeLine(found.what)}\n    fix: ${safeLine(found.fix)}\n`)
    problems.forEach(say('error'))
    warnings.forEach(say('warning'))
    io.out(`${spec.tasks.length} tasks, ${spec.acceptance.length} acceptance criteria, ${spec.verify.length} verify commands: ${problems.length === 0 ? 'fine' : 'cannot be run'}\n`)
  }
  return problems.length === 0 ? RALPH_EXIT.verified : RALPH_EXIT.badSpec
}
