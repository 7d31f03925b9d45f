-- Made by packages/orchestrator/src/db/dump-schema.ts from the migrations; do not edit.

create extension vector;

create sequence fencing_token as bigint;

create table accounts (
  name text not null,
  state text default 'open'::text not null,
  paused_until timestamp with time zone,
  reason text,
  canary_run_id integer,
  constraint accounts_pkey PRIMARY KEY (name),
  constraint accounts_check CHECK (((state = 'paused'::text) = (paused_until IS NOT NULL))),
  constraint accounts_check1 CHECK (((state = 'probing'::text) = (canary_run_id IS NOT NULL))),
  constraint accounts_state_check CHECK ((state = ANY (ARRAY['open'::text, 'paused'::text, 'probing'::text])))
);

create table allowed_moves (
  kind text not null,
  from_status text not null,
  to_status text not null,
  constraint allowed_moves_pkey PRIMARY KEY (kind, from_status, to_status),
  constraint allowed_moves_kind_check CHECK ((kind = ANY (ARRAY['work'::text, 'run'::text, 'effect'::text, 'account'::text])))
);

create table blockers (
  run_id integer not null,
  due boolean default false not null,
  looked_at timestamp with time zone default clock_timestamp() not null,
  constraint blockers_pkey PRIMARY KEY (run_id)
);

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
  run_key text default replace(((gen_random_uuid())::text || (gen_random_uuid())::text), '-'::text, ''::text) not null,
  max_workers integer,
  max_workers_per_repo integer,
  daily_iterations integer,
  cooldown_seconds integer,
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

create table leader (
  singleton boolean default true not null,
  holder text,
  epoch bigint default 0 not null,
  expires_at timestamp with time zone default '-infinity'::timestamp with time zone not null,
  lasts double precision default 0 not null,
  seen_at timestamp with time zone,
  constraint leader_pkey PRIMARY KEY (singleton),
  constraint leader_singleton_check CHECK (singleton)
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
  constraint learnings_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id) ON DELETE SET NULL,
  constraint learnings_kind_check CHECK ((kind = ANY (ARRAY['pattern'::text, 'gotcha'::text, 'approach'::text])))
);

create table leftovers (
  item_id integer not null,
  ended_at timestamp with time zone not null,
  archived_at timestamp with time zone,
  refs_at timestamp with time zone,
  constraint leftovers_pkey PRIMARY KEY (item_id),
  constraint leftovers_item_id_fkey FOREIGN KEY (item_id) REFERENCES work_items(id)
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

create table run_logs (
  run_id integer not null,
  seq integer not null,
  at timestamp with time zone not null,
  "position" text not null,
  text text not null,
  byte_end bigint not null,
  line_start bigint not null,
  line_end bigint not null,
  constraint run_logs_run_id_position_key UNIQUE (run_id, "position"),
  constraint run_logs_pkey PRIMARY KEY (run_id, seq),
  constraint run_logs_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id) ON DELETE CASCADE
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
  account text default 'default'::text not null,
  epoch bigint,
  constraint runs_token_key UNIQUE (token),
  constraint runs_worker_key UNIQUE (worker),
  constraint runs_pkey PRIMARY KEY (id),
  constraint runs_account_fkey FOREIGN KEY (account) REFERENCES accounts(name),
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
  patch jsonb,
  constraint work_events_pkey PRIMARY KEY (seq),
  constraint work_events_item_id_fkey FOREIGN KEY (item_id) REFERENCES work_items(id)
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
  parked boolean default false not null,
  blocked_by integer,
  usage_kept jsonb,
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

CREATE INDEX learnings_run ON public.learnings USING btree (run_id) WHERE (run_id IS NOT NULL);

CREATE INDEX learnings_search ON public.learnings USING gin (search);

CREATE INDEX leftovers_old ON public.leftovers USING btree (ended_at, item_id) WHERE (archived_at IS NULL);

CREATE INDEX leftovers_refs ON public.leftovers USING btree (refs_at, item_id) WHERE (refs_at IS NOT NULL);

CREATE INDEX runs_item ON public.runs USING btree (item_id, id);

CREATE INDEX runs_live ON public.runs USING btree (status) WHERE (status = ANY (ARRAY['starting'::text, 'running'::text]));

CREATE UNIQUE INDEX runs_one_live_per_item ON public.runs USING btree (item_id) WHERE (status = ANY (ARRAY['starting'::text, 'running'::text]));

CREATE INDEX runs_uncleaned ON public.runs USING btree (id) WHERE (cleaned_at IS NULL);

CREATE INDEX work_events_item ON public.work_events USING btree (item_id, seq);

CREATE INDEX work_events_stream ON public.work_events USING btree (xid, seq);

CREATE INDEX work_items_blocked ON public.work_items USING btree (blocked_by, priority_rank, queued_at, id) WHERE (blocked_by IS NOT NULL);

CREATE INDEX work_items_current_run ON public.work_items USING btree (current_run_id) WHERE (current_run_id IS NOT NULL);

CREATE INDEX work_items_queue ON public.work_items USING btree (repo, priority_rank, ((status <> 'verifying'::text)), queued_at, id) WHERE ((status = ANY (ARRAY['drafting'::text, 'queued'::text, 'verifying'::text])) AND (current_run_id IS NULL));

CREATE INDEX work_items_ready ON public.work_items USING btree (repo, priority_rank, queued_at, id) WHERE ((status = ANY (ARRAY['drafting'::text, 'queued'::text])) AND (current_run_id IS NULL) AND (NOT parked));

CREATE INDEX work_items_status ON public.work_items USING btree (status, id);

CREATE INDEX work_items_unreported ON public.work_items USING btree (source, id) WHERE (revision > reported_revision);

CREATE INDEX work_items_verify ON public.work_items USING btree (repo, priority_rank, queued_at, id) WHERE ((status = 'verifying'::text) AND (current_run_id IS NULL) AND (NOT parked));

CREATE INDEX work_items_waking ON public.work_items USING btree (not_before) WHERE (parked AND (blocked_by IS NULL));

CREATE OR REPLACE FUNCTION public.admit(p_epoch bigint, p_limits jsonb, p_at_most integer)
 RETURNS TABLE(outcome text, run_id integer, item_id integer, until timestamp with time zone)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_mergejoin TO 'off'
 SET enable_hashjoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
declare
  c_looks constant integer := 200;
  c_alone constant integer := 10;       -- heads that are parked alone, before many are at a time
  c_window constant integer := 2000;
  c_parked constant integer := 10000;   -- parked in one call: about a second
  v_now timestamptz;
  v_today date;
  v_state factory_state;
  v_account accounts;
  v_max_workers integer;
  v_per_repo integer;
  v_daily integer;
  v_cooldown interval;
  v_age double precision := 3600.0 * (p_limits ->> 'ageHours')::double precision;
  v_lease interval := make_interval(secs => (p_limits ->> 'leaseSeconds')::double precision);
  v_iterations integer := (p_limits ->> 'maxIterations')::integer;
  v_live integer;
  v_remaining integer;
  v_repos text[];             -- every repository, and of each: its live runs, and when it was served last
  v_live_of integer[];
  v_served timestamptz[];
  v_stages boolean[];         -- first those that wait to be verified, if any do, then all others
  v_verify boolean;           -- is it the stage of the first?
  v_ids integer[];            -- heads of this stage, as waiting_heads() gives them
  v_since timestamptz[];
  v_at integer;               -- the place of one of them
  v_repo integer;             -- and of its repository
  v_spawned boolean := false;
  v_refused text;             -- why no run that uses the model may start now
  v_refused_until timestamptz;
  v_admitted integer := 0;
  v_looks integer := 0;
  v_parked integer := 0;
  v_busy integer[] := '{}';   -- heads that somebody else holds locked
  v_id integer;
  v_queued_at timestamptz;
  v_item work_items;
  v_blocker integer;
  v_kind text;
  v_token bigint;
  v_run integer;
  v_granted integer;
begin
  -- Before the look at the leader: callers that stand in line here would share the leader's row, and what several
  -- transactions share is dear.
  select * into strict v_state from factory_state where singleton for update;
  if p_epoch is not null then perform check_leader(p_epoch); end if;
  v_now := clock_timestamp();
  v_today := (v_now at time zone 'utc')::date;
  v_max_workers := coalesce(v_state.max_workers, (p_limits ->> 'maxWorkers')::integer);
  v_per_repo := coalesce(v_state.max_workers_per_repo, (p_limits ->> 'maxWorkersPerRepo')::integer);
  v_daily := coalesce(v_state.daily_iterations, (p_limits ->> 'dailyIterations')::integer);
  v_cooldown := make_interval(secs => coalesce(v_state.cooldown_seconds, (p_limits ->> 'cooldownSeconds')::integer));
  select * into strict v_account from accounts a where a.name = 'default' for update;
  if exists (select from work_items w where w.parked and w.blocked_by is null and w.not_before <= v_now) or exists (select from blockers) then
    perform wake_parked(v_now, 50);
  end if;

  -- One statement: a heartbeat moves iterations from "set aside" to "used" in one transaction.
  with live as (
    select i.repo, count(*)::integer as n, sum(greatest(r.iterations_granted - r.iterations, 0)) as reserved
    from runs r join work_items i on i.id = r.item_id where r.status in ('starting', 'running') group by i.repo
  )
  select coalesce((select sum(l.n) from live l), 0), array_agg(repo.name order by repo.name), array_agg(coalesce(l.n, 0) order by repo.name),
      array_agg(coalesce(repo.last_admitted_at, '-infinity') order by repo.name),
      v_daily - coalesce((select sum(l.reserved) from live l), 0) - coalesce((select b.iterations from budget_days b where b.day = v_today), 0)
    into v_live, v_repos, v_live_of, v_served, v_remaining
    from repositories repo left join live l on l.repo = repo.name;
  v_stages := case when exists (select from work_items w where w.status = 'verifying' and w.current_run_id is null and not w.parked) then '{t,f}' else '{f}' end::boolean[];

  -- Heads are looked for once for each stage, and again only where one was taken: what comes to wait meanwhile is for
  -- the next call. A stage that has nothing more to give gets nothing new before the end of the call.
  <<admission>>
  foreach v_verify in array v_stages loop
    v_ids := null;
    loop
      exit admission when v_admitted >= p_at_most;
      if v_live >= v_max_workers then
        return query select 'worker_slot', null::integer, null::integer, null::timestamptz;
        exit admission;
      end if;
      if not v_verify then
        v_refused := null;
        if v_account.state = 'paused' and v_account.paused_until > v_now then
          v_refused := 'usage_limit';
          v_refused_until := v_account.paused_until;
        elsif v_account.state = 'probing' and exists (select from runs r where r.id = v_account.canary_run_id and r.status in ('starting', 'running')) then
          v_refused := 'usage_limit';
        elsif v_remaining < 1 then
          v_refused := 'daily_budget';
          v_refused_until := ((v_today + 1)::timestamp at time zone 'utc');
        -- a start in the future was written before the server's clock went back
        elsif v_state.last_spawn_at <= v_now and v_state.last_spawn_at + v_cooldown > v_now then
          v_refused := 'cooldown';
          v_refused_until := v_state.last_spawn_at + v_cooldown;
        end if;
        if v_refused is not null then
          return query select v_refused, null::integer, null::integer, v_refused_until;
          exit admission;
        end if;
      end if;

      if v_ids is null then
        select h.ids, h.since into v_ids, v_since from waiting_heads(v_repos, v_verify) h;
      end if;
      select h.place into v_at from unnest(v_ids, v_since) with ordinality as h(id, queued_at, place)
        where h.id <> 0 and (v_per_repo < 1 or v_live_of[(h.place - 1) / 4 + 1] < v_per_repo)
        order by case (h.place - 1) % 4 when 0 then 0 else greatest(1, (h.place - 1) % 4 - floor(date_part('epoch', v_now - h.queued_at) / v_age)) end,
          v_live_of[(h.place - 1) / 4 + 1], v_served[(h.place - 1) / 4 + 1], h.queued_at, h.id
        limit 1;
      exit when not found;
      v_id := v_ids[v_at];
      v_repo := (v_at - 1) / 4 + 1;
      v_looks := v_looks + 1;
      if v_looks > c_looks or v_parked > c_parked then
        return query select 'again', null::integer, null::integer, null::timestamptz;
        exit admission;
      end if;

      -- The head was chosen without a lock; take it by primary key and look again.
      v_blocker := null;
      select * into v_item from work_items w
        where w.id = v_id and w.current_run_id is null and w.status in ('drafting', 'queued', 'verifying') for update skip locked;
      if not found then
        v_busy := v_busy || v_id;
      elsif v_item.not_before > v_now then
        update work_items w set parked = true where w.id = v_id;
      else
        if v_item.status = 'queued' and v_item.files <> '{}' then v_blocker := blocker_of(v_item.repo, v_item.files, v_now); end if;
        if v_blocker is not null then
          update work_items w set parked = true, blocked_by = v_blocker where w.id = v_id;
          insert into blockers (run_id) values (v_blocker) on conflict (run_id) do nothing;
          if v_looks > c_alone then v_parked := v_parked + park_behind(v_item.repo, v_item.priority_rank, v_blocker, c_window, v_now); end if;
        else
          v_kind := case v_item.status when 'drafting' then 'spec' when 'verifying' then 'verify' else 'build' end;
          v_granted := case v_kind when 'verify' then 0 when 'spec' then least(3, v_remaining) else least(v_iterations, v_remaining) end;
          v_token := nextval('fencing_token');
          insert into runs (item_id, kind, attempt, token, worker, started_at, lease_expires_at, iterations_granted, account, epoch)
            values (v_item.id, v_kind, v_item.attempts + 1, v_token, format('factory-worker-%s-%s', v_item.id, v_token), v_now,
              v_now + v_lease, v_granted, v_account.name, p_epoch)
            returning id into v_run;
          -- What change_item() would do with this patch: the row is locked and read already.
          update work_items w set status = case v_kind when 'build' then 'in_progress' else v_item.status end, current_run_id = v_run,
            not_before = null, wait_code = null, wait_message = null, parked = false, blocked_by = null, revision = v_item.revision + 1, updated_at = v_now
            where w.id = v_item.id;
          insert into work_events (type, item_id, run_id, data, patch)
            select 'run.admitted', v_item.id, v_run,
              jsonb_build_object('kind', v_kind, 'token', v_token, 'attempt', v_item.attempts + 1, 'priority', v_item.priority, 'from', v_item.status,
                'waitedSeconds', round(date_part('epoch', v_now - v_item.queued_at))),
              jsonb_build_object('current_run_id', v_run, 'not_before', null, 'wait_code', null, 'wait_message', null, 'revision', v_item.revision + 1, 'updated_at', v_now)
                || case v_kind when 'build' then jsonb_build_object('status', 'in_progress') else '{}' end
            union all
            select 'work.status', v_item.id, v_run, jsonb_build_object('from', v_item.status, 'to', 'in_progress', 'reason', 'admitted'), null where v_kind = 'build';
          if v_kind <> 'verify' then
            v_spawned := true;
            v_state.last_spawn_at := v_now;
            if v_account.state <> 'open' then
              -- probing again: the canary before this one ended without a verdict
              if v_account.state = 'probing' then update accounts a set state = 'paused', canary_run_id = null, paused_until = v_now where a.name = v_account.name; end if;
              update accounts a set state = 'probing', paused_until = null, canary_run_id = v_run where a.name = v_account.name returning * into v_account;
              perform record_event('account.probed', v_item.id, v_run, jsonb_build_object('account', v_account.name));
            end if;
          end if;
          v_live := v_live + 1;
          v_live_of[v_repo] := v_live_of[v_repo] + 1;
          v_served[v_repo] := v_now;
          v_remaining := v_remaining - v_granted;
          v_admitted := v_admitted + 1;
          return query select 'admitted', v_run, v_item.id, null::timestamptz;
        end if;
      end if;
      -- The next there, as waiting_heads() finds it.
      if v_verify then
        select w.id, w.queued_at into v_id, v_queued_at from work_items w
          where w.repo = v_repos[v_repo] and w.priority_rank = (v_at - 1) % 4 and w.status = 'verifying' and w.current_run_id is null and not w.parked and w.id <> all (v_busy)
          order by w.queued_at, w.id limit 1;
      else
        select w.id, w.queued_at into v_id, v_queued_at from work_items w
          where w.repo = v_repos[v_repo] and w.priority_rank = (v_at - 1) % 4 and w.status in ('drafting', 'queued') and w.current_run_id is null and not w.parked and w.id <> all (v_busy)
          order by w.queued_at, w.id limit 1;
      end if;
      v_ids[v_at] := coalesce(v_id, 0);
      v_since[v_at] := v_queued_at;
    end loop;
    if not v_verify then return query select 'nothing', null::integer, null::integer, null::timestamptz; end if;
  end loop;
  if v_spawned then update factory_state set last_spawn_at = v_now where singleton; end if;
  update repositories repo set last_admitted_at = v_now from unnest(v_repos, v_served) as served(name, at) where served.at = v_now and repo.name = served.name;
end $function$;

CREATE OR REPLACE FUNCTION public.blocker_of(p_repo text, p_files text[], p_now timestamp with time zone)
 RETURNS integer
 LANGUAGE plpgsql
 STABLE
AS $function$
begin
  return (select run_id from (
    (select l.run_id from file_locks l join runs h on h.id = l.run_id
      where l.repo = p_repo and l.path = any (p_files) and l.expires_at > p_now and h.status in ('starting', 'running') limit 1)
    union all
    (select r.id from runs r join work_items o on o.id = r.item_id
      where r.status in ('starting', 'running') and r.kind = 'build' and o.repo = p_repo and o.files && p_files limit 1)
  ) found limit 1);
end $function$;

CREATE OR REPLACE FUNCTION public.book_usage(p_run runs, p_usage jsonb, p_at timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  v_iterations integer := greatest(0, coalesce((p_usage ->> 'iterations')::integer, 0) - coalesce((p_run.usage ->> 'iterations')::integer, 0));
  v_cost numeric := greatest(0, coalesce((p_usage ->> 'costUsd')::numeric, 0) - coalesce((p_run.usage ->> 'costUsd')::numeric, 0));
begin
  update runs r set usage = p_usage, iterations = greatest(r.iterations, coalesce((p_usage ->> 'iterations')::integer, 0)) where r.id = p_run.id;
  if v_iterations > 0 or v_cost > 0 then
    insert into budget_days (day, iterations, cost_usd) values ((p_at at time zone 'utc')::date, v_iterations, v_cost)
    on conflict (day) do update set iterations = budget_days.iterations + excluded.iterations, cost_usd = budget_days.cost_usd + excluded.cost_usd;
  end if;
end $function$;

CREATE OR REPLACE FUNCTION public.change_item(p_item integer, p_to text, p_patch jsonb, p_type text, p_run integer, p_data jsonb, p_at timestamp with time zone)
 RETURNS work_items
 LANGUAGE plpgsql
AS $function$
declare
  v_old work_items;
  v_new work_items;
  v_row jsonb;
  v_unknown jsonb := p_patch - '{title,description,spec,files,base_branch,priority,queued_at,completed_at,not_before,wait_code,wait_message,attempts,losses,current_run_id,wip_ref,wip_sha,base_sha,environment,evidence,summary,failure_code,failure_message,question,branch,pull_number,pull_url}'::text[];
begin
  if v_unknown <> '{}' then raise exception 'change_item: % cannot be set', v_unknown; end if;
  select * into v_old from work_items w where w.id = p_item for update;
  if not found then raise exception 'there is no work item %', p_item using errcode = 'FX004'; end if;
  if p_to is not null and p_to = v_old.status then
    raise exception 'work item % is % already', p_item, p_to using errcode = 'FX001';
  end if;
  v_new := jsonb_populate_record(v_old, p_patch);
  update work_items w set
    status = coalesce(p_to, v_old.status),
    title = v_new.title, description = v_new.description, spec = v_new.spec, files = v_new.files, base_branch = v_new.base_branch,
    priority = v_new.priority, queued_at = v_new.queued_at, completed_at = v_new.completed_at, not_before = v_new.not_before,
    wait_code = v_new.wait_code, wait_message = v_new.wait_message, attempts = v_new.attempts, losses = v_new.losses,
    current_run_id = v_new.current_run_id, wip_ref = v_new.wip_ref, wip_sha = v_new.wip_sha, base_sha = v_new.base_sha,
    environment = v_new.environment, evidence = v_new.evidence, summary = v_new.summary, failure_code = v_new.failure_code,
    failure_message = v_new.failure_message, question = v_new.question, branch = v_new.branch, pull_number = v_new.pull_number, pull_url = v_new.pull_url,
    -- a later look of admission parks it again if it has to
    parked = coalesce(v_new.not_before > clock_timestamp(), false), blocked_by = null,
    revision = v_old.revision + 1, updated_at = p_at
  where w.id = p_item returning * into v_new;
  v_row := to_jsonb(v_new);
  perform record_event(p_type, p_item, p_run, p_data,
    -- as the row spells them, so that a replay gives the very row
    (select jsonb_object_agg(name, v_row -> name) from (select jsonb_object_keys(p_patch) as name union all select unnest('{revision,updated_at}'::text[])) changed)
      || case when p_to is null then '{}' else jsonb_build_object('status', p_to) end);
  return v_new;
end $function$;

CREATE OR REPLACE FUNCTION public.check_leader(p_epoch bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  perform from leader l where l.singleton and l.epoch = p_epoch for share;
  if not found then
    raise exception 'another orchestrator leads now (epoch % is over)', p_epoch using errcode = 'FX003';
  end if;
end $function$;

CREATE OR REPLACE FUNCTION public.create_item(p_item jsonb, p_data jsonb)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
declare
  v_given work_items := jsonb_populate_record(null::work_items, p_item);
  v_row work_items;
begin
  insert into repositories (name) values (v_given.repo) on conflict do nothing;
  insert into work_items (source, source_id, source_url, repo, title, description, spec, files, base_branch, author, status, priority, max_attempts, created_at, updated_at, queued_at)
  values (v_given.source, v_given.source_id, v_given.source_url, v_given.repo, v_given.title, v_given.description, v_given.spec, coalesce(v_given.files, '{}'), v_given.base_branch,
    v_given.author, v_given.status, v_given.priority, v_given.max_attempts, v_given.created_at, v_given.created_at, v_given.created_at)
  on conflict (source, source_id) do nothing
  returning * into v_row;
  if not found then return null; end if;
  perform record_event('work.created', v_row.id, null, p_data, to_jsonb(v_row) - '{priority_rank,parked,blocked_by,reported_revision}'::text[]);
  return v_row.id;
end $function$;

CREATE OR REPLACE FUNCTION public.delete_folded(p_item integer, p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
declare
  v_last work_events;
  v_removed integer;
begin
  select * into v_last from work_events e where e.item_id = p_item order by e.seq desc limit 1;
  if v_last.type is distinct from 'work.snapshot' then return 0; end if;
  perform set_config('factory.housekeeping', 'on', true);
  delete from work_events d where d.seq = any (array(select e.seq from work_events e where e.item_id = p_item and e.seq < v_last.seq order by e.seq limit p_limit));
  get diagnostics v_removed = row_count;
  perform set_config('factory.housekeeping', '', true);
  return v_removed;
end $function$;

CREATE OR REPLACE FUNCTION public.delete_said(p_item integer, p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
declare
  v_run integer;
  v_left integer := p_limit;
  v_removed integer;
begin
  for v_run in select r.id from runs r where r.item_id = p_item order by r.id loop
    delete from run_events d where d.run_id = v_run and d.seq = any (array(select e.seq from run_events e where e.run_id = v_run order by e.seq limit v_left));
    get diagnostics v_removed = row_count;
    v_left := v_left - v_removed;
    exit when v_left = 0;
    delete from run_logs d where d.run_id = v_run and d.seq = any (array(select g.seq from run_logs g where g.run_id = v_run order by g.seq limit v_left));
    get diagnostics v_removed = row_count;
    v_left := v_left - v_removed;
    exit when v_left = 0;
  end loop;
  return p_limit - v_left;
end $function$;

CREATE OR REPLACE FUNCTION public.end_run(p_run integer, p_token bigint, p_status text, p_outcome jsonb, p_report jsonb, p_usage jsonb, p_head text, p_base text, p_log_tail text, p_at timestamp with time zone)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
declare
  v_run runs;
begin
  select * into v_run from runs r where r.id = p_run for update;
  if not found then raise exception 'there is no worker %', p_run using errcode = 'FX004'; end if;
  if v_run.status not in ('starting', 'running') then return false; end if;
  if p_token is not null and v_run.token <> p_token then raise exception 'run % has another token', p_run using errcode = 'FX002'; end if;
  if p_usage is not null then perform book_usage(v_run, p_usage, p_at); end if;
  update runs r set status = p_status, outcome = p_outcome, report = p_report, finished_at = p_at, head_sha = coalesce(p_head, r.head_sha),
    base_sha = coalesce(p_base, r.base_sha), log_tail = coalesce(p_log_tail, r.log_tail) where r.id = p_run;
  perform record_event('run.finished', v_run.item_id, p_run, jsonb_build_object('kind', v_run.kind, 'status', p_status, 'outcome', p_outcome));
  return true;
end $function$;

CREATE OR REPLACE FUNCTION public.fold_runs(p_item integer, p_refs_left boolean)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
declare
  v_removed integer;
  v_used jsonb;
begin
  with gone as (
    delete from runs r where r.item_id = p_item and r.status not in ('starting', 'running') and r.cleaned_at is not null
      and not (r.kind = 'build' and p_refs_left) and not exists (select from file_locks l where l.run_id = r.id)
    returning r.iterations, r.usage
  )
  select count(*), jsonb_build_object(
      'iterations', coalesce(sum(g.iterations), 0),
      'inputTokens', coalesce(sum((g.usage ->> 'inputTokens')::bigint), 0),
      'outputTokens', coalesce(sum((g.usage ->> 'outputTokens')::bigint), 0),
      'cacheReadTokens', coalesce(sum((g.usage ->> 'cacheReadTokens')::bigint), 0),
      'cacheWriteTokens', coalesce(sum((g.usage ->> 'cacheWriteTokens')::bigint), 0),
      'costUsd', coalesce(sum((g.usage ->> 'costUsd')::numeric), 0))
    into v_removed, v_used from gone g;
  if v_removed > 0 then
    update work_items w set usage_kept = (
      select jsonb_object_agg(u.key, u.value::numeric + coalesce((w.usage_kept ->> u.key)::numeric, 0)) from jsonb_each_text(v_used) u) where w.id = p_item;
  end if;
  update runs r set log_tail = null where r.item_id = p_item and r.log_tail is not null;
  if v_removed > 0 or (select e.type from work_events e where e.item_id = p_item order by e.seq desc limit 1) is distinct from 'work.snapshot' then
    perform record_event('work.snapshot', p_item, null, jsonb_build_object('runs', v_removed), to_jsonb(w) - '{priority_rank,parked,blocked_by,reported_revision}'::text[])
      from work_items w where w.id = p_item;
  end if;
  return not exists (select from runs r where r.item_id = p_item and not (r.kind = 'build' and p_refs_left));
end $function$;

CREATE OR REPLACE FUNCTION public.judge_canary(p_account text, p_run integer, p_item integer, p_answered boolean, p_at timestamp with time zone)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
begin
  perform from accounts a where a.name = p_account and a.state = 'probing' and a.canary_run_id = p_run for update;
  if not found then return false; end if;
  if p_answered then
    update accounts a set state = 'open', canary_run_id = null, reason = null where a.name = p_account;
    perform record_event('account.opened', p_item, p_run, jsonb_build_object('account', p_account));
  else
    update accounts a set state = 'paused', canary_run_id = null, paused_until = p_at where a.name = p_account;
  end if;
  return true;
end $function$;

CREATE OR REPLACE FUNCTION public.lock_speaking_run(p_run integer, p_token bigint)
 RETURNS runs
 LANGUAGE plpgsql
AS $function$
declare
  v_run runs;
begin
  select * into v_run from runs r where r.id = p_run for update;
  if not found then raise exception 'there is no worker %', p_run using errcode = 'FX004'; end if;
  if v_run.token is distinct from p_token or v_run.status not in ('starting', 'running') then
    raise exception 'run % has ended (%); it no longer speaks for item %', p_run, v_run.status, v_run.item_id using errcode = 'FX002';
  end if;
  return v_run;
end $function$;

CREATE OR REPLACE FUNCTION public.note_leftovers()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  insert into leftovers (item_id, ended_at, refs_at) values (new.id, new.updated_at, new.updated_at)
  on conflict (item_id) do update set ended_at = excluded.ended_at, archived_at = null, refs_at = excluded.refs_at;
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.park_behind(p_repo text, p_rank smallint, p_run integer, p_window integer, p_now timestamp with time zone)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
declare
  v_files text[] := array(
    select l.path from file_locks l where l.repo = p_repo and l.run_id = p_run and l.expires_at > p_now
    union select unnest(o.files) from runs r join work_items o on o.id = r.item_id where r.id = p_run and r.status in ('starting', 'running') and r.kind = 'build');
  v_parked integer;
begin
  update work_items w set parked = true, blocked_by = p_run where w.id in (
    select p.id from (
      select n.id, n.status, n.files from work_items n
      where n.repo = p_repo and n.priority_rank = p_rank and n.status in ('drafting', 'queued') and n.current_run_id is null and not n.parked
      order by n.queued_at, n.id limit p_window for update skip locked) p
    where p.status = 'queued' and p.files && v_files);
  get diagnostics v_parked = row_count;
  return v_parked;
end $function$;

CREATE OR REPLACE FUNCTION public.pause_account(p_account text, p_until timestamp with time zone, p_reason text, p_item integer, p_run integer)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
declare
  v_account accounts;
begin
  select * into strict v_account from accounts a where a.name = p_account for update;
  if v_account.state = 'paused' and v_account.paused_until >= p_until then return false; end if;
  update accounts a set state = 'paused', paused_until = p_until, reason = p_reason, canary_run_id = null where a.name = p_account;
  perform record_event('account.paused', p_item, p_run, jsonb_build_object('account', p_account, 'until', p_until, 'reason', p_reason));
  return true;
end $function$;

CREATE OR REPLACE FUNCTION public.record_event(p_type text, p_item integer, p_run integer, p_data jsonb, p_patch jsonb DEFAULT NULL::jsonb)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  insert into work_events (type, item_id, run_id, data, patch) values (p_type, p_item, p_run, p_data, p_patch);
end $function$;

CREATE OR REPLACE FUNCTION public.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if tg_op = 'DELETE' and current_setting('factory.housekeeping', true) = 'on' then return old; end if;
  raise exception 'work_events is append-only';
end $function$;

CREATE OR REPLACE FUNCTION public.refuse_illegal_move()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if not exists (select from allowed_moves m where m.kind = tg_argv[0] and m.from_status = old.status and m.to_status = new.status) then
    raise exception '% % is %; it cannot become %', tg_argv[0], old.id, old.status, new.status using errcode = 'FX001';
  end if;
  return new;
end $function$;

CREATE OR REPLACE FUNCTION public.refuse_illegal_state()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if not exists (select from allowed_moves m where m.kind = tg_argv[0] and m.from_status = old.state and m.to_status = new.state) then
    raise exception '% % is %; it cannot become %', tg_argv[0], old.name, old.state, new.state using errcode = 'FX001';
  end if;
  return new;
end $function$;

CREATE OR REPLACE FUNCTION public.register_run(p_run integer, p_token bigint, p_versions jsonb, p_at timestamp with time zone, p_lease_seconds double precision)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
declare
  v_run runs := lock_speaking_run(p_run, p_token);
begin
  update runs r set status = 'running', registered_at = coalesce(r.registered_at, p_at), heartbeat_at = p_at,
    lease_expires_at = least(greatest(r.lease_expires_at, p_at + make_interval(secs => p_lease_seconds)), clock_timestamp() + make_interval(secs => p_lease_seconds)), versions = p_versions where r.id = p_run;
  if v_run.registered_at is null then
    perform record_event('run.registered', v_run.item_id, p_run, jsonb_build_object('versions', p_versions));
  end if;
  return v_run.registered_at is null;
end $function$;

CREATE OR REPLACE FUNCTION public.release_wip(p_item integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  update work_items w set wip_ref = null, wip_sha = null, base_sha = null where w.id = p_item and w.wip_ref is not null;
  if found then
    perform record_event('work.noted', p_item, null, '{"fields": ["wip_ref", "wip_sha", "base_sha"]}', '{"wip_ref": null, "wip_sha": null, "base_sha": null}');
  end if;
end $function$;

CREATE OR REPLACE FUNCTION public.renew_run(p_run integer, p_token bigint, p_at timestamp with time zone, p_lease_seconds double precision, p_lock_seconds double precision, p_progress jsonb DEFAULT NULL::jsonb, p_usage jsonb DEFAULT NULL::jsonb, p_head text DEFAULT NULL::text, p_base text DEFAULT NULL::text)
 RETURNS TABLE(repo text, item_id integer, kind text, base_sha text, cancel_code text, cancel_reason text, paths text[])
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_column
declare
  v_run runs := lock_speaking_run(p_run, p_token);
begin
  -- An orchestrator that was frozen in between shortens nothing, and one whose clock is ahead gives no more than a lease.
  update runs r set heartbeat_at = p_at, progress = coalesce(p_progress, r.progress),
    lease_expires_at = least(greatest(r.lease_expires_at, p_at + make_interval(secs => p_lease_seconds)), clock_timestamp() + make_interval(secs => p_lease_seconds)),
    head_sha = coalesce(p_head, r.head_sha), base_sha = coalesce(p_base, r.base_sha) where r.id = p_run;
  if p_usage is not null and p_usage <> v_run.usage then perform book_usage(v_run, p_usage, p_at); end if;
  update file_locks l set expires_at = p_at + make_interval(secs => p_lock_seconds) where l.run_id = p_run;
  return query select i.repo, v_run.item_id, v_run.kind, coalesce(p_base, v_run.base_sha), v_run.cancel_code, v_run.cancel_reason,
    array(select l.path from file_locks l where l.run_id = p_run order by l.path)
    from work_items i where i.id = v_run.item_id;
end $function$;

CREATE OR REPLACE FUNCTION public.stop_leading(p_holder text, p_epoch bigint)
 RETURNS void
 LANGUAGE sql
AS $function$
  update leader l set expires_at = '-infinity' where l.holder = p_holder and l.epoch = p_epoch;
$function$;

CREATE OR REPLACE FUNCTION public.take_lead(p_holder text, p_seconds double precision)
 RETURNS TABLE(leads boolean, epoch bigint, holder text, expires_at timestamp with time zone, seen_at timestamp with time zone, now timestamp with time zone)
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_column
declare
  v_row leader;
  v_now timestamptz;
  v_seen timestamptz;
  v_length interval := make_interval(secs => p_seconds);
begin
  select * into strict v_row from leader l for update;
  v_now := clock_timestamp();
  v_seen := v_row.seen_at;
  if v_row.expires_at <= v_now or v_row.expires_at > v_now + 2 * greatest(v_length, make_interval(secs => v_row.lasts)) then
    update leader l set holder = p_holder, epoch = l.epoch + 1, expires_at = v_now + v_length, lasts = p_seconds, seen_at = v_now returning * into v_row;
  elsif v_row.holder = p_holder then
    update leader l set expires_at = v_now + v_length, lasts = p_seconds, seen_at = v_now returning * into v_row;
  else
    update leader l set seen_at = v_now returning * into v_row;
  end if;
  return query select v_row.holder = p_holder, v_row.epoch, v_row.holder, v_row.expires_at, v_seen, v_now;
end $function$;

CREATE OR REPLACE FUNCTION public.waiting_heads(p_repos text[], p_verify boolean, OUT ids integer[], OUT since timestamp with time zone[])
 RETURNS record
 LANGUAGE plpgsql
 STABLE
AS $function$
begin
  -- Two statements: each has a partial index of its own.
  if p_verify then
    select array_agg(coalesce(head.id, 0) order by repo.nth, class.rank), array_agg(coalesce(head.queued_at, 'infinity') order by repo.nth, class.rank)
      into ids, since
      from unnest(p_repos) with ordinality as repo(name, nth) cross join generate_series(0, 3) as class(rank)
      left join lateral (
        select w.id, w.queued_at from work_items w
        where w.repo = repo.name and w.priority_rank = class.rank and w.status = 'verifying' and w.current_run_id is null and not w.parked
        order by w.queued_at, w.id limit 1
      ) head on true;
  else
    select array_agg(coalesce(head.id, 0) order by repo.nth, class.rank), array_agg(coalesce(head.queued_at, 'infinity') order by repo.nth, class.rank)
      into ids, since
      from unnest(p_repos) with ordinality as repo(name, nth) cross join generate_series(0, 3) as class(rank)
      left join lateral (
        select w.id, w.queued_at from work_items w
        where w.repo = repo.name and w.priority_rank = class.rank and w.status in ('drafting', 'queued') and w.current_run_id is null and not w.parked
        order by w.queued_at, w.id limit 1
      ) head on true;
  end if;
end $function$;

CREATE OR REPLACE FUNCTION public.wake_parked(p_now timestamp with time zone, p_batch integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  v_blocker integer;
  v_woken integer;
begin
  update work_items w set parked = false where w.id in (
    select p.id from work_items p where p.parked and p.blocked_by is null and p.not_before <= p_now order by p.not_before limit p_batch for update skip locked);
  for v_blocker in
    select b.run_id from blockers b where b.due or b.looked_at < p_now - interval '1 minute' or not exists (select from runs r where r.id = b.run_id and r.status in ('starting', 'running')) order by b.run_id limit 20
  loop
    update work_items w set parked = coalesce(w.not_before > p_now, false), blocked_by = null where w.id in (
      select p.id from work_items p where p.blocked_by = v_blocker order by p.priority_rank, p.queued_at, p.id limit p_batch for update skip locked);
    get diagnostics v_woken = row_count;
    if v_woken < p_batch and not exists (select from work_items p where p.blocked_by = v_blocker) then
      delete from blockers b where b.run_id = v_blocker;
    else
      update blockers b set due = false, looked_at = p_now where b.run_id = v_blocker;
    end if;
  end loop;
end $function$;

CREATE TRIGGER accounts_moves BEFORE UPDATE OF state ON public.accounts FOR EACH ROW WHEN ((old.state IS DISTINCT FROM new.state)) EXECUTE FUNCTION refuse_illegal_state('account');

CREATE TRIGGER effects_moves BEFORE UPDATE OF status ON public.effects FOR EACH ROW WHEN ((old.status IS DISTINCT FROM new.status)) EXECUTE FUNCTION refuse_illegal_move('effect');

CREATE TRIGGER runs_moves BEFORE UPDATE OF status ON public.runs FOR EACH ROW WHEN ((old.status IS DISTINCT FROM new.status)) EXECUTE FUNCTION refuse_illegal_move('run');

CREATE TRIGGER work_events_append_only BEFORE DELETE OR UPDATE ON public.work_events FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER work_items_begun_ended AFTER INSERT ON public.work_items FOR EACH ROW WHEN ((new.status = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text]))) EXECUTE FUNCTION note_leftovers();

CREATE TRIGGER work_items_ended AFTER UPDATE OF status ON public.work_items FOR EACH ROW WHEN (((old.status IS DISTINCT FROM new.status) AND (new.status = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text])))) EXECUTE FUNCTION note_leftovers();

CREATE TRIGGER work_items_moves BEFORE UPDATE OF status ON public.work_items FOR EACH ROW WHEN ((old.status IS DISTINCT FROM new.status)) EXECUTE FUNCTION refuse_illegal_move('work');
