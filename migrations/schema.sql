-- Made by packages/orchestrator/src/db/dump-schema.ts from the migrations; do not edit.

create extension vector;

create sequence fencing_token as bigint;

create table budget_days (
  day date not null,
  iterations integer default 0 not null,
  cost_usd numeric(14,6) default 0 not null,
  constraint budget_days_pkey PRIMARY KEY (day)
);

create table effects (
  id integer generated always as identity not null,
  item_id integer not null,
  kind text not null,
  payload jsonb not null,
  status text default 'pending'::text not null,
  attempts integer default 0 not null,
  next_attempt_at timestamp with time zone default now() not null,
  last_error text,
  result jsonb,
  created_at timestamp with time zone default now() not null,
  done_at timestamp with time zone,
  constraint effects_item_id_kind_key UNIQUE (item_id, kind),
  constraint effects_pkey PRIMARY KEY (id),
  constraint effects_item_id_fkey FOREIGN KEY (item_id) REFERENCES work_items(id),
  constraint effects_kind_check CHECK ((kind = 'pull_request'::text)),
  constraint effects_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'done'::text, 'failed'::text])))
);

create table factory_state (
  singleton boolean default true not null,
  last_spawn_at timestamp with time zone,
  paused_until timestamp with time zone,
  pause_reason text,
  run_key text default replace(((gen_random_uuid())::text || (gen_random_uuid())::text), '-'::text, ''::text) not null,
  constraint factory_state_pkey PRIMARY KEY (singleton),
  constraint factory_state_singleton_check CHECK (singleton)
);

create table file_locks (
  repo text not null,
  path text not null,
  run_id integer not null,
  since timestamp with time zone default now() not null,
  expires_at timestamp with time zone not null,
  constraint file_locks_pkey PRIMARY KEY (repo, path),
  constraint file_locks_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id)
);

create table learnings (
  id integer generated always as identity not null,
  repo text not null,
  kind text not null,
  text text not null,
  text_hash text not null,
  item_id integer,
  run_id integer,
  embedding vector,
  embedding_model text,
  search tsvector generated always as (to_tsvector('english'::regconfig, text)) stored,
  times_given integer default 0 not null,
  created_at timestamp with time zone default now() not null,
  constraint learnings_repo_text_hash_key UNIQUE (repo, text_hash),
  constraint learnings_pkey PRIMARY KEY (id),
  constraint learnings_item_id_fkey FOREIGN KEY (item_id) REFERENCES work_items(id),
  constraint learnings_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id),
  constraint learnings_kind_check CHECK ((kind = ANY (ARRAY['pattern'::text, 'gotcha'::text, 'approach'::text])))
);

create table repositories (
  name text not null,
  last_admitted_at timestamp with time zone,
  constraint repositories_pkey PRIMARY KEY (name),
  constraint repositories_name_check CHECK ((name ~ '^[^/]+/[^/]+$'::text))
);

create table run_events (
  run_id integer not null,
  seq integer not null,
  at timestamp with time zone not null,
  event jsonb not null,
  constraint run_events_pkey PRIMARY KEY (run_id, seq),
  constraint run_events_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id)
);

create table runs (
  id integer generated always as identity not null,
  item_id integer not null,
  kind text not null,
  status text default 'starting'::text not null,
  attempt integer not null,
  token bigint default nextval('fencing_token'::regclass) not null,
  worker text not null,
  runtime text,
  started_at timestamp with time zone default now() not null,
  registered_at timestamp with time zone,
  finished_at timestamp with time zone,
  heartbeat_at timestamp with time zone,
  lease_expires_at timestamp with time zone not null,
  iterations_granted integer default 0 not null,
  progress jsonb,
  usage jsonb default '{}'::jsonb not null,
  iterations integer default 0 not null,
  outcome jsonb,
  report jsonb,
  base_sha text,
  head_sha text,
  cancel_code text,
  cancel_reason text,
  log_tail text,
  versions jsonb default '{}'::jsonb not null,
  cleaned_at timestamp with time zone,
  constraint runs_token_key UNIQUE (token),
  constraint runs_worker_key UNIQUE (worker),
  constraint runs_pkey PRIMARY KEY (id),
  constraint runs_item_id_fkey FOREIGN KEY (item_id) REFERENCES work_items(id),
  constraint runs_cancel_code_check CHECK ((cancel_code = ANY (ARRAY['cancelled'::text, 'killed'::text]))),
  constraint runs_kind_check CHECK ((kind = ANY (ARRAY['spec'::text, 'build'::text, 'verify'::text]))),
  constraint runs_status_check CHECK ((status = ANY (ARRAY['starting'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'stuck'::text, 'paused'::text, 'cancelled'::text, 'lost'::text])))
);

create table schema_migrations (
  version integer not null,
  name text not null,
  checksum text not null,
  applied_at timestamp with time zone default now() not null,
  constraint schema_migrations_pkey PRIMARY KEY (version)
);

create table work_events (
  seq bigint generated always as identity not null,
  xid xid8 default pg_current_xact_id() not null,
  at timestamp with time zone default now() not null,
  type text not null,
  item_id integer,
  run_id integer,
  data jsonb default '{}'::jsonb not null,
  constraint work_events_pkey PRIMARY KEY (seq),
  constraint work_events_item_id_fkey FOREIGN KEY (item_id) REFERENCES work_items(id),
  constraint work_events_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id)
);

create table work_items (
  id integer generated always as identity not null,
  source text not null,
  source_id text not null,
  source_url text,
  repo text not null,
  title text not null,
  description text,
  spec text,
  files text[] default '{}'::text[] not null,
  base_branch text,
  author jsonb,
  status text not null,
  priority text default 'medium'::text not null,
  priority_rank smallint generated always as (
CASE priority
    WHEN 'critical'::text THEN 0
    WHEN 'high'::text THEN 1
    WHEN 'medium'::text THEN 2
    ELSE 3
END) stored not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  queued_at timestamp with time zone default now() not null,
  completed_at timestamp with time zone,
  not_before timestamp with time zone,
  wait_code text,
  wait_message text,
  attempts integer default 0 not null,
  max_attempts integer default 3 not null,
  losses integer default 0 not null,
  current_run_id integer,
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
  revision integer default 1 not null,
  reported_revision integer default 0 not null,
  constraint work_items_source_source_id_key UNIQUE (source, source_id),
  constraint work_items_pkey PRIMARY KEY (id),
  constraint work_items_current_run_id_fkey FOREIGN KEY (current_run_id) REFERENCES runs(id),
  constraint work_items_repo_fkey FOREIGN KEY (repo) REFERENCES repositories(name),
  constraint work_items_priority_check CHECK ((priority = ANY (ARRAY['critical'::text, 'high'::text, 'medium'::text, 'low'::text]))),
  constraint work_items_status_check CHECK ((status = ANY (ARRAY['drafting'::text, 'awaiting_approval'::text, 'needs_input'::text, 'queued'::text, 'in_progress'::text, 'verifying'::text, 'publishing'::text, 'completed'::text, 'failed'::text, 'cancelled'::text])))
);

CREATE INDEX effects_pending ON public.effects USING btree (next_attempt_at) WHERE (status = 'pending'::text);

CREATE INDEX file_locks_run ON public.file_locks USING btree (run_id);

CREATE INDEX learnings_repo ON public.learnings USING btree (repo, id);

CREATE INDEX learnings_search ON public.learnings USING gin (search);

CREATE INDEX runs_item ON public.runs USING btree (item_id, id);

CREATE INDEX runs_live ON public.runs USING btree (status) WHERE (status = ANY (ARRAY['starting'::text, 'running'::text]));

CREATE UNIQUE INDEX runs_one_live_per_item ON public.runs USING btree (item_id) WHERE (status = ANY (ARRAY['starting'::text, 'running'::text]));

CREATE INDEX runs_uncleaned ON public.runs USING btree (id) WHERE (cleaned_at IS NULL);

CREATE INDEX work_events_item ON public.work_events USING btree (item_id, seq);

CREATE INDEX work_events_stream ON public.work_events USING btree (xid, seq);

CREATE INDEX work_items_queue ON public.work_items USING btree (repo, priority_rank, ((status <> 'verifying'::text)), queued_at, id) WHERE ((status = ANY (ARRAY['drafting'::text, 'queued'::text, 'verifying'::text])) AND (current_run_id IS NULL));

CREATE INDEX work_items_status ON public.work_items USING btree (status, id);

CREATE INDEX work_items_unreported ON public.work_items USING btree (source, id) WHERE (revision > reported_revision);

CREATE OR REPLACE FUNCTION public.admit(p_max_workers integer, p_daily_iterations integer, p_cooldown_seconds integer, p_max_iterations integer, p_lease_seconds integer, p_age_hours integer DEFAULT 6, p_heads integer DEFAULT 5)
 RETURNS TABLE(outcome text, run_id integer, item_id integer, until timestamp with time zone)
 LANGUAGE plpgsql
AS $function$
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
end $function$;

CREATE OR REPLACE FUNCTION public.record_event(p_type text, p_item integer, p_run integer, p_data jsonb)
 RETURNS void
 LANGUAGE sql
AS $function$
  insert into work_events (type, item_id, run_id, data) values (p_type, p_item, p_run, p_data);
$function$;

CREATE OR REPLACE FUNCTION public.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception 'work_events is append-only';
end $function$;

CREATE TRIGGER work_events_append_only BEFORE DELETE OR UPDATE ON public.work_events FOR EACH ROW EXECUTE FUNCTION refuse_change();
