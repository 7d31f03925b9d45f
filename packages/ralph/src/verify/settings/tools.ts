import { nameOf } from '../paths.ts'
import { readElements, readObjects, readSections, readStatements, readYaml, type Setting } from './reader.ts'

/**
 * What a setting does to the tests that run. Narrowing: more of it runs less (ignore patterns, skip
 * switches). Selecting: less of it runs less (roots, patterns of test files). Listed: the same, and a new
 * one only adds. Guarding: taking it away
 * lets more pass. Command: flags and commands that may only grow. Fixed: any change is one to look at.
 */
export type Effect = 'narrowing' | 'selecting' | 'listed' | 'guarding' | 'command' | 'fixed'

export type Tool = { files: RegExp; read: (text: string) => Setting[]; effectOf: (setting: Setting) => Effect | null }

const NARROWING = /^(?:testPathIgnorePatterns|modulePathIgnorePatterns|watchPathIgnorePatterns|testNamePattern|passWithNoTests|passWithNoTest|allowOnly|dangerouslyIgnoreUnhandledErrors|exclude|ignore|ignored|grep|fgrep|invert|grepInvert|testIgnore|shard|bail|onlyChanged|pathIgnorePatterns)$/
const SELECTING = /^(?:testMatch|testRegex|roots|projects|include|spec|testDir|files|extension|testEnvironmentOptions)$/
const GUARDING = /^(?:forbidOnly|failOnWarnings|failZero|failOnNoTests|check-leaks|errorOnDeprecated|injectGlobals)$/

const byName = (setting: Setting): Effect | null => (NARROWING.test(setting.key) ? 'narrowing' : SELECTING.test(setting.key) ? 'selecting' : GUARDING.test(setting.key) ? 'guarding' : null)

const wanted = new RegExp(`${NARROWING.source}|${SELECTING.source}|${GUARDING.source}`)
const objects = (text: string): Setting[] => readObjects(text, wanted)

const PYTEST = /^(?:pytest|tool:pytest|tool\.pytest(?:\.ini_options)?)$/
const pytest = (setting: Setting): Effect | null => {
  if (!PYTEST.test(setting.section)) return null
  if (/^(?:norecursedirs|collect_ignore\w*)$/.test(setting.key)) return 'narrowing'
  if (/^(?:testpaths|python_files|python_classes|python_functions)$/.test(setting.key)) return 'selecting'
  if (/^(?:xfail_strict|required_plugins)$/.test(setting.key)) return 'guarding'
  return setting.key === 'addopts' ? 'command' : null
}
const tox = (setting: Setting): Effect | null => (/^(?:testenv|tox\.env|tool\.tox)/.test(setting.section) && /^(?:commands|commands_pre|ignore_errors|ignore_outcome)$/.test(setting.key) ? (setting.key.startsWith('ignore') ? 'narrowing' : 'command') : null)
const python = (setting: Setting): Effect | null => pytest(setting) ?? tox(setting)

const cargo = (setting: Setting): Effect | null => {
  // A test target that is taken away takes its file with it.
  if (/^(?:test|bench)(?: \d+)?$/.test(setting.section)) return /^(?:name|path)$/.test(setting.key) ? 'listed' : /^(?:test|harness)$/.test(setting.key) ? 'fixed' : /^required-features$/.test(setting.key) ? 'narrowing' : null
  return /^(?:test|doctest|harness|autotests)$/.test(setting.key) && /^(?:lib|package|bin)/.test(setting.section) ? 'fixed' : null
}

const MAVEN = /^(?:skipTests|skipITs|maven\.test\.skip|testFailureIgnore|maven\.test\.failure\.ignore|exclude|excludedGroups|failIfNoTests|skip)$/
const maven = (setting: Setting): Effect | null => (MAVEN.test(setting.key) ? 'narrowing' : /^(?:include|groups|testSourceDirectory)$/.test(setting.key) ? 'fixed' : null)

/** `.mvn/maven.config`, `.mvn/jvm.config`: switches as on the command line. */
const switches = (text: string): Setting[] =>
  text.split(/\s+/).flatMap((word) => {
    const [, key = '', value = 'true'] = /^(?:-D|(?=-))([\w.-]+)(?:=(.*))?$/.exec(word) ?? []
    return key === '' ? [] : [{ section: '', key, value }]
  })
const mavenSwitch = (setting: Setting): Effect | null => (MAVEN.test(setting.key) || /^(?:test|it\.test|surefire\.skip\w*|failsafe\.skip\w*|-fn|--fail-never|-pl|--projects)$/.test(setting.key) ? 'narrowing' : null)

const GRADLE = /^(?:ignoreFailures|exclude|excludeTestsMatching|excludeTags|excludeCategories|excludeGroups|onlyIf|includeTestsMatching|includeTags|failOnNoDiscoveredTests|enabled)$/
const gradle = (setting: Setting): Effect | null => (GRADLE.test(setting.key) && !/^true$/.test(setting.key === 'enabled' ? setting.value : '') ? 'narrowing' : null)

/** Configuration of the runners we know. The first that takes a file reads it. */
const TOOLS: readonly Tool[] = [
  { files: /^(?!.*\.(?:test|spec)\.)(?:jest|vitest|vite|playwright|cypress|ava|karma)[\w.-]*\.(?:[cm]?[jt]s|json)$|^\.mocharc\.(?:c?js|jsonc?|json5)$/, read: objects, effectOf: byName },
  // "files" and "include" of a package.json are about publishing.
  { files: /^package\.json$/, read: objects, effectOf: (setting) => (/^(?:files|projects|include|exclude|ignore|spec|extension|bail)$/.test(setting.key) ? null : byName(setting)) },
  { files: /^\.mocharc\.ya?ml$/, read: readYaml, effectOf: byName },
  { files: /^bunfig\.toml$/, read: readSections, effectOf: (setting) => (setting.section !== 'test' ? null : setting.key === 'root' ? 'fixed' : byName(setting)) },
  { files: /^(?:pytest\.ini|\.pytest\.ini|setup\.cfg|tox\.ini|pyproject\.toml|tox\.toml|pytest\.toml)$/, read: readSections, effectOf: python },
  { files: /^Cargo\.toml$/, read: readSections, effectOf: cargo },
  { files: /^(?:maven|jvm)\.config$/, read: switches, effectOf: mavenSwitch },
  { files: /^pom\.xml$/, read: readElements, effectOf: maven },
  { files: /^(?:build|settings)\.gradle(?:\.kts)?$/, read: readStatements, effectOf: gradle },
]

export const toolOf = (path: string): Tool | null => TOOLS.find((tool) => tool.files.test(nameOf(path))) ?? null
