import { fail, ok, warn, type Finding } from '../finding.ts'

/** The version the factory is built and tested with. */
const TESTED = [1, 4] as const

export function checkBun(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < TESTED[0] || (major === TESTED[0] && minor < TESTED[1])) return fail('bun', `Bun ${version}; ${TESTED.join('.')} or newer is needed`, 'Run ./scripts/setup.sh, which installs it into .tools')
  if (major > TESTED[0]) return warn('bun', `Bun ${version}; tested with ${TESTED.join('.')}`, 'If something behaves strangely, run ./scripts/setup.sh and use the Bun in .tools')
  return ok('bun', `Bun ${version}`)
}
