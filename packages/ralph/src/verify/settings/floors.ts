import { found, type FileText, type Found } from '../facts.ts'
import { nameOf } from '../paths.ts'
import { readElements, readObjects, readSections } from './reader.ts'

type Floor = { name: string; value: number }

const METRIC = /(["']?)(lines|branches|functions|statements|perFile|global|line|function|statement)\1\s*:\s*(-?\d+(?:\.\d+)?|true|false)/g
const FLAG = /--(cov-fail-under|fail-under(?:-\w+)?|coverage-threshold|(?:check-coverage\b.*?--)?(?:lines|branches|functions|statements)|min-coverage|minimum-coverage)[=\s]+["']?(\d+(?:\.\d+)?)/g
const VARIABLE = /\b((?:\w*_)?(?:MIN_?\w*COV\w*|COV\w*_?(?:MIN|THRESHOLD|FLOOR|LIMIT|TARGET)\w*|THRESHOLD|COVERAGE))\s*(?:[:?]?=|:)\s*["']?(\d+(?:\.\d+)?)/gi

/** Where floors are looked for: runner configuration, and text that runs commands. */
const CONFIG = /^(?:jest|vitest|vite|karma)[\w.]*\.(?:[cm]?[jt]s|json)$|^package\.json$|^\.(?:nycrc|c8rc)(?:\.\w+)?$|^nyc\.config\.c?js$|^bunfig\.toml$/
const SECTIONS = /^(?:\.coveragerc|setup\.cfg|tox\.ini|pyproject\.toml|pytest\.ini|tarpaulin\.toml|\.tarpaulin\.toml)$/
const COMMANDS = /^(?:[Mm]akefile|GNUmakefile|[Jj]ustfile|Taskfile\.ya?ml|.*\.mk|.*\.(?:sh|bash))$/

export const holdsFloors = (path: string): boolean => [CONFIG, SECTIONS, COMMANDS, /^(?:pom\.xml|(?:build|settings)\.gradle(?:\.kts)?|\.?codecov\.ya?ml)$/].some((names) => names.test(nameOf(path)))

/** Numbers that coverage has to reach, and switches that make it count (as 1). */
export function readFloors(path: string, text: string): Floor[] {
  const name = nameOf(path)
  const number = (value: string): number => (value === 'true' ? 1 : value === 'false' ? 0 : Number(value))
  const flags = [...text.matchAll(FLAG)].map((match) => ({ name: (match[1] ?? '').replace(/^.*--/, ''), value: Number(match[2]) }))
  const checks = [...text.matchAll(/--check-coverage\b(?!=false)/g)].map(() => ({ name: 'check-coverage', value: 1 }))
  if (CONFIG.test(name)) {
    const whole = /^\.(?:nycrc|c8rc)|^nyc/.test(name) ? [text] : readObjects(text, /^(?:coverageThreshold|thresholds?|nyc|c8)$/).map((setting) => setting.value)
    const metrics = whole.flatMap((value) => [...value.matchAll(METRIC)].map((match) => ({ name: match[2] ?? '', value: number(match[3] ?? '') })))
    const switches = whole.flatMap((value) => [...value.matchAll(/["']?check-?[cC]overage["']?\s*:\s*(true|false)/g)].map((match) => ({ name: 'check-coverage', value: number(match[1] ?? '') })))
    const bun = /^\s*coverageThreshold\s*=\s*(\d+(?:\.\d+)?)/m.exec(text)?.[1]
    const inline = [...text.matchAll(/^\s*coverageThreshold\s*=\s*\{([^}]*)\}/gm)].flatMap((match) => [...(match[1] ?? '').matchAll(/(\w+)\s*=\s*(\d+(?:\.\d+)?)/g)].map((pair) => ({ name: pair[1] ?? '', value: Number(pair[2]) })))
    return [...metrics, ...switches, ...flags, ...checks, ...inline, ...(bun === undefined ? [] : [{ name: 'coverageThreshold', value: Number(bun) }])]
  }
  if (SECTIONS.test(name)) {
    const settings = readSections(text).filter((setting) => /^fail[_-]under$/.test(setting.key))
    return [...settings.map((setting) => ({ name: 'fail_under', value: Number.parseFloat(setting.value.replace(/["']/g, '')) || 0 })), ...flags]
  }
  if (name === 'pom.xml') return readElements(text).filter((setting) => setting.key === 'minimum').map((setting) => ({ name: 'minimum', value: Number.parseFloat(setting.value) || 0 }))
  if (/gradle/.test(name)) return [...text.matchAll(/\bminimum\s*(?:=|\.set\(|\()?\s*["']?(\d*\.?\d+)/g)].map((match) => ({ name: 'minimum', value: Number(match[1]) }))
  if (/codecov/.test(name)) return [...text.matchAll(/^\s*target:\s*["']?(\d+(?:\.\d+)?)/gm)].map((match) => ({ name: 'target', value: Number(match[1]) }))
  if (COMMANDS.test(name)) return [...flags, ...checks, ...[...text.matchAll(VARIABLE)].map((match) => ({ name: match[1] ?? '', value: Number(match[2]) }))]
  return []
}

/** Floors of a file that are lower than at base, or gone. */
export function compareFloors(file: FileText): Found[] {
  const before = group(file.base === null ? [] : readFloors(file.from ?? file.path, file.base))
  const after = group(file.head === null ? [] : readFloors(file.path, file.head))
  const findings: Found[] = []
  for (const [name, were] of before) {
    const are = after.get(name) ?? []
    const at = were.findIndex((value, index) => value > 0 && (are[index] ?? -1) < value)
    if (at < 0) continue
    const is = are[at]
    findings.push(
      found('coverage_lowered', file.path, is === undefined ? `the coverage floor "${name}" (${were[at]}) of ${file.path} is gone` : `the coverage floor "${name}" of ${file.path} was lowered from ${were[at]} to ${is}`, {
        names: [name, file.path, 'coverage threshold', 'coverage floor', 'coverage minimum', 'minimum coverage', 'coverageThreshold', 'fail_under', 'thresholds'],
        scope: ['coverage', 'coverageThreshold', 'fail_under', 'threshold', 'thresholds', 'floor', name],
      }),
    )
  }
  return findings
}

/** Values by name, the highest first, so that floors can move within a file. */
function group(floors: readonly Floor[]): Map<string, number[]> {
  const groups = new Map<string, number[]>()
  for (const floor of floors) groups.set(floor.name, [...(groups.get(floor.name) ?? []), floor.value].toSorted((a, b) => b - a))
  return groups
}

/** Floors are compared as numbers. */
export const withoutFloors = (text: string): string => text.replace(/(--(?:cov-fail-under|fail-under(?:-\w+)?|lines|branches|functions|statements)[=\s]+)\d+(?:\.\d+)?/g, '$1N')
