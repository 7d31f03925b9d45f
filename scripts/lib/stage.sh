# shellcheck shell=bash
# What goes into the images, laid out as it will lie there.

# A staged file's permissions and path count as much as its bytes; its age does not.
content_hash() { (cd "$1" && find . \( -type f -o -type l \) -print0 | sort -z | xargs -0 stat -c '%A %n %N' && find . -type f -print0 | sort -z | xargs -0 sha256sum) | sha256sum | cut -c1-12; }

# Hard links where the file system allows it: a copy of the claude binary costs 245 MB.
place() { ln "$(readlink -f "$1")" "$2" 2>/dev/null || cp "$(readlink -f "$1")" "$2"; }

# The image's unprivileged user reads what root staged, whatever umask that was done with.
readable() { chmod -R a+rX "$1"; }

# Started in a checkout Bun would read its bunfig.toml, which can name code to run first, and its .env.
launcher() { printf '#!/bin/sh\nexec /opt/factory/bin/bun --no-env-file --config=/dev/null /opt/factory/lib/%s.js "$@"\n' "$1"; }

# bundle SOURCE OUTFILE
bundle() { (cd "$ROOT" && "$TOOLS/bin/bun" build --target=bun --outfile="$2" "$1" >/dev/null); }

# stage_worker CONTEXT
stage_worker() {
  local base=$1/base/opt/factory/bin tools=$1/rootfs/opt/factory package
  mkdir -p "$base" "$tools/bin" "$tools/lib" || return 1
  place "$TOOLS/bin/bun" "$base/bun" || return 1
  place "$TOOLS/bin/claude" "$base/claude" || return 1
  for package in ralph worker; do
    bundle "packages/$package/src/main.ts" "$tools/lib/$package.js" || return 1
    launcher "$package" >"$tools/bin/$package" && chmod 755 "$tools/bin/$package" || return 1
  done
  # A program of its own: it runs before every edit and must start fast.
  bundle packages/ralph/src/locks/hook-main.ts "$tools/lib/before-edit.js" || return 1
  readable "$1"
}

# What no service loads: tests, and what runs in workers only.
SERVICE_LEFT_OUT=(--exclude='*.test.ts' --exclude='*.test.tsx' --exclude=packages/ralph --exclude=packages/worker)

# stage_service CONTEXT
stage_service() {
  local app=$1/rootfs/app base=$1/base/app package file
  mkdir -p "$app/bin" "$base/bin" || return 1
  place "$TOOLS/bin/bun" "$base/bin/bun" || return 1
  printf '#!/bin/sh\nexec /app/bin/bun /app/packages/cli/src/main.ts "$@"\n' >"$app/bin/factory" && chmod 755 "$app/bin/factory" || return 1
  # Only what git knows or would know: no .env, no data, no node_modules of the host.
  (cd "$ROOT" && git ls-files -co --exclude-standard -z -- packages migrations prompts patches package.json bun.lock bunfig.toml tsconfig.json tsconfig.base.json |
    while IFS= read -r -d '' file; do [ -f "$file" ] && printf '%s\0' "$file"; done |
    tar -c "${SERVICE_LEFT_OUT[@]}" --null -T -) | tar -x -C "$app" || return 1
  # The lock file speaks of every workspace package, so the two left out are there by name only.
  for package in ralph worker; do
    mkdir -p "$app/packages/$package" && cp "$ROOT/packages/$package/package.json" "$app/packages/$package/" || return 1
  done
  (cd "$app" && step "install the services' packages" "$TOOLS/bin/bun" install --frozen-lockfile --production --ignore-scripts --filter '!@factory/ralph' --filter '!@factory/worker') || return 1
  # Built here: the service's user may not write into /app.
  if [ -f "$app/packages/dashboard/src/build.ts" ]; then
    (cd "$app" && step "build the dashboard's page" "$TOOLS/bin/bun" -e 'const { build } = await import(`${process.cwd()}/packages/dashboard/src/build.ts`); await build(`${process.cwd()}/packages/dashboard/dist`)') || return 1
  fi
  mv "$app/node_modules" "$base/node_modules" || return 1
  readable "$1"
}
