#!/usr/bin/env bash
# Runs the factory from this checkout, after installing what is missing.
#   scripts/dev.sh                    the real configuration in .env
#   scripts/dev.sh --demo [--once]    the main job on a sample repository, without any account or key
# Everything else is handed on to `factory up` or `factory demo`.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/engine.sh
. "$ROOT/scripts/lib/engine.sh"

command=up
args=()
for arg in "$@"; do
  case "$arg" in
    --demo) command=demo ;;
    *) args+=("$arg") ;;
  esac
done

# A variable as the services will see it; the demo does not read .env.
configured() {
  local name=$1
  if [ -n "${!name:-}" ]; then printf '%s' "${!name}"; elif [ "$command" = up ] && [ -f "$ROOT/.env" ]; then sed -n "s/^$name=//p" "$ROOT/.env" | tail -n 1; fi
}

# Workers in containers need our image; it is built only where it is going to be used.
ensure_worker_image() {
  local image
  [ "$(configured WORKER_RUNTIME)" != process ] || return 0
  engine_answers || return 0
  image=$(configured WORKER_IMAGE)
  case "$image" in '' | factory-worker:latest) ;; *) return 0 ;; esac
  "$ROOT/scripts/build-images.sh" worker >/dev/null && return 0
  if [ "$command" = up ]; then die "the worker image could not be built (see above); WORKER_RUNTIME=process in .env runs without it, and without a sandbox"; fi
  warn "the worker image could not be built: the demo's worker runs as a plain process, which is no sandbox"
  export WORKER_RUNTIME=process
}

"$ROOT/scripts/setup.sh"
ensure_worker_image
cd "$ROOT"
export CLAUDE_BIN="${CLAUDE_BIN:-$TOOLS/bin/claude}"
# The demo must not pick up somebody's real configuration from .env.
if [ "$command" = demo ]; then exec "$TOOLS/bin/bun" --no-env-file packages/cli/src/main.ts demo ${args[@]+"${args[@]}"}; fi
exec "$TOOLS/bin/bun" packages/cli/src/main.ts up ${args[@]+"${args[@]}"}
