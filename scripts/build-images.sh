#!/usr/bin/env bash
# Builds factory-worker and factory-service from this checkout and prints their tags on stdout.
#   scripts/build-images.sh [worker] [service]     (default: both)
# A tag carries a hash of what goes in; when that image is there already nothing is built.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/apt.sh
. "$ROOT/scripts/lib/apt.sh"
# shellcheck source=scripts/lib/engine.sh
. "$ROOT/scripts/lib/engine.sh"
# shellcheck source=scripts/lib/stage.sh
. "$ROOT/scripts/lib/stage.sh"

engine_answers || die "no Docker engine answers at $(engine_address)"
[ -x "$TOOLS/bin/bun" ] || die "run scripts/setup.sh first"

STAGING=$(mktemp -d)
trap 'rm -rf "$STAGING"' EXIT

# A checkout that changes hourly would fill the disk otherwise: images that nobody used for a week, and
# the workers' tools (480 MB a build) after a day. In use means that a container of it exists, which the
# engine refuses to take away; a factory that misses its tools copies them anew in a second.
throw_old_away() {
  docker container prune -f --filter label=factory.tools --filter until=24h >/dev/null 2>&1 || true
  docker image prune -a -f --filter label=factory.image --filter until=168h >/dev/null 2>&1 || true
  docker volume ls -q --filter label=factory.tools --filter dangling=true | xargs -r docker volume rm >/dev/null 2>&1 || true
}

# build NAME: stages the context, hashes it, builds it unless that very content has an image.
build() {
  local name=$1 context="$STAGING/$1" hash tag
  mkdir -p "$context"
  # A function called in a condition loses `set -e`; the staging functions are chained with && instead.
  "stage_$name" "$context" || die "the context of factory-$name could not be staged"
  cp "$ROOT/docker/$name.Dockerfile" "$context/Dockerfile"
  hash=$(content_hash "$context")
  tag="factory-$name:$hash"
  if ! docker image inspect "$tag" >/dev/null 2>&1; then
    ensure_base trixie
    step "build $tag" docker_build "$tag" "$context" "$context/Dockerfile"
    throw_old_away
  fi
  docker tag "$tag" "factory-$name:latest"
  printf '%s\n' "$tag"
}

if [ $# -eq 0 ]; then set -- worker service; fi
for image in "$@"; do
  case "$image" in
    worker | service) build "$image" ;;
    *) die "unknown image $image (know: worker, service)" ;;
  esac
done
