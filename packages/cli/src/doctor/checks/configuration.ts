import { join } from 'node:path'
import { unreadableLines } from '../environment.ts'
import { fail, ok, skipped, warn, type Finding } from '../finding.ts'

/** One finding for the file, one for each variable with a problem. */
export async function checkConfiguration(cwd: string, problems: readonly string[]): Promise<Finding[]> {
  return [await checkFile(cwd), ...problems.map((problem) => fail('setting', problem, 'Change it in .env; .env.example explains each variable'))]
}

async function checkFile(cwd: string): Promise<Finding> {
  const file = Bun.file(join(cwd, '.env'))
  if (!(await file.exists())) return skipped('.env', 'there is no .env here; the environment and the defaults count')
  const bad = unreadableLines(await file.text())
  if (bad.length > 0) return warn('.env', `${bad.length === 1 ? 'line' : 'lines'} ${bad.join(', ')} ${bad.length === 1 ? 'is' : 'are'} not NAME=value and passed over`, 'Write NAME=value, or put # before a comment')
  return ok('.env', 'is readable')
}
