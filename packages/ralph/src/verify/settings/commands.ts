import { z } from 'zod'
import { found, type FileText, type Found } from '../facts.ts'
import { codeLines, isGrown, linesGrown } from '../grown.ts'
import { nameOf } from '../paths.ts'
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
  const watched = reach(Object.keys(before), calledNames(commands), (name) => calledNames([String(before[name] ?? '')]))
  if (!after) return watched.size === 0 ? [] : [found('check_weakened', file.path, `${file.path} is gone or cannot be read`, { names: [file.path] })]
  return Object.entries(before).flatMap(([name, was]) => {
    const is = after[name]
    if (!watched.has(name) || typeof was !== 'string' || was === is) return []
    return [changed('script', name, file.path, was, typeof is === 'string' ? is : null, typeof is === 'string' && isGrown(withoutFloors(was), withoutFloors(is)))]
  })
}

function changed(kind: string, name: string, path: string, was: string, is: string | null, grown: boolean): Found {
  const say = (text: string | null): string => (text === null ? 'null' : JSON.stringify(text.slice(0, 160)))
  return found('check_weakened', path, `the ${kind} "${name}" of ${path} was changed from ${say(was)} to ${say(is)}`, {
    blocking: !grown,
    names: [`${name} ${kind}`, `${kind} ${name}`, `"${name}" ${kind}`, `\`${name}\` ${kind}`, `${kind} \`${name}\``, `make ${name}`, `just ${name}`, path],
    scope: [name],
  })
}

/** Floors are compared as numbers. */
const withoutFloors = (text: string): string => text.replace(/(--(?:cov-fail-under|fail-under(?:-\w+)?|lines|branches|functions|statements)[=\s]+)\d+(?:\.\d+)?/g, '$1N')

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

/** Targets of a Makefile or a justfile, with the variables their recipes use. */
export function compareTargets(file: FileText, commands: readonly string[]): Found[] {
  if (!holdsTargets(file.from ?? file.path) || file.base === null) return []
  const before = readTargets(file.base)
  const after = file.head === null ? { targets: new Map<string, Target>(), variables: new Map<string, string>() } : readTargets(file.head)
  const watched = reach(before.targets.keys(), calledNames(commands), (name) => before.targets.get(name)?.needs ?? [])
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

/** A script that a verify command runs by its path: whatever it is called, it is a check. */
export function compareScriptFile(file: FileText, commands: readonly string[]): Found[] {
  const was = file.from ?? file.path
  if (file.base === null || !scriptsNamed(commands).has(was)) return []
  const names = [was]
  if (file.head === null || file.path !== was) return [found('check_weakened', was, `${was}, which a check runs, was ${file.head === null ? 'deleted' : `renamed to ${file.path}`}`, { names })]
  const grown = linesGrown(codeLines(file.base).map(withoutFloors), codeLines(file.head).map(withoutFloors))
  return [found('check_weakened', was, `${was}, which a check runs, was changed`, { blocking: !grown, names })]
}

/** Paths of scripts in commands: run as they are, or by an interpreter that is no test runner. */
export function scriptsNamed(commands: readonly string[]): Set<string> {
  const paths = new Set<string>()
  for (const command of commands) {
    for (const simple of command.split(/&&|\|\||[;|&\n()]/)) {
      const words = simple.trim().split(/\s+/).map((word) => word.replace(/^["']|["']$/g, ''))
      while (/^\w+=/.test(words[0] ?? '') || /^(?:env|time|exec|sudo|nice|timeout)$/.test(words[0] ?? '')) words.shift()
      const shell = /^(?:ba|z|da|k)?sh$|^(?:source|\.)$/.test(nameOf(words[0] ?? ''))
      const other = /^(?:python[\d.]*|node|bun|deno|ruby|perl|tsx|ts-node)$/.test(nameOf(words[0] ?? ''))
      const path = (shell || other ? words.slice(1).find((word) => !word.startsWith('-') && word !== 'run') : words[0])?.replace(/^\.\//, '') ?? ''
      // What node or python runs may be the work itself; only one that is called a check is one.
      const isCheck = shell ? path !== '' : other ? /[/.]/.test(path) && /(?:test|check|verify|lint|valid|^ci|\/ci|scripts?\/|tools?\/)/.test(path) : path.includes('/')
      if (isCheck) paths.add(path)
    }
  }
  return paths
}
