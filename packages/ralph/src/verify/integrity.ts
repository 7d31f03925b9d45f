import { compareTests } from './compare.ts'
import { found, type Change, type ChangeFacts, type FileText, type Found } from './facts.ts'
import { fewerExecuted, provesAsMany } from './fewer.ts'
import { isCiPath, isOurs, isTestPath } from './paths.ts'
import { compareScripts, compareTargets } from './settings/commands.ts'
import { compareSettings } from './settings/compare.ts'
import { compareFloors } from './settings/floors.ts'
import { compareScriptFile } from './settings/scripts.ts'
import { languageOf } from './source/languages/index.ts'

/** Findings of one report; an event has to hold them all. */
const MAX_FINDINGS = 60

/** What is wrong with the commits themselves, whatever is in them. Nothing needs to be run to see it. */
export function inspectLine(facts: Pick<ChangeFacts, 'onBase' | 'dirty' | 'changes'>): Found[] {
  const findings: Found[] = []
  if (facts.changes.length === 0) findings.push(found('empty_diff', null, 'nothing was changed'))
  if (!facts.onBase) findings.push(found('not_on_base', null, 'the work does not stand on the base commit'))
  if (facts.dirty.length > 0) findings.push(found('dirty_tree', facts.dirty[0] ?? null, `the working tree holds changes that no commit has: ${facts.dirty.slice(0, 5).join(', ')}${facts.dirty.length > 5 ? ` and ${facts.dirty.length - 5} more` : ''}`))
  return findings
}

/** What the change does to tests and checks. Pure: facts in, findings out, those that block first. */
export function inspectChange(facts: ChangeFacts): Found[] {
  const proved = provesAsMany(facts)
  const findings = [
    ...facts.changes.flatMap((change) => lookAtPath(change, facts.files)),
    // What became a link or a submodule tells that itself.
    ...compareTests(facts.files.filter((file) => file.head !== null || !facts.changes.some((change) => change.status === 'T' && change.path === file.path)), proved, facts.helpers),
    ...facts.files.flatMap((file) => [
      ...compareScripts(file, facts.commands),
      ...compareTargets(file, facts.commands, facts.included),
      ...compareSettings(file, proved),
      ...compareFloors(file),
      ...compareScriptFile(file, facts.scripts),
    ]),
    ...facts.files.flatMap((file) => (file.unread === null ? [] : [found('check_weakened', file.path, `${file.path} cannot be compared: ${file.unread}`, { blocking: file.base !== null && isTestPath(file.path), names: [file.path] })])),
    ...(facts.passedOver > 0 ? [found('check_weakened', null, `${facts.passedOver} more changed test and check files were not compared`, { blocking: !proved })] : []),
    ...fewerExecuted(facts),
  ]
  return [...findings.filter((one) => one.blocking), ...findings.filter((one) => !one.blocking)].slice(0, MAX_FINDINGS)
}

/** How a spec calls CI without naming its file. */
const CI_WORDS = ['CI workflow', 'CI pipeline', 'CI', 'workflow', 'workflows', 'pipeline', 'GitHub Actions']

function lookAtPath(change: Change, files: readonly FileText[]): Found[] {
  const findings: Found[] = []
  const was = change.from ?? change.path
  const file = files.find((one) => one.path === change.path)
  if (change.status === 'T' && isTestPath(change.path) && !file?.head) findings.push(found('test_deleted', change.path, `the test file ${change.path} became a link or a submodule`, { names: [change.path], lost: 1 }))
  // Of a file that can be read its tests tell; one that cannot is gone with all it held.
  const read = languageOf(was) !== null && typeof file?.base === 'string'
  const away = change.status === 'D' || (change.status === 'R' && !isTestPath(change.path))
  if (away && isTestPath(was) && !read) findings.push(found('test_deleted', was, change.from ? `the test file ${was} was renamed to ${change.path}, which no runner takes for a test` : `the test file ${was} was deleted`, { names: [was], lost: 1 }))
  if (isCiPath(change.path) || isCiPath(was)) findings.push(found('ci_changed', change.path, `the CI file ${change.path} was ${change.status === 'A' ? 'added' : 'changed'}`, { blocking: change.status !== 'A', names: [change.path, ...CI_WORDS] }))
  if (change.status === 'A' && isOurs(change.path)) findings.push(found('protected_file', change.path, `${change.path} belongs to the run and not to the repository`))
  return findings
}
