import { detectNode } from './node/detect.ts'
import { detectPython } from './python/detect.ts'

/** A repository as far as detection looks at it: the names of all its files, and the text of some at its top. */
export type Listing = { files: ReadonlySet<string>; read(path: string): string | null }
export type Detected = { setup: string[]; verify: string[]; notes: string[] }

/** Files whose text detection may want to read. */
export const READ_FILES = ['package.json', 'pyproject.toml', 'requirements.txt', 'requirements-dev.txt', 'dev-requirements.txt', 'setup.py', 'setup.cfg', 'tox.ini', 'Makefile', 'makefile', 'GNUmakefile'] as const

/**
 * How to set this repository up and how to check it, from its well-known files at the top. Several
 * languages in one repository add up; a Makefile counts only where nothing else gave checks.
 */
export function detect(listing: Listing): Detected {
  const found = [detectNode, detectPython, detectGo, detectRust, detectMaven, detectGradle].map((look) => look(listing))
  const all = merge(found)
  return all.verify.length > 0 ? all : merge([all, detectMake(listing)])
}

function merge(parts: readonly (Detected | null)[]): Detected {
  const known = parts.filter((part) => part !== null)
  const unique = (values: string[]) => [...new Set(values)]
  return { setup: unique(known.flatMap(({ setup }) => setup)), verify: unique(known.flatMap(({ verify }) => verify)), notes: unique(known.flatMap(({ notes }) => notes)) }
}

function detectGo({ files }: Listing): Detected | null {
  if (!files.has('go.mod')) return null
  return { setup: files.has('go.sum') ? ['go mod download'] : [], verify: ['go vet ./...', 'go test ./...'], notes: ['go.mod: go vet ./..., go test ./...'] }
}

function detectRust({ files }: Listing): Detected | null {
  if (!files.has('Cargo.toml')) return null
  const locked = files.has('Cargo.lock') ? ' --locked' : ''
  return { setup: [`cargo fetch${locked}`], verify: [`cargo test${locked}`], notes: [`Cargo.toml: cargo test${locked}`] }
}

function detectMaven({ files }: Listing): Detected | null {
  if (!files.has('pom.xml')) return null
  const maven = files.has('mvnw') ? 'sh ./mvnw' : 'mvn'
  return { setup: [], verify: [`${maven} -B -ntp test`], notes: [`pom.xml: ${maven} -B -ntp test`] }
}

function detectGradle({ files }: Listing): Detected | null {
  const file = ['build.gradle', 'build.gradle.kts', 'settings.gradle', 'settings.gradle.kts'].find((name) => files.has(name))
  if (!file) return null
  const gradle = files.has('gradlew') ? 'sh ./gradlew' : 'gradle'
  return { setup: [], verify: [`${gradle} --no-daemon test`], notes: [`${file}: ${gradle} --no-daemon test`] }
}

/** Only targets that are written out; `.PHONY: test` alone is none. */
function detectMake({ files, read }: Listing): Detected | null {
  const file = ['GNUmakefile', 'makefile', 'Makefile'].find((name) => files.has(name))
  if (!file) return null
  const target = ['test', 'check'].find((name) => new RegExp(`^${name}[ \\t]*::?(?!=)`, 'm').test(read(file) ?? ''))
  return target ? { setup: [], verify: [`make ${target}`], notes: [`${file}: make ${target}`] } : null
}
