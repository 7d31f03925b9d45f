#!/usr/bin/env bash
# Runs the factory from this checkout, after installing what is missing.
#   scripts/dev.sh                    the real configuration in .env
#   scripts/dev.sh --demo [--once]    the main job on a sample repository, without any account or key
# Everything else is handed on to `factory up` or `factory demo`.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

command=up
args=()
for arg in "$@"; do
  case "$arg" in
    --demo) command=demo ;;
    *) args+=("$arg") ;;
  esac
done
"$ROOT/scripts/setup.sh"
cd "$ROOT"
export CLAUDE_BIN="${CLAUDE_BIN:-$TOOLS/bin/claude}"
# The demo must not pick up somebody's real configuration from .env.
if [ "$command" = demo ]; then exec "$TOOLS/bin/bun" --no-env-file packages/cli/src/main.ts demo ${args[@]+"${args[@]}"}; fi
exec "$TOOLS/bin/bun" packages/cli/src/main.ts up ${args[@]+"${args[@]}"}
