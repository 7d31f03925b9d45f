import { found, type FileText, type Found } from '../facts.ts'
import { isGrown } from '../grown.ts'
import { nameOf } from '../paths.ts'
import type { Setting } from './reader.ts'
import { toolOf, type Effect } from './tools.ts'

/** Files about much else besides tests: a spec that names one of them has to name the setting too. */
const SHARED = /^(?:package\.json|pyproject\.toml|setup\.cfg|tox\.ini|Cargo\.toml|pom\.xml|bunfig\.toml|vite\.config\.\w+|(?:build|settings)\.gradle(?:\.kts)?)$/

/**
 * Settings of test runners that let less run or more pass than before. What only adds tests does not
 * count; a new selection does, unless the executed counts prove that no fewer tests run.
 */
export function compareSettings(file: FileText, proved: boolean): Found[] {
  const tool = toolOf(file.path) ?? toolOf(file.from ?? file.path)
  if (!tool) return []
  const before = collect(file.base === null ? [] : tool.read(file.base), tool.effectOf)
  const after = collect(file.head === null ? [] : tool.read(file.head), tool.effectOf)
  const findings: Found[] = []
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const was = before.get(name)
    const is = after.get(name)
    const one = was ?? is
    if (!one) continue
    const verdict = judge(one.effect, was?.values ?? [], is?.values ?? [], proved)
    if (verdict === 'fine') continue
    const message = `the setting "${one.key}" of ${file.path} ${is ? (was ? `was changed from ${say(was.values)} to ${say(is.values)}` : `is new: ${say(is.values)}`) : `is gone; it was ${say(was?.values ?? [])}`}`
    findings.push(found('check_weakened', file.path, message, { blocking: verdict === 'weaker', names: [one.key, file.path], scope: SHARED.test(nameOf(file.path)) ? [one.key] : [] }))
  }
  return findings
}

type Group = { key: string; effect: Effect; values: string[] }

function collect(settings: readonly Setting[], effectOf: (setting: Setting) => Effect | null): Map<string, Group> {
  const groups = new Map<string, Group>()
  for (const setting of settings) {
    const effect = effectOf(setting)
    if (!effect || setting.key === '') continue
    const name = `${setting.section.replace(/ \d+$/, '')}\n${setting.key}`
    const known = groups.get(name)
    if (known) known.values.push(setting.value)
    else groups.set(name, { key: setting.key, effect, values: [setting.value] })
  }
  return groups
}

type Verdict = 'fine' | 'shown' | 'weaker'

function judge(effect: Effect, was: readonly string[], is: readonly string[], proved: boolean): Verdict {
  const before = itemsOf(was)
  const after = itemsOf(is)
  const added = after.filter((item) => !before.includes(item))
  const removed = before.filter((item) => !after.includes(item))
  switch (effect) {
    case 'narrowing':
      return added.some((item) => !/^(?:false|null|undefined|0|off|no)$/i.test(item)) ? 'weaker' : 'fine'
    case 'selecting':
      if (was.length === 0) return is.length === 0 || proved ? 'fine' : 'weaker'
      return removed.length > 0 ? 'weaker' : 'fine'
    case 'listed':
      return removed.length > 0 ? 'weaker' : 'fine'
    case 'guarding':
      return removed.some((item) => !/^(?:false|null|undefined|0|off|no)$/i.test(item)) ? 'weaker' : 'fine'
    case 'command': {
      if (was.length === 0) return isGrown('x', `x ${is.map(unquote).join(' ')}`) ? 'fine' : proved ? 'shown' : 'weaker'
      const now = is.map(unquote).join(' && ')
      const then = was.map(unquote).join(' && ')
      return then === now ? 'fine' : isGrown(then, now) ? 'shown' : 'weaker'
    }
    case 'fixed':
      if (added.length === 0 && removed.length === 0) return 'fine'
      return was.length === 0 && after.every((item) => item === 'true') ? 'fine' : 'weaker'
  }
}

/** The entries of lists, the words of the rest, without brackets and quotes. */
function itemsOf(values: readonly string[]): string[] {
  return values.flatMap((value) => {
    const strings = [...value.matchAll(/"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|`([^`]*)`/g)].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
    if (strings.length > 0) return strings
    return value.split(/[\s,[\]{}()]+/).filter(Boolean)
  })
}

/** Flags of --cov-fail-under and the like are compared as floors. */
const unquote = (value: string): string => value.trim().replace(/^(["'])([^]*)\1$/, '$2').replace(/\s*--cov-fail-under[= ]\S+/g, '').replace(/\s+/g, ' ').trim()
const say = (values: readonly string[]): string => JSON.stringify(values.join(', ').replace(/\s+/g, ' ').slice(0, 120))
