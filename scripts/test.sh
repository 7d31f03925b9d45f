#!/usr/bin/env bash
# Sets up and runs lint, types, knip and all tests (or those of the given `bun test` arguments).
# The last line is always `N passed, N failed, N skipped`; the exit code is 0 only when nothing failed
# and something ran.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/count.sh
. "$ROOT/scripts/lib/count.sh"
STATE="$ROOT/.factory/test"
PASSED=0 FAILED=0 SKIPPED=0 RAN=0
OURS=
cd "$ROOT"

finish() {
  # Also reached by set -e and by signals: the last line must be there whatever happened.
  local rc=$?
  trap - EXIT
  set +e
  [ -z "$OURS" ] || "$ROOT/scripts/setup.sh" --stop >&2
  [ "$rc" -eq 0 ] || [ "$FAILED" -gt 0 ] || FAILED=1
  [ "$RAN" -gt 0 ] || [ "$FAILED" -gt 0 ] || { say "no test ran"; FAILED=1; }
  printf '%s passed, %s failed, %s skipped\n' "$PASSED" "$FAILED" "$SKIPPED"
  [ "$FAILED" -eq 0 ] || exit 1
  exit 0
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

check() {
  if step "$1" "$TOOLS/bin/bun" run --silent "$2"; then PASSED=$((PASSED + 1)); else FAILED=$((FAILED + 1)); fi
}

# Services that somebody started before us stay when we go.
[ -f "$STATE/env" ] || OURS=1
step_start=$(date +%s)
"$ROOT/scripts/setup.sh" --tests
say "✓ set up ($(($(date +%s) - step_start)) s)"
# shellcheck source=/dev/null
. "$STATE/env"

check "oxlint" lint
check "tsc" typecheck
check "knip" knip

# run_tests NAME ARGS…: one run of the test runner, counted.
run_tests() {
  local name="$1" report="$STATE/junit-$1.xml" rc=0 began
  shift
  began=$(date +%s)
  rm -f "$report"
  # Real credentials of whoever runs this have no business in a test, nor has the checkout's .env.
  env -u ANTHROPIC_API_KEY -u ANTHROPIC_AUTH_TOKEN -u ANTHROPIC_BASE_URL -u CLAUDE_CODE_OAUTH_TOKEN -u GITHUB_TOKEN -u GH_TOKEN -u OPENAI_API_KEY -u DATABASE_URL -u REDIS_URL -u FACTORY_TOKEN \
    "$TOOLS/bin/bun" --no-env-file test --timeout 30000 --reporter=junit --reporter-outfile="$report" "$@" </dev/null || rc=$?
  say "✓ tests ran: $name ($(($(date +%s) - began)) s)"
  count_junit "$report"
  # A crash of the runner, or a file that does not load, fails without a failing test case.
  if [ "$rc" -ne 0 ] && [ "$TEST_FAILED" -eq 0 ]; then TEST_FAILED=1; fi
  RAN=$((RAN + TEST_PASSED + TEST_FAILED))
  PASSED=$((PASSED + TEST_PASSED)) FAILED=$((FAILED + TEST_FAILED)) SKIPPED=$((SKIPPED + TEST_SKIPPED))
}

if [ "$#" -gt 0 ]; then
  run_tests given "$@"
else
  # Ralph's tests are hundreds of small programs that wait for one another: two files at a time. The others
  # share a database server, an engine and a Redis, and have the machine to themselves.
  run_tests ralph --parallel=2 packages/ralph tests/liars.test.ts
  run_tests others --path-ignore-patterns='packages/ralph/**' --path-ignore-patterns='tests/liars.test.ts'
fi
