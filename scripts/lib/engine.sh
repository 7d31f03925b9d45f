# shellcheck shell=bash
# A Docker engine and the base images.

STATE="$ROOT/.factory/test"

engine_answers() { have docker && timeout 10 docker version >/dev/null 2>&1; }

engine_address() { printf '%s' "${DOCKER_HOST:-unix:///var/run/docker.sock}"; }

# Starts dockerd by hand when no engine answers, and remembers that it was us.
start_engine() {
  engine_answers && return 0
  is_root && [ -z "${DOCKER_HOST:-}" ] || return 1
  have dockerd || return 1
  mkdir -p "$STATE"
  # All three streams away from ours: a daemon that holds a CI job's stdout keeps the job open for ever.
  setsid dockerd >"$STATE/dockerd.log" 2>&1 </dev/null &
  write_pid_file "$STATE/dockerd.pid" "$!"
  local waited=0
  until engine_answers; do
    if [ -z "$(live_pid "$STATE/dockerd.pid")" ]; then tail -n 20 "$STATE/dockerd.log" >&2; return 1; fi
    waited=$((waited + 1))
    [ "$waited" -lt 60 ] || return 1
    sleep 0.5
  done
}

stop_engine() {
  local pid
  pid=$(live_pid "$STATE/dockerd.pid") || return 0
  kill -TERM "$pid" 2>/dev/null || true
  local waited=0
  while [ -n "$(live_pid "$STATE/dockerd.pid")" ] && [ "$waited" -lt 40 ]; do
    waited=$((waited + 1))
    sleep 0.5
  done
  rm -f "$STATE/dockerd.pid"
}

# The mirror this machine uses, so that debootstrap asks the same one; '' lets it use its own default.
debian_mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null | grep -v '^[[:space:]]*#' | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' '
}

# base_by_debootstrap SUITE IMAGE: what a registry would have given, made from Debian's own packages.
base_by_debootstrap() {
  local suite=$1 image=$2 root rc=0
  root=$(mktemp -d)
  # shellcheck disable=SC2046 # no mirror means no argument
  {
    debootstrap --variant=minbase "$suite" "$root/fs" $(debian_mirror) &&
      rm -rf "$root"/fs/var/cache/apt/archives/*.deb "$root"/fs/var/lib/apt/lists/* "$root"/fs/usr/share/doc/* "$root"/fs/usr/share/man/* "$root"/fs/usr/share/locale/* "$root"/fs/var/log/*.log &&
      tar -C "$root/fs" -c . | docker import --change 'CMD ["bash"]' - "$image"
  } || rc=1
  rm -rf "$root"
  return "$rc"
}

# ensure_base SUITE: debian:SUITE-slim from a registry, or from Debian's packages where none can be reached.
ensure_base() {
  local suite=$1 image="debian:$1-slim"
  docker image inspect "$image" >/dev/null 2>&1 && return 0
  if step "docker pull $image" timeout 60 docker pull -q "$image" 2>/dev/null; then return 0; fi
  say "  no image registry within reach: making $image by debootstrap"
  need_command debootstrap "makes $image" debootstrap || return 1
  step "debootstrap $suite → $image" base_by_debootstrap "$suite" "$image"
}

# docker_build TAG CONTEXT DOCKERFILE [args…]: the classic builder, which every engine since 20.10 has.
docker_build() {
  local tag=$1 context=$2 file=$3
  shift 3
  DOCKER_BUILDKIT=0 docker build -q -t "$tag" -f "$file" "$@" "$context"
}
