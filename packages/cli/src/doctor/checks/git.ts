import { fail, ok, type Finding } from '../finding.ts'
import { readCommand } from '../read-command.ts'

export async function checkGit(raw: Record<string, string | undefined>): Promise<Finding> {
  const git = Bun.which('git', { PATH: raw['PATH'] ?? '' })
  if (git === null) return fail('git', 'git is not on the PATH', 'Install it: apt-get install git')
  const said = await readCommand([git, '--version'], {})
  const version = /(\d+)\.(\d+)/.exec(said.text)
  if (!version) return fail('git', `${git} does not tell its version: ${said.text}`, 'Install it anew: apt-get install git')
  return ok('git', said.text)
}
