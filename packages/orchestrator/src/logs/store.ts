import type { Query } from '../db/connect.ts'

/** The last piece of a run. Bytes and lines count all that the run wrote, left out or not. */
export type LastPiece = { seq: number; position: string; byte_end: number; line_end: number }
export type PieceRow = { at: Date; text: string; line_start: number; line_end: number }
export type NewPiece = { runId: number; seq: number; at: Date; position: string; text: string; byteEnd: number; lineStart: number; lineEnd: number }

/** null: nothing was read yet. */
export async function loadLastPiece(q: Query, runId: number): Promise<LastPiece | null> {
  const rows = await q<LastPiece[]>`select seq, position, byte_end, line_end from run_logs where run_id = ${runId} order by seq desc limit 1`
  return rows[0] ?? null
}

/**
 * Keeps a piece, and where it stands, in one statement; with it goes the middle of what is too long.
 * @param keep bytes at the beginning and at the end that stay; null when nothing is too long
 * @returns false when somebody else read the same meanwhile: nothing was changed
 */
export async function insertPiece(q: Query, piece: NewPiece, keep: number | null): Promise<boolean> {
  const rows = await q`
    with added as (
      insert into run_logs (run_id, seq, at, position, text, byte_end, line_start, line_end)
      values (${piece.runId}, ${piece.seq}, ${piece.at}, ${piece.position}, ${piece.text}, ${piece.byteEnd}, ${piece.lineStart}, ${piece.lineEnd})
      on conflict do nothing returning run_id, byte_end
    )${
      keep === null
        ? q``
        : q`, left_out as (
      delete from run_logs l using added
      where l.run_id = added.run_id and l.byte_end > ${keep} and l.byte_end <= added.byte_end - ${keep}
    )`
    }
    select 1 from added`
  return rows.length > 0
}

/** Pieces with lines behind line `after`, in order, about as many as hold `lines` of them. */
export async function loadPieces(q: Query, runId: number, after: number, lines: number): Promise<PieceRow[]> {
  return q<PieceRow[]>`
    select at, text, line_start, line_end from run_logs
    where run_id = ${runId} and line_end > ${after}
      and line_start < ${lines} + greatest(${after}::bigint, (select min(line_start) from run_logs where run_id = ${runId} and line_end > ${after}))
    order by seq`
}
