-- Retention: what ended long ago makes room, and what people see of it stays.

-- What the item's removed runs used, in the fields of Usage; null: none was removed.
alter table work_items add column usage_kept jsonb;

-- The record outlives its runs: an event keeps the number of a run that is gone. (A foreign key would also
-- cost an index on the largest table.)
alter table work_events drop constraint work_events_run_id_fkey;
alter table learnings drop constraint learnings_run_id_fkey,
  add constraint learnings_run_id_fkey foreign key (run_id) references runs (id) on delete set null;
create index learnings_run on learnings (run_id) where run_id is not null;
create index work_items_current_run on work_items (current_run_id) where current_run_id is not null;

-- Append-only for everybody but housekeeping, which removes an item's events once one that stands for all of
-- them is written. The setting lasts for a transaction.
create or replace function refuse_change() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and current_setting('factory.housekeeping', true) = 'on' then return old; end if;
  raise exception 'work_events is append-only';
end $$;

-- Ended items of which something is left to clear away. A row goes when nothing is.
create table leftovers (
  item_id integer primary key references work_items (id),
  ended_at timestamptz not null,
  -- events, logs and runs are gone, but for runs whose refs are not
  archived_at timestamptz,
  -- when to look at its WIP refs next; null: there are none
  refs_at timestamptz
);
create index leftovers_old on leftovers (ended_at, item_id) where archived_at is null;
create index leftovers_refs on leftovers (refs_at, item_id) where refs_at is not null;

create function note_leftovers() returns trigger language plpgsql as $$
begin
  insert into leftovers (item_id, ended_at, refs_at) values (new.id, new.updated_at, new.updated_at)
  on conflict (item_id) do update set ended_at = excluded.ended_at, archived_at = null, refs_at = excluded.refs_at;
  return null;
end $$;
create trigger work_items_ended after update of status on work_items for each row
  when (old.status is distinct from new.status and new.status in ('completed', 'failed', 'cancelled')) execute function note_leftovers();
create trigger work_items_begun_ended after insert on work_items for each row
  when (new.status in ('completed', 'failed', 'cancelled')) execute function note_leftovers();
insert into leftovers (item_id, ended_at, refs_at) select id, updated_at, updated_at from work_items where status in ('completed', 'failed', 'cancelled');

-- Removes the runs of an ended item that need nothing of the outside any more, keeps on the item what they
-- used, and writes one event that stands for all before it: its patch is the whole row. Does nothing the second
-- time. The caller holds the item's lock. p_refs_left: the forge still has the refs that build runs pushed.
-- false: runs are left that could not go yet.
create function fold_runs(p_item integer, p_refs_left boolean) returns boolean language plpgsql as $$
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
end $$;

-- What is gone on from must not name a ref that goes. People need not see it, so the revision stays.
create function release_wip(p_item integer) returns void language plpgsql as $$
begin
  update work_items w set wip_ref = null, wip_sha = null, base_sha = null where w.id = p_item and w.wip_ref is not null;
  if found then
    perform record_event('work.noted', p_item, null, '{"fields": ["wip_ref", "wip_sha", "base_sha"]}', '{"wip_ref": null, "wip_sha": null, "base_sha": null}');
  end if;
end $$;

-- Removes up to p_limit lines of what an item's runs said. By array and not by `in`: a join is planned with a
-- scan of the whole table.
create function delete_said(p_item integer, p_limit integer) returns integer language plpgsql as $$
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
end $$;

-- Removes up to p_limit of the events that an item's last one stands for, oldest first; none where the last one
-- stands for nothing (something happened after it).
create function delete_folded(p_item integer, p_limit integer) returns integer language plpgsql as $$
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
end $$;
