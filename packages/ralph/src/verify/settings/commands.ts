import { z } from 'zod'
import { found, type FileText, type Found } from '../facts.ts'
import { isGrown, linesGrown } from '../grown.ts'
import { nameOf } from '../paths.ts'
import { withoutFloors } from './floors.ts'
import { readTargets, type Target } from './targets.ts'

/** Names of scripts and targets that check something, whoever calls them. */
const WATCHED = /^(?:pre|post)?(?:tests?|unit|integration|e2e|lint|typecheck|type-check|types|check|verify|validate|coverage|cov|ci)(?:[:_-].*)?$/

/** What verify commands call by name: scripts of a package manager, targets of make or just. */
export function calledNames(commands: readonly string[]): Set<string> {
  const names = new Set<string>()
  for (const command of commands) {
    for (const match of command.matchAll(/\b(?:npm|pnpm|yarn|bun)\s+(?:run(?:-script)?\s+)?(?:--?[\w=-]+\s+)*([\w:.-]+)|\b(?:npm-run-all|run-s|run-p)\s+([\w:. -]+)|\b(?:make|just|gmake|task|rake)\s+((?:-\S+\s+)*[\w:. -]+)/g)) {
      for (const name of (match[1] ?? match[2] ?? match[3] ?? '').split(/\s+/)) if (name && !name.startsWith('-')) names.add(name)
    }
  }
  return names
}

/** What is watched, and what that calls in its turn. */
function reach(names: Iterable<string>, watched: ReadonlySet<string>, callsOf: (name: string) => Iterable<string>): Set<string> {
  const reached = new Set<string>()
  const open = [...names].filter((name) => WATCHED.test(name) || watched.has(name))
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (reached.has(name)) continue
    reached.add(name)
    for (const next of callsOf(name)) open.push(next, `pre${next}`, `post${next}`)
  }
  return reached
}

const Scripts = z.looseObject({ scripts: z.record(z.string(), z.unknown()).optional() })

/** A script that was there at base and that checks something must still do what it did. */
export function compareScripts(file: FileText, commands: readonly string[]): Found[] {
  if (nameOf(file.from ?? file.path) !== 'package.json') return []
  const before = scriptsOf(file.base)
  const after = scriptsOf(file.head)
  if (!before) return []
  const watched = watchedScripts(before, commands)
  if (!after) return watched.size === 0 ? [] : [found('check_weakened', file.path, `${file.path} is gone or cannot be read`, { names: [file.path] })]
  return Object.entries(before).flatMap(([name, was]) => {
    const is = after[name]
    if (!watched.has(name) || typeof was !== 'string' || was === is) return []
    return [changed('script', name, file.path, was, typeof is === 'string' ? is : null, typeof is === 'string' && isGrown(withoutFloors(was), withoutFloors(is)))]
  })
}

const watchedScripts = (scripts: Record<string, unknown>, commands: readonly string[]): Set<string> =>
  reach(Object.keys(scripts), calledNames(commands), (name) => calledNames([String(scripts[name] ?? '')]))

/** What the watched scripts of a package.json run, as written. */
export function scriptCommands(text: string, commands: readonly string[]): string[] {
  const scripts = scriptsOf(text) ?? {}
  return [...watchedScripts(scripts, commands)].map((name) => String(scripts[name] ?? '')).filter(Boolean)
}

function changed(kind: string, name: string, path: string, was: string, is: string | null, grown: boolean): Found {
  const say = (text: string | null): string => (text === null ? 'null' : JSON.stringify(text.slice(0, 160)))
  return found('check_weakened', path, `the ${kind} "${name}" of ${path} was changed from ${say(was)} to ${say(is)}`, {
    blocking: !grown,
    names: [`${name} ${kind}`, `${kind} ${name}`, `"${name}" ${kind}`, `\`${name}\` ${kind}`, `${kind} \`${name}\``, `make ${name}`, `just ${name}`, path],
    scope: [name],
  })
}

function scriptsOf(text: string | null): Record<string, unknown> | null {
  if (text === null) return null
  try {
    const parsed = Scripts.safeParse(JSON.parse(text.replace(/^\uFEFF/, '')))
    return parsed.success ? (parsed.data.scripts ?? {}) : null
  } catch {
    return null
  }
}

export const holdsTargets = (path: string): boolean => /^(?:GNUmakefile|[Mm]akefile|[Jj]ustfile|\.justfile)$|\.(?:mk|just)$/.test(nameOf(path))

/** Targets of a Makefile, a justfile or one that it includes, with the variables their recipes use. */
export function compareTargets(file: FileText, commands: readonly string[], included: readonly string[] = []): Found[] {
  const path = file.from ?? file.path
  if (!(holdsTargets(path) || included.includes(path)) || file.base === null) return []
  const before = readTargets(file.base)
  const after = file.head === null ? { targets: new Map<string, Target>(), variables: new Map<string, string>() } : readTargets(file.head)
  const watched = watchedTargets(before.targets, commands)
  const findings: Found[] = []
  const used = new Set<string>()
  for (const [name, was] of before.targets) {
    if (!watched.has(name)) continue
    for (const match of was.recipe.join('\n').matchAll(/\$[({](\w+)[)}]|\{\{\s*(\w+)\s*\}\}/g)) used.add(match[1] ?? match[2] ?? '')
    const is = after.targets.get(name)
    const same = is && is.recipe.join('\n') === was.recipe.join('\n') && is.needs.join(' ') === was.needs.join(' ')
    if (same) continue
    const grown = is !== undefined && was.needs.every((need) => is.needs.includes(need)) && linesGrown(was.recipe.map(withoutFloors), is.recipe.map(withoutFloors))
    findings.push(changed('target', name, file.path, [was.needs.join(' '), ...was.recipe].join('; '), is ? [is.needs.join(' '), ...is.recipe].join('; ') : null, grown))
  }
  for (const name of used) {
    const was = before.variables.get(name)
    const is = after.variables.get(name)
    if (was === undefined || was === is || /^\d+(?:\.\d+)?$/.test(was)) continue
    findings.push(changed('variable', name, file.path, was, is ?? null, is !== undefined && isGrown(was, is)))
  }
  return findings
}

const watchedTargets = (targets: ReadonlyMap<string, Target>, commands: readonly string[]): Set<string> =>
  reach(targets.keys(), calledNames(commands), (name) => targets.get(name)?.needs ?? [])

/** What the watched targets run, as written; a target that they need, which another file may hold, as a call of make. */
export function targetCommands(text: string, commands: readonly string[]): string[] {
  const { targets } = readTargets(text)
  return [...watchedTargets(targets, commands)].flatMap((name) => [...(targets.get(name)?.recipe ?? []), ...(targets.get(name)?.needs ?? []).map((need) => `make ${need}`)])
}

/** Paths that a Makefile or a justfile takes in, from its own folder. A pattern or a variable is not followed. */
export const includesOf = (text: string): string[] =>
  [...text.matchAll(/^(?:-?include|sinclude|import\??)[ \t]+([^#\n]+)/gm)].flatMap((match) => (match[1] ?? '').trim().split(/\s+/)).map((word) => word.replace(/^["']|["']$/g, '')).filter((word) => word !== '' && !/[$*?[]/.test(word))
