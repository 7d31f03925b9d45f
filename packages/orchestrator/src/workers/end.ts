import type { CompleteRequest, EndingResponse, FailRequest, PauseRequest, StuckRequest } from '@factory/shared'
import type { Context } from '../context.ts'
import type { RunRef } from './refs.ts'
import { settleRun } from './settle.ts'

const answer = ({ runStatus, itemStatus }: EndingResponse): EndingResponse => ({ runStatus, itemStatus })

export async function completeRun(ctx: Context, run: RunRef, body: CompleteRequest): Promise<EndingResponse> {
  const message = body.report?.reason ?? 'done'
  return answer(await settleRun(ctx, run, { ...body, status: 'succeeded', outcome: { code: body.report && !body.report.passed ? 'verify_failed' : 'done', message, until: null } }))
}

export async function failRun(ctx: Context, run: RunRef, body: FailRequest): Promise<EndingResponse> {
  return answer(await settleRun(ctx, run, { ...body, status: 'failed' }))
}

export async function stuckRun(ctx: Context, run: RunRef, body: StuckRequest): Promise<EndingResponse> {
  return answer(await settleRun(ctx, run, { ...body, report: undefined, note: body.report, status: 'stuck' }))
}

export async function pauseRun(ctx: Context, run: RunRef, body: PauseRequest): Promise<EndingResponse> {
  return answer(await settleRun(ctx, run, { ...body, status: 'paused' }))
}
