import type { Sql } from '../../../packages/orchestrator/src/db/connect.ts'

/**
 * For `--without fencing`: a database of the suite's own in which a stale token is as good as any, an ended run
 * ends again, and any orchestrator may act as if it led. Production has no switch for this: the functions of
 * the migrations are replaced after they ran.
 */
export async function removeFences(sql: Sql): Promise<void> {
  await sql.unsafe(`
    create or replace function check_leader(p_epoch bigint) returns void language sql as $$ select $$;

    create or replace function lock_speaking_run(p_run integer, p_token bigint) returns runs language plpgsql as $$
    declare
      v_run runs;
    begin
      select * into v_run from runs r where r.id = p_run for update;
      return v_run;
    end $$;

    create or replace function end_run(p_run integer, p_token bigint, p_status text, p_outcome jsonb, p_report jsonb, p_usage jsonb, p_head text, p_base text, p_log_tail text, p_at timestamptz) returns boolean
    language plpgsql as $$
    declare
      v_run runs;
    begin
      select * into v_run from runs r where r.id = p_run for update;
      if p_usage is not null then perform book_usage(v_run, p_usage, p_at); end if;
      update runs r set status = p_status, outcome = p_outcome, report = p_report, finished_at = p_at, head_sha = coalesce(p_head, r.head_sha),
        base_sha = coalesce(p_base, r.base_sha), log_tail = coalesce(p_log_tail, r.log_tail) where r.id = p_run;
      perform record_event('run.finished', v_run.item_id, p_run, jsonb_build_object('kind', v_run.kind, 'status', p_status, 'outcome', p_outcome));
      return true;
    end $$;

    drop trigger runs_moves on runs;
  `)
}
