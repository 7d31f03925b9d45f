const CODE = /\.(?:[cm]?[jt]sx?|py|go|rs|java|kt|kts|scala|groovy|rb|php|swift|cs|ex|exs|sh|bats)$/
const TEST_NAME = /[._-](?:test|spec)s?\.[^./]+$|^tests?\.[^./]+$|_test\.(?:go|py|rs|rb|exs)$|^test_[^/]*\.py$|^conftest\.py$|(?:Test|Tests|TestCase|IT|Spec)\.(?:java|kt|scala|groovy|cs|php)$/
const TEST_FOLDER = /(?:^|\/)(?:tests?|__tests__|e2e|src\/(?:test|integrationTest|androidTest)\/\w+)\//

/** Whether a path holds tests, by the conventions of the common languages. */
export function isTestPath(path: string): boolean {
  const name = nameOf(path)
  return CODE.test(name) && (TEST_NAME.test(name) || TEST_FOLDER.test(path))
}

/** The last part of a path. */
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

const CI = /^(?:\.github\/(?:workflows|actions)\/|\.gitlab-ci\.yml$|\.circleci\/|\.buildkite\/|azure-pipelines\.ya?ml$|Jenkinsfile$|\.travis\.yml$|bitbucket-pipelines\.yml$|\.woodpecker|\.drone\.yml$|appveyor\.yml$)/

export const isCiPath = (path: string): boolean => CI.test(path)

/** Files of the run; none of them belongs into a commit. */
export const isOurs = (path: string): boolean => /^(?:\.ai\/|SPEC\.md$)/.test(path)
