# shellcheck shell=bash
# Bun in .tools, the workspace's packages, the native claude binary.

ensure_bun() {
  if [ "$("$TOOLS/bin/bun" --version 2>/dev/null)" = "$BUN_VERSION" ]; then return 0; fi
  have npm || die "npm is missing: install Node.js 20 or newer with npm, then run this script again"
  mkdir -p "$TOOLS/bin"
  # Without a package.json of its own npm would climb to ours and its workspaces.
  [ -f "$TOOLS/package.json" ] || printf '{"private":true}\n' >"$TOOLS/package.json"
  step "install Bun $BUN_VERSION into .tools" npm install --prefix "$TOOLS" --no-audit --no-fund --loglevel=error "bun@$BUN_VERSION" || die "Bun could not be installed with npm"
  ln -sfn ../node_modules/bun/bin/bun.exe "$TOOLS/bin/bun"
  ln -sfn bun "$TOOLS/bin/bunx"
  [ "$("$TOOLS/bin/bun" --version 2>/dev/null)" = "$BUN_VERSION" ] || die ".tools/bin/bun does not run on this machine"
}

# What was installed last is remembered, so that a second run does nothing at all.
packages_fingerprint() { (cd "$ROOT" && cat bun.lock bunfig.toml package.json packages/*/package.json patches/*) | sha256sum | cut -c1-16; }

ensure_packages() {
  local stamp="$ROOT/node_modules/.factory-installed" now
  now=$(packages_fingerprint)
  [ "$(cat "$stamp" 2>/dev/null)" = "$now" ] && return 0
  (cd "$ROOT" && step "bun install" "$TOOLS/bin/bun" install --frozen-lockfile) || die "the packages could not be installed"
  printf '%s\n' "$now" >"$stamp"
}

ensure_claude() {
  local arch found
  case "$(uname -m)" in
    x86_64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) die "Claude Code has no binary for $(uname -m)" ;;
  esac
  found=$(find "$ROOT/node_modules/.bun" -maxdepth 5 -path "*/@anthropic-ai/claude-code-linux-$arch/claude" -type f 2>/dev/null | sort -V | tail -n 1)
  [ -n "$found" ] || die "the claude binary is missing from node_modules; remove node_modules and run this script again"
  [ "$(readlink "$TOOLS/bin/claude" 2>/dev/null)" = "$found" ] || ln -sfn "$found" "$TOOLS/bin/claude"
}
