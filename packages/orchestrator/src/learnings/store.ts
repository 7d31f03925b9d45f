import type { Query, Tx } from '../db/connect.ts'

export type LearningRow = { id: number; repo: string; kind: string; text: string; item_id: number | null; run_id: number | null; created_at: Date; times_given: number }
export type LearningFilter = { repo?: string | undefined; kind?: string | undefined }

const matching = (q: Query, filter: LearningFilter) => q`
  ${filter.repo === undefined ? q`` : q`and l.repo = ${filter.repo}`}
  ${filter.kind === undefined ? q`` : q`and l.kind = ${filter.kind}`}`

export type NewRow = { repo: string; kind: string; text: string; hash: string; itemId: number; runId: number; at: Date }

/** The new id, or null when the repository has this text already. */
export async function insertLearning(tx: Tx, row: NewRow): Promise<number | null> {
  const rows = await tx<{ id: number }[]>`
    insert into learnings (repo, kind, text, text_hash, item_id, run_id, created_at)
    values (${row.repo}, ${row.kind}, ${row.text}, ${row.hash}, ${row.itemId}, ${row.runId}, ${row.at})
    on conflict (repo, text_hash) do nothing returning id`
  return rows[0]?.id ?? null
}

/** Those that have no vector of this model, newest first. */
export async function loadUnembedded(q: Query, model: string, limit: number): Promise<{ id: number; text: string }[]> {
  return q<{ id: number; text: string }[]>`
    select id, text from learnings where embedding is null or embedding_model is distinct from ${model} order by id desc limit ${limit}`
}

export async function setEmbedding(q: Query, id: number, model: string, vector: readonly number[]): Promise<void> {
  await q`update learnings set embedding = ${JSON.stringify(vector)}::vector, embedding_model = ${model} where id = ${id}`
}

/**
 * Nearest first. Exact, without an index: right below about 50,000 rows a repository, where an index
 * with a filter on the repository would miss most rows.
 */
export async function rankByVector(q: Query, filter: LearningFilter, near: { model: string; vector: readonly number[] }, limit: number): Promise<number[]> {
  const rows = await q<{ id: number }[]>`
    select l.id from learnings l
    where l.embedding_model = ${near.model} and vector_dims(l.embedding) = ${near.vector.length} ${matching(q, filter)}
    order by l.embedding <=> ${JSON.stringify(near.vector)}::vector, l.id desc limit ${limit}`
  return rows.map((row) => row.id)
}

/** Those that share a word with the text, best first: a task's text is long, and no learning has all its words. */
export async function rankByText(q: Query, filter: LearningFilter, text: string, limit: number): Promise<number[]> {
  const rows = await q<{ id: number }[]>`
    with wanted as (
      select string_agg(quote_literal(replace(lexeme, '\\', '')), ' | ')::tsquery as query
      from unnest(tsvector_to_array(to_tsvector('english', ${text}))) as lexeme
      where replace(lexeme, '\\', '') <> ''
    )
    select l.id from learnings l, wanted
    where l.search @@ wanted.query ${matching(q, filter)}
    order by ts_rank(l.search, wanted.query) desc, l.id desc limit ${limit}`
  return rows.map((row) => row.id)
}

export async function rankByAge(q: Query, filter: LearningFilter, limit: number): Promise<number[]> {
  const rows = await q<{ id: number }[]>`select l.id from learnings l where true ${matching(q, filter)} order by l.id desc limit ${limit}`
  return rows.map((row) => row.id)
}

export async function loadLearnings(q: Query, ids: readonly number[]): Promise<LearningRow[]> {
  return q<LearningRow[]>`select id, repo, kind, text, item_id, run_id, created_at, times_given from learnings where id = any(${[...ids]}::int[])`
}

export async function countGiven(q: Query, ids: readonly number[]): Promise<void> {
  await q`update learnings set times_given = times_given + 1 where id = any(${[...ids]}::int[])`
}
