import type { Answer, Client } from '@factory/orchestrator/client'
import type { CompleteRequest, FailRequest, PauseRequest, StuckRequest } from '@factory/shared'
import type { Ending } from '../ending.ts'

/** What all endings carry. */
export type EndingShare = Pick<CompleteRequest, 'learnings' | 'events' | 'usage' | 'headSha' | 'baseSha'>

/** Tells once how the run ended. @throws FactoryError */
export function sayEnding(client: Client, runId: number, ending: Ending, share: EndingShare): Promise<Answer<'complete'>> {
  const params = { id: runId }
  switch (ending.call) {
    case 'complete':
      return client.call('complete', { params, body: { ...share, ...ending.body } satisfies CompleteRequest })
    case 'fail':
      return client.call('fail', { params, body: { ...share, ...ending.body } satisfies FailRequest })
    case 'stuck':
      return client.call('stuck', { params, body: { ...share, ...ending.body } satisfies StuckRequest })
    case 'pause':
      return client.call('pause', { params, body: { ...share, ...ending.body } satisfies PauseRequest })
  }
}
