import { RALPH_EVENT_VERSION, RalphEvent, type RalphEventBody } from '@factory/shared/ralph'
import { z } from 'zod'

/** Events that the state already holds and that are being told: `seq` is the number of the first. */
export const Untold = z.object({ seq: z.number().int(), events: z.array(z.looseObject({ event: z.string() })) })
export type Untold = z.infer<typeof Untold>

/** What a run that was killed while it told something has left to tell; `next` is the number that comes next. */
export function leftUntold(untold: Untold | null, next: number): RalphEventBody[] {
  if (untold === null) return []
  return untold.events.slice(Math.max(0, next - untold.seq)).flatMap((event) => {
    const whole = RalphEvent.safeParse({ v: RALPH_EVENT_VERSION, seq: 1, ts: new Date(0).toISOString(), run: '', ...event })
    if (!whole.success) return []
    const { v: _v, seq: _seq, ts: _ts, run: _run, ...body } = whole.data
    return [body]
  })
}
