import type { Assignment, Logger } from '@factory/shared'
import type { WorkerConfig } from './config.ts'
import type { Chosen } from './environment/choose.ts'
import type { Checkout } from './git/checkout.ts'
import type { Git } from './git/git.ts'
import type { Pusher } from './git/push.ts'
import type { Switch } from './halt.ts'
import type { Clocks } from '@factory/shared'
import type { Session } from './protocol/session.ts'

/** What a test may shorten or put in the place of the real thing. */
export type WorkerOverrides = { stop?: Switch; logger?: Logger; clocks?: Clocks; say?: (line: string) => void; retryMs?: readonly number[]; registerPatienceMs?: number; graceMs?: number; self?: readonly string[] }

export type Bench = Required<Pick<WorkerOverrides, 'stop' | 'logger' | 'clocks' | 'say' | 'self'>> & { config: WorkerConfig; overrides: WorkerOverrides; doorUrl: string }

/** A registered run, and all that its steps work with. */
export type Work = Bench & {
  assignment: Assignment
  session: Session
  git: Git
  pusher: Pusher
  /** A directory of this run alone; everything that it starts has it as TMPDIR. */
  tmp: string
  /** Where the lock command asks whether the run is trusted. */
  deskUrl: string
}

/** A checkout that is ready to be worked on. */
export type Place = Checkout & Chosen & { setup: string | null; learnings: string | null; previous: string | null; spec: string | null }

export function step(work: Pick<Work, 'logger' | 'session'>, name: string): void {
  work.logger.info({ step: name }, 'step')
  work.session.step(name)
}
