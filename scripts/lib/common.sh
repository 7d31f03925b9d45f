# shellcheck shell=bash
# Helpers of all scripts: where we are, how we speak. People read stderr, programs read stdout.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
TOOLS="$ROOT/.tools"
# Unpinned binaries make a green test run worthless; the same version stands in package.json (bun-types).
BUN_VERSION=1.4.4
export PATH="$TOOLS/bin:$PATH"

say() { printf '%s\n' "$*" >&2; }
warn() { printf 'WARNING: %s\n' "$*" >&2; }
die() {
  printf 'ERROR: %s\n' "$*" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" = 0 ]; }

# step "what it does" command…: tells what happens and how long it took; its output only when it fails.
step() {
  local what=$1 log start rc=0
  shift
  log=$(mktemp)
  start=$(date +%s)
  "$@" >"$log" 2>&1 </dev/null || rc=$?
  if [ "$rc" -ne 0 ]; then
    say "✗ $what (failed after $(($(date +%s) - start)) s, exit code $rc):"
    tail -n 40 "$log" >&2
  else
    say "✓ $what ($(($(date +%s) - start)) s)"
  fi
  rm -f "$log"
  return "$rc"
}

# A pid alone can be reused; with its start time (clock ticks since boot) it names one process.
process_start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
write_pid_file() { printf '%s %s\n' "$2" "$(process_start_time "$2")" >"$1"; }
# Prints the pid of a pid file when that very process still lives.
live_pid() {
  local pid started
  [ -f "$1" ] && read -r pid started <"$1" && [ -n "${started:-}" ] && [ "$(process_start_time "$pid")" = "$started" ] && printf '%s' "$pid"
}
