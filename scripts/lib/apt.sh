# shellcheck shell=bash
# Debian packages: only what is missing, and only as root.

APT_UPDATED=

apt_try() { DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"; }

apt_missing() {
  # Old package lists name files that mirrors have deleted: update before the first install of a run.
  if [ -z "$APT_UPDATED" ]; then
    step "apt-get update" apt-get update -q || return 1
    APT_UPDATED=1
  fi
  step "apt-get install $*" apt_try "$@"
}

# need_command COMMAND "why" PACKAGE…: installs the packages when the command is missing.
need_command() {
  local command=$1 why=$2
  shift 2
  have "$command" && return 0
  if ! is_root || ! have apt-get; then
    warn "$command is missing ($why); install it with: apt-get install $*"
    return 1
  fi
  apt_missing "$@"
}
