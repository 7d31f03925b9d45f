#!/usr/bin/env bash
# Installs what is missing. Safe to repeat; says nothing when there is nothing to do.
#   scripts/setup.sh            Bun in .tools, packages, git; as root also Redis and Docker
#   scripts/setup.sh --tests    and everything the tests need: an engine, images, PostgreSQL, Redis, Chromium.
#                               Their addresses are written to .factory/test/env
#   scripts/setup.sh --stop     stops what --tests started
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/apt.sh
. "$ROOT/scripts/lib/apt.sh"
# shellcheck source=scripts/lib/tools.sh
. "$ROOT/scripts/lib/tools.sh"
# shellcheck source=scripts/lib/engine.sh
. "$ROOT/scripts/lib/engine.sh"
# shellcheck source=scripts/lib/services.sh
. "$ROOT/scripts/lib/services.sh"

setup_base() {
  need_command git "workers check repositories out with it" git ca-certificates || die "git is needed"
  ensure_bun
  ensure_packages
  ensure_claude
  if is_root; then
    need_command redis-server "locks and live events; without it they live in memory" redis-server || true
    need_command dockerd "workers in containers; without it they are plain processes" docker.io iptables || true
  fi
}

write_env() {
  mkdir -p "$STATE"
  {
    printf 'export CLAUDE_BIN=%q\n' "$TOOLS/bin/claude"
    [ -z "$has_engine" ] || printf 'export TEST_DOCKER=%q\n' "$(engine_address)"
    [ -z "$has_postgres" ] || printf 'export TEST_DATABASE_URL=%q\n' "$(postgres_url)"
    [ -z "$(live_pid "$STATE/redis.pid")" ] || printf 'export TEST_REDIS_URL=%q\n' "redis://127.0.0.1:$(redis_port)"
    [ -z "$worker_image" ] || printf 'export TEST_WORKER_IMAGE=%q\n' "$worker_image"
  } >"$STATE/env"
}

setup_tests() {
  has_engine='' has_postgres='' worker_image=''
  if start_engine; then has_engine=1; else warn "no Docker engine answers: tests on containers and PostgreSQL are skipped"; fi
  if have redis-server; then start_redis || warn "Redis did not start: its tests are skipped"; else warn "no redis-server: its tests are skipped"; fi
  local chromium='' postgres='' built
  # What waits for the network or for one processor does so side by side; the base of both images comes first.
  if [ -n "$has_engine" ]; then ensure_base trixie || true; fi
  if is_root && ! have chromium && ! have chromium-browser && ! have google-chrome; then
    apt_missing chromium &
    chromium=$!
  fi
  if [ -n "$has_engine" ]; then
    { ensure_postgres_image && start_postgres; } &
    postgres=$!
    built=$(mktemp)
    if "$ROOT/scripts/build-images.sh" worker >"$built"; then worker_image=$(cat "$built"); else warn "no worker image: its tests are skipped"; fi
    rm -f "$built"
    if wait "$postgres"; then has_postgres=1; else warn "no PostgreSQL: its tests are skipped"; fi
  fi
  [ -z "$chromium" ] || wait "$chromium" || warn "no Chromium: the dashboard's tests are skipped"
  write_env
}

case "${1:-}" in
  '') setup_base ;;
  --tests)
    setup_base
    setup_tests
    ;;
  --stop)
    stop_redis
    if engine_answers; then stop_postgres; fi
    stop_engine
    rm -f "$STATE/env"
    ;;
  *) die "unknown argument $1 (know: --tests, --stop)" ;;
esac
