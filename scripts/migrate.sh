#!/bin/sh
# Brings the database of DATABASE_URL (from the environment or .env), or without one the embedded
# store, to this version. Safe to repeat, and safe when two start at once.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.tools/bin:$PWD/.tools/node_modules/.bin:$PWD/node_modules/.bin:$PATH"
exec bun packages/orchestrator/src/db/migrate-main.ts
