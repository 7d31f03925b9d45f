-- Nothing lost, nothing twice: one way to move an item or a run, one leader, admission that is
-- indifferent to depth, and one pause for each account.
-- Errors that callers know by their code: FX001 not an allowed move, FX002 the run no longer speaks for its
-- item, FX003 another orchestrator leads, FX004 no such row (db/refusal.ts turns them into words).

-- Allowed moves: *_TRANSITIONS in packages/shared/src/status.ts; a test holds both together.
create table allowed_moves (
  kind text not null check (kind in ('work', 'run', 'effect', 'account')),
  from_status text not null,
  to_status text not null,
  primary key (kind, from_status, to_status)
);
insert into allowed_moves (kind, from_status, to_status) values
  ('work', 'drafting', 'awaiting_approval'), ('work', 'drafting', 'needs_input'), ('work', 'drafting', 'queued'), ('work', 'drafting', 'cancelled'), ('work', 'drafting', 'failed'),
  ('work', 'awaiting_approval', 'queued'), ('work', 'awaiting_approval', 'drafting'), ('work', 'awaiting_approval', 'cancelled'),
  ('work', 'needs_input', 'drafting'), ('work', 'needs_input', 'queued'), ('work', 'needs_input', 'cancelled'), ('work', 'needs_input', 'failed'),
  ('work', 'queued', 'in_progress'), ('work', 'queued', 'drafting'), ('work', 'queued', 'cancelled'), ('work', 'queued', 'failed'),
  ('work', 'in_progress', 'verifying'), ('work', 'in_progress', 'queued'), ('work', 'in_progress', 'needs_input'), ('work', 'in_progress', 'failed'), ('work', 'in_progress', 'cancelled'),
  ('work', 'verifying', 'publishing'), ('work', 'verifying', 'queued'), ('work', 'verifying', 'failed'), ('work', 'verifying', 'cancelled'),
  ('work', 'publishing', 'completed'), ('work', 'publishing', 'failed'), ('work', 'publishing', 'cancelled'),
  ('work', 'failed', 'queued'), ('work', 'failed', 'drafting'), ('work', 'failed', 'publishing'),
  ('work', 'cancelled', 'queued'), ('work', 'cancelled', 'drafting'),
  ('run', 'starting', 'running'), ('run', 'starting', 'failed'), ('run', 'starting', 'cancelled'), ('run', 'starting', 'lost'),
  ('run', 'running', 'succeeded'), ('run', 'running', 'failed'), ('run', 'running', 'stuck'), ('run', 'running', 'paused'), ('run', 'running', 'cancelled'), ('run', 'running', 'lost'),
  ('effect', 'pending', 'done'), ('effect', 'pending', 'failed'), ('effect', 'failed', 'pending'), ('effect', 'done', 'pending'),
  ('account', 'open', 'paused'), ('account', 'paused', 'probing'), ('account', 'probing', 'paused'), ('account', 'probing', 'open');

-- Whoever writes a status, by whatever statement: only an allowed move gets through. Two functions, because
-- the column has two names; to read either by way of to_jsonb() would write the item's whole text out each time.
create function refuse_illegal_move() returns trigger language plpgsql as $$
begin
  if not exists (select from allowed_moves m where m.kind = tg_argv[0] and m.from_status = old.status and m.to_status = new.status) then
    raise exception '% % is %; it cannot become %', tg_argv[0], old.id, old.status, new.status using errcode = 'FX001';
  end if;
  return new;
end $$;
create function refuse_illegal_state() returns trigger language plpgsql as $$
begin
  if not exists (select from allowed_moves m where m.kind = tg_argv[0] and m.from_status = old.state and m.to_status = new.state) then
    raise exception '% % is %; it cannot become %', tg_argv[0], old.name, old.state, new.state using errcode = 'FX001';
  end if;
  return new;
end $$;
create trigger work_items_moves before update of status on work_items for each row when (old.status is distinct from new.status) execute function refuse_illegal_move('work');
create trigger runs_moves before update of status on runs for each row when (old.status is distinct from new.status) execute function refuse_illegal_move('run');
create trigger effects_moves before update of status on effects for each row when (old.status is distinct from new.status) execute function refuse_illegal_move('effect');

-- The columns of an item that an event changed: an item's events, in order, rebuild its row.
alter table work_events add column patch jsonb;

-- Who leads. A lease row and not an advisory lock, which a frozen holder keeps. `epoch` grows with every
-- change of the leader, and every transaction of a leader's work checks it. `seen_at`: when any orchestrator
-- last looked; a gap means that heartbeats had nobody to go to.
create table leader (
  singleton boolean primary key default true check (singleton),
  holder text,
  epoch bigint not null default 0,
  expires_at timestamptz not null default '-infinity',
  -- its length in seconds, by the configuration of whoever took it
  lasts double precision not null default 0,
  seen_at timestamptz
);
insert into leader default values;

-- Takes, keeps or only watches the lead. A lease that ends further away than any lease is long was written
-- before the server's clock went back: it counts as ended.
create function take_lead(p_holder text, p_seconds double precision)
returns table (leads boolean, epoch bigint, holder text, expires_at timestamptz, seen_at timestamptz, now timestamptz)
language plpgsql as $$
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
end $$;

-- A leader that goes gives the lead back, so that the next need not wait for its lease to end.
create function stop_leading(p_holder text, p_epoch bigint) returns void language sql as $$
  update leader l set expires_at = '-infinity' where l.holder = p_holder and l.epoch = p_epoch;
$$;

-- First statement of every transaction of a leader's work. The share lock holds a new leader back until
-- that transaction has ended, so nothing is written under an epoch that is over.
create function check_leader(p_epoch bigint) returns void language plpgsql as $$
begin
  perform from leader l where l.singleton and l.epoch = p_epoch for share;
  if not found then
    raise exception 'another orchestrator leads now (epoch % is over)', p_epoch using errcode = 'FX003';
  end if;
end $$;

-- One pause for each account of the model. After its time one run tries (the canary); only when the model has
-- answered it do the others start.
create table accounts (
  name text primary key,
  state text not null default 'open' check (state in ('open', 'paused', 'probing')),
  paused_until timestamptz,
  reason text,
  -- no foreign key: admission must not wait for a run's row
  canary_run_id integer,
  check ((state = 'paused') = (paused_until is not null)),
  check ((state = 'probing') = (canary_run_id is not null))
);
create trigger accounts_moves before update of state on accounts for each row when (old.state is distinct from new.state) execute function refuse_illegal_state('account');
insert into accounts (name, state, paused_until, reason)
  select 'default', case when paused_until is null then 'open' else 'paused' end, paused_until, pause_reason from factory_state;

alter table factory_state
  drop column paused_until,
  drop column pause_reason,
  -- set by people while the factory runs; null: as configured
  add column max_workers integer,
  add column max_workers_per_repo integer,
  add column daily_iterations integer,
  add column cooldown_seconds integer;

alter table runs
  add column account text not null default 'default' references accounts (name),
  -- of the leader that admitted it
  add column epoch bigint;

-- Parked: nothing to look at for admission before something happens (its time comes, the run in its way
-- ends). Bookkeeping of the queue, no fact of the item: no event tells of it.
alter table work_items add column parked boolean not null default false, add column blocked_by integer;
create index work_items_ready on work_items (repo, priority_rank, queued_at, id) where status in ('drafting', 'queued') and current_run_id is null and not parked;
create index work_items_verify on work_items (repo, priority_rank, queued_at, id) where status = 'verifying' and current_run_id is null and not parked;
create index work_items_waking on work_items (not_before) where parked and blocked_by is null;
create index work_items_blocked on work_items (blocked_by, priority_rank, queued_at, id) where blocked_by is not null;
update work_items set parked = true where not_before > now();

-- Runs that items are parked behind. No foreign key: admission must not wait for a run's row.
-- `due`: it gave files back. Looked at every minute in any case, so that nothing can stay parked for ever.
create table blockers (run_id integer primary key, due boolean not null default false, looked_at timestamptz not null default clock_timestamp());

drop function record_event(text, integer, integer, jsonb);
-- PL/pgSQL, here and in blocker_of(): a function in SQL that cannot be inlined is planned anew at each call.
create function record_event(p_type text, p_item integer, p_run integer, p_data jsonb, p_patch jsonb default null) returns void
language plpgsql as $$
begin
  insert into work_events (type, item_id, run_id, data, patch) values (p_type, p_item, p_run, p_data, p_patch);
end $$;

-- The one way to make an item. null: `(source, source_id)` is there already.
create function create_item(p_item jsonb, p_data jsonb) returns integer language plpgsql as $$
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
end $$;

-- The one way to change an item: a move (p_to) with what goes with it, or facts alone (p_to null). Locks the
-- row by its key, checks the move, and writes the event that tells of it.
create function change_item(p_item integer, p_to text, p_patch jsonb, p_type text, p_run integer, p_data jsonb, p_at timestamptz) returns work_items
language plpgsql as $$
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
end $$;

-- Books the difference between what a run has used by now and what was booked before: a repeated call books
-- nothing twice. The caller holds the run's lock.
create function book_usage(p_run runs, p_usage jsonb, p_at timestamptz) returns void language plpgsql as $$
declare
  v_iterations integer := greatest(0, coalesce((p_usage ->> 'iterations')::integer, 0) - coalesce((p_run.usage ->> 'iterations')::integer, 0));
  v_cost numeric := greatest(0, coalesce((p_usage ->> 'costUsd')::numeric, 0) - coalesce((p_run.usage ->> 'costUsd')::numeric, 0));
begin
  update runs r set usage = p_usage, iterations = greatest(r.iterations, coalesce((p_usage ->> 'iterations')::integer, 0)) where r.id = p_run.id;
  if v_iterations > 0 or v_cost > 0 then
    insert into budget_days (day, iterations, cost_usd) values ((p_at at time zone 'utc')::date, v_iterations, v_cost)
    on conflict (day) do update set iterations = budget_days.iterations + excluded.iterations, cost_usd = budget_days.cost_usd + excluded.cost_usd;
  end if;
end $$;

-- Locks a run by its key and refuses one that has ended or was never given this token.
create function lock_speaking_run(p_run integer, p_token bigint) returns runs language plpgsql as $$
declare
  v_run runs;
begin
  select * into v_run from runs r where r.id = p_run for update;
  if not found then raise exception 'there is no worker %', p_run using errcode = 'FX004'; end if;
  if v_run.token is distinct from p_token or v_run.status not in ('starting', 'running') then
    raise exception 'run % has ended (%); it no longer speaks for item %', p_run, v_run.status, v_run.item_id using errcode = 'FX002';
  end if;
  return v_run;
end $$;

-- starting → running, and again when the answer was lost. true: the first time.
create function register_run(p_run integer, p_token bigint, p_versions jsonb, p_at timestamptz, p_lease_seconds double precision) returns boolean language plpgsql as $$
declare
  v_run runs := lock_speaking_run(p_run, p_token);
begin
  update runs r set status = 'running', registered_at = coalesce(r.registered_at, p_at), heartbeat_at = p_at,
    lease_expires_at = least(greatest(r.lease_expires_at, p_at + make_interval(secs => p_lease_seconds)), clock_timestamp() + make_interval(secs => p_lease_seconds)), versions = p_versions where r.id = p_run;
  if v_run.registered_at is null then
    perform record_event('run.registered', v_run.item_id, p_run, jsonb_build_object('versions', p_versions));
  end if;
  return v_run.registered_at is null;
end $$;

-- A heartbeat: renews the lease and the mirror of the run's locks, takes progress and usage. null values stay.
create function renew_run(p_run integer, p_token bigint, p_at timestamptz, p_lease_seconds double precision, p_lock_seconds double precision,
  p_progress jsonb default null, p_usage jsonb default null, p_head text default null, p_base text default null)
returns table (repo text, item_id integer, kind text, base_sha text, cancel_code text, cancel_reason text, paths text[])
language plpgsql as $$
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
end $$;

-- A run ends once: the first report counts. false: it had ended before. `p_token` null: not the run itself
-- says so but the leader, who has seen its worker dead. The caller holds the item's lock.
create function end_run(p_run integer, p_token bigint, p_status text, p_outcome jsonb, p_report jsonb, p_usage jsonb, p_head text, p_base text, p_log_tail text, p_at timestamptz) returns boolean
language plpgsql as $$
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
end $$;

-- The account's limit is reached: open or probing → paused; a pause that stands is lengthened, never shortened.
create function pause_account(p_account text, p_until timestamptz, p_reason text, p_item integer, p_run integer) returns boolean language plpgsql as $$
declare
  v_account accounts;
begin
  select * into strict v_account from accounts a where a.name = p_account for update;
  if v_account.state = 'paused' and v_account.paused_until >= p_until then return false; end if;
  update accounts a set state = 'paused', paused_until = p_until, reason = p_reason, canary_run_id = null where a.name = p_account;
  perform record_event('account.paused', p_item, p_run, jsonb_build_object('account', p_account, 'until', p_until, 'reason', p_reason));
  return true;
end $$;

-- What a canary showed. Answered: the account opens. Otherwise (it was lost, killed, never asked the model)
-- nothing is known, and the next run tries. Of any other run it changes nothing.
create function judge_canary(p_account text, p_run integer, p_item integer, p_answered boolean, p_at timestamptz) returns boolean language plpgsql as $$
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
end $$;

-- Parks the first p_window waiting items of a repository and class that would meet this live run. Answers with
-- how many: looked at one by one, 100,000 items on one file would hold up all others for 500 calls of admission.
create function park_behind(p_repo text, p_rank smallint, p_run integer, p_window integer, p_now timestamptz) returns integer language plpgsql as $$
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
end $$;

-- The live run that an item with these files would meet, or null.
create function blocker_of(p_repo text, p_files text[], p_now timestamptz) returns integer language plpgsql stable as $$
begin
  return (select run_id from (
    (select l.run_id from file_locks l join runs h on h.id = l.run_id
      where l.repo = p_repo and l.path = any (p_files) and l.expires_at > p_now and h.status in ('starting', 'running') limit 1)
    union all
    (select r.id from runs r join work_items o on o.id = r.item_id
      where r.status in ('starting', 'running') and r.kind = 'build' and o.repo = p_repo and o.files && p_files limit 1)
  ) found limit 1);
end $$;

-- Unparks what may have become ready, a batch at a time: those whose time has come, and the first of those
-- that stood behind a run which ended or gave files back (the others would only meet the first again).
create function wake_parked(p_now timestamptz, p_batch integer) returns void language plpgsql as $$
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
end $$;

drop function admit(integer, integer, integer, integer, integer, integer, integer);

-- The first that waits, of each of these repositories in each class: ids and since when, the four classes of the first
-- repository first; 0 where nothing waits. p_verify: of those that wait to be verified; else of all others.
create function waiting_heads(p_repos text[], p_verify boolean, out ids integer[], out since timestamptz[])
language plpgsql stable as $$
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
end $$;

-- Gives waiting items runs, up to p_at_most, and says why it stopped short of that. All limits are checked
-- under the lock of factory_state in one transaction, so that no number of callers can overshoot them. It is
-- PL/pgSQL because in one CTE statement the snapshot would predate the lock.
--
-- Order: a built item is verified first (it holds work already paid for); then priority, where one class is
-- gained for every ageHours of waiting (up to high: critical stays critical); then the repository with the
-- fewest live runs, then the one served longest ago, then age. Only the head of each repository's queue is
-- looked at. A head that would meet a live run in a file is parked behind that run and the next one is the
-- head, so that neither depth nor 100,000 blocked items matter; it keeps its age.
--
-- Rows: one ('admitted', run, item) each, then, when it stopped early, one with the reason.
create function admit(p_epoch bigint, p_limits jsonb, p_at_most integer)
returns table (outcome text, run_id integer, item_id integer, until timestamptz)
language plpgsql
-- Each statement reads a few rows by an index and joins row by row, whatever the statistics say (a merge join of
-- the live runs walked the whole queue), and is planned once per connection; to compile one for what "off" adds
-- to its price would take a hundred times as long as to run it.
set enable_seqscan = off set enable_bitmapscan = off set enable_mergejoin = off set enable_hashjoin = off
set plan_cache_mode = force_generic_plan set jit = off as $$
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
end $$;
