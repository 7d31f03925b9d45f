# shellcheck shell=bash
# PostgreSQL and Redis for tests: ours alone, on loopback ports the kernel chooses, gone afterwards.

POSTGRES_IMAGE=factory-postgres:17
# Worktrees on one machine must not share a database server.
SERVICE_ID=$(printf '%s' "$ROOT" | sha256sum | cut -c1-8)
POSTGRES_NAME="factory-test-postgres-$SERVICE_ID"

ensure_postgres_image() {
  docker image inspect "$POSTGRES_IMAGE" >/dev/null 2>&1 && return 0
  ensure_base trixie || return 1
  step "build $POSTGRES_IMAGE" docker_build "$POSTGRES_IMAGE" "$ROOT/docker" "$ROOT/docker/postgres.Dockerfile"
}

postgres_url() {
  local port
  port=$(docker port "$POSTGRES_NAME" 5432/tcp 2>/dev/null | head -n 1 | sed 's/.*://')
  [ -n "$port" ] && printf 'postgres://postgres:postgres@127.0.0.1:%s/postgres' "$port"
}

run_postgres() {
  docker rm -f "$POSTGRES_NAME" >/dev/null 2>&1 || true
  # Durability costs time and a test's database is thrown away; each test makes one of three hundred files, in memory.
  docker run -d --name "$POSTGRES_NAME" --label factory.test="$SERVICE_ID" -p 127.0.0.1::5432 --shm-size 256m --tmpfs /cluster:rw,mode=1777 \
    --entrypoint sh "$POSTGRES_IMAGE" -c 'cp -a "$PGDATA" /cluster/data && exec postgres -D /cluster/data "$@"' sh \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300 || return 1
  local waited=0
  until docker exec "$POSTGRES_NAME" pg_isready -q -h 127.0.0.1 -U postgres; do
    waited=$((waited + 1))
    if [ "$waited" -ge 120 ]; then docker logs --tail 20 "$POSTGRES_NAME"; return 1; fi
    sleep 0.25
  done
}

start_postgres() {
  if docker exec "$POSTGRES_NAME" pg_isready -q -h 127.0.0.1 -U postgres >/dev/null 2>&1; then return 0; fi
  step "start PostgreSQL 17 with pgvector" run_postgres
}

stop_postgres() { docker rm -f -v "$POSTGRES_NAME" >/dev/null 2>&1 || true; }

redis_port() { cat "$STATE/redis.port" 2>/dev/null; }

run_redis() {
  local port
  port=$("$TOOLS/bin/bun" -e 'const s = Bun.listen({hostname: "127.0.0.1", port: 0, socket: {data() {}}}); console.log(s.port); s.stop()') || return 1
  setsid redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no --dir "$STATE" >"$STATE/redis.log" 2>&1 </dev/null &
  write_pid_file "$STATE/redis.pid" "$!"
  printf '%s\n' "$port" >"$STATE/redis.port"
  local waited=0
  until redis-cli -h 127.0.0.1 -p "$port" ping >/dev/null 2>&1; do
    waited=$((waited + 1))
    if [ "$waited" -ge 50 ] || [ -z "$(live_pid "$STATE/redis.pid")" ]; then cat "$STATE/redis.log"; return 1; fi
    sleep 0.1
  done
}

start_redis() {
  mkdir -p "$STATE"
  [ -n "$(live_pid "$STATE/redis.pid")" ] && return 0
  step "start Redis" run_redis
}

stop_redis() {
  local pid
  if pid=$(live_pid "$STATE/redis.pid"); then kill -TERM "$pid" 2>/dev/null || true; fi
  rm -f "$STATE/redis.pid" "$STATE/redis.port"
}
