import { z } from 'zod'
import type { Detected, Listing } from '../detect.ts'

const Manifest = z.looseObject({
  packageManager: z.string().optional().catch(undefined),
  scripts: z.record(z.string(), z.string()).optional().catch(undefined),
  dependencies: z.record(z.string(), z.unknown()).optional().catch(undefined),
  devDependencies: z.record(z.string(), z.unknown()).optional().catch(undefined),
  workspaces: z.unknown().optional(),
})
type Manifest = z.infer<typeof Manifest>

type Manager = 'bun' | 'npm' | 'pnpm' | 'yarn'
const LOCKS: readonly (readonly [file: string, manager: Manager])[] = [
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['package-lock.json', 'npm'],
  ['npm-shrinkwrap.json', 'npm'],
]

/** Scripts that check something, in the order in which they are run: the cheap ones first. */
const CHECKS = [['lint'], ['typecheck', 'type-check', 'check-types', 'check:types', 'tsc'], ['test']] as const

/** A script that never ends, changes the sources, or only says that there is nothing. */
const UNREAL = [/no test specified/i, /^\s*(echo\b[^&|;]*|exit 0|true|:)\s*$/, /--watch(?!=false|All=false)\b/, /\s--fix\b/]

export function detectNode({ files, read }: Listing): Detected | null {
  const text = read('package.json')
  if (!files.has('package.json') || text === null) return null
  const manifest = readManifest(text)
  if (!manifest) return { setup: [], verify: [], notes: ['package.json: cannot be read as JSON'] }

  const lock = LOCKS.find(([file]) => files.has(file))
  const named = /^(bun|npm|pnpm|yarn)@/.exec(manifest.packageManager ?? '')?.[1]
  const manager = lock?.[1] ?? LOCKS.find(([, name]) => name === named)?.[1] ?? 'npm'
  const notes: string[] = []
  const install = lock ? frozen(manager, files) : needsInstall(manifest) ? `${manager} install` : null
  if (install) notes.push(`${lock ? lock[0] : 'package.json'}: ${install}`)

  const scripts = manifest.scripts ?? {}
  const verify: string[] = []
  for (const names of CHECKS) {
    const name = names.find((candidate) => isReal(scripts[candidate]))
    if (!name) continue
    const command = `${manager} run ${name}`
    verify.push(command)
    notes.push(`package.json script "${name}": ${command}`)
  }
  const hasTestScript = verify.at(-1)?.endsWith(' test') ?? false
  if (!hasTestScript && manager === 'bun' && [...files].some((file) => /[._](test|spec)\.[cm]?[jt]sx?$/.test(file) && !file.includes('node_modules/'))) {
    verify.push('bun test')
    notes.push('test files: bun test')
  }
  return { setup: install ? [install] : [], verify, notes }
}

function readManifest(text: string): Manifest | null {
  try {
    const parsed = Manifest.safeParse(JSON.parse(text.replace(/^\ufeff/, '')))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

function frozen(manager: Manager, files: ReadonlySet<string>): string {
  if (manager === 'npm') return 'npm ci'
  if (manager === 'yarn' && files.has('.yarnrc.yml')) return 'yarn install --immutable'
  return `${manager} install --frozen-lockfile`
}

const needsInstall = ({ dependencies, devDependencies, workspaces }: Manifest) => Object.keys(dependencies ?? {}).length + Object.keys(devDependencies ?? {}).length > 0 || workspaces !== undefined

const isReal = (script: string | undefined) => script !== undefined && script.trim() !== '' && !UNREAL.some((pattern) => pattern.test(script))
