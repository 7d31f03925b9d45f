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
declare -A BESIDE=() BEGAN=()
cd "$ROOT"

finish() {
  # Also reached by set -e and by signals: the last line must be there whatever happened.
  local rc=$?
  trap - EXIT
  set +e
  # cut off in the middle: what runs beside must not be left behind
  for name in "${!BESIDE[@]}"; do
    kill "${BESIDE[$name]}" 2>/dev/null
    wait "${BESIDE[$name]}" 2>/dev/null
  done
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
checks() {
  check "oxlint" lint
  check "tsc" typecheck
  check "knip" knip
}

# Services that somebody started before us stay when we go.
[ -f "$STATE/env" ] || OURS=1
step_start=$(date +%s)
"$ROOT/scripts/setup.sh" --tests
say "✓ set up ($(($(date +%s) - step_start)) s)"
# shellcheck source=/dev/null
. "$STATE/env"

# runner NAME ARGS…: becomes the test runner. In a subshell, so that who ends that ends it.
runner() {
  local report="$STATE/junit-$1.xml"
  shift
  rm -f "$report"
  # Real credentials of whoever runs this have no business in a test, nor has the checkout's .env.
  exec env -u ANTHROPIC_API_KEY -u ANTHROPIC_AUTH_TOKEN -u ANTHROPIC_BASE_URL -u CLAUDE_CODE_OAUTH_TOKEN -u GITHUB_TOKEN -u GH_TOKEN -u OPENAI_API_KEY -u DATABASE_URL -u REDIS_URL -u FACTORY_TOKEN \
    "$TOOLS/bin/bun" --no-env-file test --timeout 30000 --reporter=junit --reporter-outfile="$report" "$@" </dev/null
}

# counted NAME RC BEGAN: what such a run brought.
counted() {
  say "✓ tests ran: $1 ($(($(date +%s) - $3)) s)"
  count_junit "$STATE/junit-$1.xml"
  # A crash of the runner, or a file that does not load, fails without a failing test case.
  if [ "$2" -ne 0 ] && [ "$TEST_FAILED" -eq 0 ]; then TEST_FAILED=1; fi
  RAN=$((RAN + TEST_PASSED + TEST_FAILED))
  PASSED=$((PASSED + TEST_PASSED)) FAILED=$((FAILED + TEST_FAILED)) SKIPPED=$((SKIPPED + TEST_SKIPPED))
}

# run_tests NAME ARGS…
run_tests() {
  local name="$1" rc=0 began
  began=$(date +%s)
  (runner "$@") || rc=$?
  counted "$name" "$rc" "$began"
}

# beside NAME ARGS…: one that goes on while others run; `collect NAME` waits for it and counts it.
beside() {
  BEGAN[$1]=$(date +%s)
  runner "$@" >"$STATE/$1.log" 2>&1 &
  BESIDE[$1]=$!
}

collect() {
  local rc=0
  wait "${BESIDE[$1]}" || rc=$?
  unset "BESIDE[$1]"
  cat "$STATE/$1.log"
  counted "$1" "$rc" "${BEGAN[$1]}"
}

if [ "$#" -gt 0 ]; then
  checks
  run_tests given "$@"
else
  # Lanes beside each other; what runs beside prints when it is over. First what keeps two processors busy and does not
  # mind being slow: Ralph's, which are hundreds of small programs that wait for one another, and the chaos suite and the
  # simulation. Then what minds: the end-to-end tests, which wait for leases and for stores that come back; the smaller
  # packages, which share nothing; and the others, which share a database server, an engine and a Redis, one by one.
  SMALL=(packages/worker packages/intake packages/gateway packages/github packages/rehearsal packages/cli packages/dashboard packages/shared)
  RALPH=(packages/ralph tests/liars.test.ts)
  CHAOS=(tests/chaos tests/simulate)
  beside ralph --parallel=2 --max-concurrency=4 "${RALPH[@]}"
  checks
  run_tests chaos "${CHAOS[@]}"
  beside faults tests/e2e/faults.e2e.test.ts
  beside e2e --path-ignore-patterns=tests/e2e/faults.e2e.test.ts tests/e2e
  beside small "${SMALL[@]}"
  ignored=()
  for path in "${SMALL[@]}" "${RALPH[@]}" "${CHAOS[@]}" tests/e2e; do
    case "$path" in *.ts) ignored+=("--path-ignore-patterns=$path") ;; *) ignored+=("--path-ignore-patterns=$path/**") ;; esac
  done
  run_tests others "${ignored[@]}"
  for lane in small e2e faults ralph; do collect "$lane"; done
fi
