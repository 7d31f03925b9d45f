-- The factory's store. PostgreSQL is the truth; Redis and the engine are told from here.
-- Words: CONTEXT.md. Allowed moves: WORK_TRANSITIONS and RUN_TRANSITIONS in packages/shared.

create extension if not exists vector;

create table repositories (
  name text primary key check (name ~ '^[^/]+/[^/]+$'),
  last_admitted_at timestamptz
);

create table work_items (
  id integer generated always as identity primary key,
  source text not null,
  source_id text not null,
  source_url text,
  repo text not null references repositories (name),
  title text not null,
  description text,
  spec text,
  -- paths that the spec names; admission keeps two items off the same file
  files text[] not null default '{}',
  base_branch text,
  author jsonb,
  status text not null check (status in ('drafting', 'awaiting_approval', 'needs_input', 'queued', 'in_progress', 'verifying', 'publishing', 'completed', 'failed', 'cancelled')),
  priority text not null default 'medium' check (priority in ('critical', 'high', 'medium', 'low')),
  priority_rank smallint not null generated always as (case priority when 'critical' then 0 when 'high' then 1 when 'medium' then 2 else 3 end) stored,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  queued_at timestamptz not null default now(),
  completed_at timestamptz,
  -- not admitted before this time; wait_code and wait_message say why
  not_before timestamptz,
  wait_code text,
  wait_message text,
  attempts integer not null default 0,
  max_attempts integer not null default 3,
  losses integer not null default 0,
  -- the run that speaks for the item, if one is live
  current_run_id integer,
  -- work that the next run goes on from (a ref on the forge, its commit, and the base under it)
  wip_ref text,
  wip_sha text,
  base_sha text,
  environment jsonb,
  evidence jsonb,
  summary text,
  failure_code text,
  failure_message text,
  question text,
  branch text,
  pull_number integer,
  pull_url text,
  revision integer not null default 1,
  reported_revision integer not null default 0,
  unique (source, source_id)
);

-- The head of each repository's queue, by priority and age.
create index work_items_queue on work_items (repo, priority_rank, (status <> 'verifying'), queued_at, id)
  where status in ('drafting', 'queued', 'verifying') and current_run_id is null;
create index work_items_status on work_items (status, id);
create index work_items_unreported on work_items (source, id) where revision > reported_revision;

-- Fencing tokens only grow; a sequence never gives one twice, not even after a rollback.
create sequence fencing_token;

create table runs (
  id integer generated always as identity primary key,
  item_id integer not null references work_items (id),
  kind text not null check (kind in ('spec', 'build', 'verify')),
  status text not null default 'starting' check (status in ('starting', 'running', 'succeeded', 'failed', 'stuck', 'paused', 'cancelled', 'lost')),
  attempt integer not null,
  token bigint not null unique default nextval('fencing_token'),
  -- container or process name: made from item and token, so that "already exists" means "adopt"
  worker text not null unique,
  runtime text,
  started_at timestamptz not null default now(),
  registered_at timestamptz,
  finished_at timestamptz,
  heartbeat_at timestamptz,
  lease_expires_at timestamptz not null,
  -- iterations set aside from the day's budget when the run was admitted
  iterations_granted integer not null default 0,
  progress jsonb,
  usage jsonb not null default '{}',
  iterations integer not null default 0,
  outcome jsonb,
  report jsonb,
  base_sha text,
  head_sha text,
  -- somebody asked for the end ('cancelled': with the item, 'killed': this run only)
  cancel_code text check (cancel_code in ('cancelled', 'killed')),
  cancel_reason text,
  log_tail text,
  versions jsonb not null default '{}',
  -- what the runtime left behind (container, directory) has been removed
  cleaned_at timestamptz
);
create index runs_item on runs (item_id, id);
create index runs_live on runs (status) where status in ('starting', 'running');
create index runs_uncleaned on runs (id) where cleaned_at is null;
alter table work_items add foreign key (current_run_id) references runs (id);
create unique index runs_one_live_per_item on runs (item_id) where status in ('starting', 'running');

-- What Ralph said, by its own numbering: a repeated heartbeat adds nothing twice.
create table run_events (
  run_id integer not null references runs (id),
  seq integer not null,
  at timestamptz not null,
  event jsonb not null,
  primary key (run_id, seq)
);

-- Append-only record of everything that was decided or changed. Readers go by (xid, seq) and stop
-- below the oldest transaction still open, so that none that commits late is passed over.
create table work_events (
  seq bigint generated always as identity primary key,
  xid xid8 not null default pg_current_xact_id(),
  at timestamptz not null default now(),
  type text not null,
  item_id integer references work_items (id),
  run_id integer references runs (id),
  data jsonb not null default '{}'
);
create index work_events_stream on work_events (xid, seq);
create index work_events_item on work_events (item_id, seq);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'work_events is append-only';
end $$;
create trigger work_events_append_only before update or delete on work_events
  for each row execute function refuse_change();

-- Mirror of the lock table, for admission and for rebuilding it.
create table file_locks (
  repo text not null,
  path text not null,
  run_id integer not null references runs (id),
  since timestamptz not null default now(),
  expires_at timestamptz not null,
  primary key (repo, path)
);
create index file_locks_run on file_locks (run_id);

-- What is to be done to the outside world: recorded before it is done, done at least once, seen once.
create table effects (
  id integer generated always as identity primary key,
  item_id integer not null references work_items (id),
  kind text not null check (kind in ('pull_request')),
  payload jsonb not null,
  status text not null default 'pending' check (status in ('pending', 'done', 'failed')),
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  last_error text,
  result jsonb,
  created_at timestamptz not null default now(),
  done_at timestamptz,
  unique (item_id, kind)
);
create index effects_pending on effects (next_attempt_at) where status = 'pending';

create table learnings (
  id integer generated always as identity primary key,
  repo text not null,
  kind text not null check (kind in ('pattern', 'gotcha', 'approach')),
  text text not null,
  text_hash text not null,
  item_id integer references work_items (id),
  run_id integer references runs (id),
  -- no fixed dimension: it is the model's; only vectors of one model are compared
  embedding vector,
  embedding_model text,
  search tsvector generated always as (to_tsvector('english', text)) stored,
  times_given integer not null default 0,
  created_at timestamptz not null default now(),
  unique (repo, text_hash)
);
create index learnings_search on learnings using gin (search);
create index learnings_repo on learnings (repo, id);

-- Iterations and money booked per UTC day.
create table budget_days (
  day date primary key,
  iterations integer not null default 0,
  cost_usd numeric(14, 6) not null default 0
);

-- One row: what the whole factory waits for. Locked by every admission, which makes admissions one line.
create table factory_state (
  singleton boolean primary key default true check (singleton),
  last_spawn_at timestamptz,
  paused_until timestamptz,
  pause_reason text,
  -- key of the runs' bearer tokens (HMAC of run and fencing token): nothing to store per run, and a
  -- worker adopted after a restart keeps its token
  run_key text not null default replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '')
);
insert into factory_state default values;

create function record_event(p_type text, p_item integer, p_run integer, p_data jsonb) returns void
language sql as $$
  insert into work_events (type, item_id, run_id, data) values (p_type, p_item, p_run, p_data);
$$;

-- Chooses at most one waiting item and gives it a run, or says why not. All limits are checked under
-- the lock of factory_state in one transaction, so that no number of callers can overshoot them. It is
-- PL/pgSQL because in one CTE statement the snapshot would predate the lock.
--
-- Order: a built item is verified first (it holds work already paid for); then priority, where one
-- class is gained for every p_age_hours of waiting (up to high: critical stays critical); then the
-- repository with the fewest live runs, then the one served longest ago; then age. Only the heads of
-- each repository's queue are looked at, so depth does not matter.
create function admit(
  p_max_workers integer,
  p_daily_iterations integer,
  p_cooldown_seconds integer,
  p_max_iterations integer,
  p_lease_seconds integer,
  p_age_hours integer default 6,
  p_heads integer default 5
) returns table (outcome text, run_id integer, item_id integer, until timestamptz)
language plpgsql as $$
declare
  v_now timestamptz := clock_timestamp();
  v_today date := (v_now at time zone 'utc')::date;
  v_state factory_state;
  v_used integer;
  v_reserved integer;
  v_remaining integer;
  v_cooldown_until timestamptz;
  v_agent_refused text;     -- why no run that uses the model may start now
  v_agent_until timestamptz;
  v_item work_items;
  v_kind text;
  v_token bigint;
  v_run integer;
begin
  select * into v_state from factory_state for update;

  if (select count(*) from runs r where r.status in ('starting', 'running')) >= p_max_workers then
    return query select 'worker_slot', null::integer, null::integer, null::timestamptz;
    return;
  end if;

  insert into budget_days (day) values (v_today) on conflict do nothing;
  select iterations into v_used from budget_days where day = v_today for update;
  select coalesce(sum(greatest(r.iterations_granted - r.iterations, 0)), 0) into v_reserved
    from runs r where r.status in ('starting', 'running');
  v_remaining := p_daily_iterations - v_used - v_reserved;
  v_cooldown_until := v_state.last_spawn_at + make_interval(secs => p_cooldown_seconds);

  if v_state.paused_until > v_now then
    v_agent_refused := 'usage_limit';
    v_agent_until := v_state.paused_until;
  elsif v_remaining < 1 then
    v_agent_refused := 'daily_budget';
    v_agent_until := ((v_today + 1)::timestamp at time zone 'utc');
  elsif v_cooldown_until > v_now then
    v_agent_refused := 'cooldown';
    v_agent_until := v_cooldown_until;
  end if;

  select head.* into v_item
  from repositories repo
  cross join lateral (
    select count(*) as live from runs r join work_items i on i.id = r.item_id
    where r.status in ('starting', 'running') and i.repo = repo.name
  ) busy
  cross join generate_series(0, 3) as class(rank)
  cross join lateral (
    select w.* from work_items w
    where w.repo = repo.name and w.priority_rank = class.rank
      and w.status in ('drafting', 'queued', 'verifying') and w.current_run_id is null
      and (w.not_before is null or w.not_before <= v_now)
      and (v_agent_refused is null or w.status = 'verifying')
      and (w.status <> 'queued' or not exists (
        select 1 from file_locks l
        where l.repo = w.repo and l.path = any (w.files) and l.expires_at > v_now))
      and (w.status <> 'queued' or w.files = '{}' or not exists (
        select 1 from runs r join work_items o on o.id = r.item_id
        where r.status in ('starting', 'running') and r.kind = 'build' and o.repo = w.repo and o.files && w.files))
    order by (w.status <> 'verifying'), w.queued_at, w.id
    limit p_heads
  ) head
  order by
    (head.status <> 'verifying'),
    case when head.priority_rank = 0 then 0
         else greatest(1, head.priority_rank - floor(extract(epoch from v_now - head.queued_at) / (3600.0 * p_age_hours))::integer) end,
    busy.live,
    repo.last_admitted_at nulls first,
    head.queued_at,
    head.id
  limit 1;

  if not found then
    return query select coalesce(v_agent_refused, 'nothing'), null::integer, null::integer, v_agent_until;
    return;
  end if;

  -- The head was chosen without a lock; take it by primary key and look again.
  select * into v_item from work_items w
    where w.id = v_item.id and w.current_run_id is null and w.status = v_item.status
    for update skip locked;
  if not found then
    return query select 'again', null::integer, null::integer, null::timestamptz;
    return;
  end if;

  v_kind := case v_item.status when 'drafting' then 'spec' when 'verifying' then 'verify' else 'build' end;
  v_token := nextval('fencing_token');
  insert into runs (item_id, kind, attempt, token, worker, started_at, lease_expires_at, iterations_granted)
  values (
    v_item.id, v_kind, v_item.attempts + 1, v_token,
    format('factory-worker-%s-%s', v_item.id, v_token), v_now,
    v_now + make_interval(secs => p_lease_seconds),
    case v_kind when 'verify' then 0 when 'spec' then least(3, v_remaining) else least(p_max_iterations, v_remaining) end
  ) returning id into v_run;

  update work_items w set
    current_run_id = v_run,
    status = case v_kind when 'build' then 'in_progress' else w.status end,
    not_before = null, wait_code = null, wait_message = null,
    updated_at = v_now, revision = w.revision + 1
  where w.id = v_item.id;
  if v_kind <> 'verify' then
    update factory_state set last_spawn_at = v_now;
  end if;
  update repositories set last_admitted_at = v_now where name = v_item.repo;

  if v_kind = 'build' then
    perform record_event('work.status', v_item.id, v_run, jsonb_build_object('from', v_item.status, 'to', 'in_progress', 'reason', 'admitted'));
  end if;
  perform record_event('run.admitted', v_item.id, v_run, jsonb_build_object(
    'kind', v_kind, 'token', v_token, 'attempt', v_item.attempts + 1, 'priority', v_item.priority,
    'waitedSeconds', round(extract(epoch from v_now - v_item.queued_at))));
  return query select 'admitted', v_run, v_item.id, null::timestamptz;
end $$;
