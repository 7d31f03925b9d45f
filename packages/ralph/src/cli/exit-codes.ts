import { RALPH_EXIT, type RalphExit } from '@factory/shared/ralph'

/** What each exit code of run, draft and verify means, and what a person can do; the documents are made of this. */
export const EXIT_MEANINGS: Readonly<Record<keyof typeof RALPH_EXIT, { means: string; next: string }>> = {
  verified: { means: 'verified complete; draft: the spec is written; verify: head stands; --dry-run: the plan was printed', next: 'look at the commits and take them' },
  stuck: { means: 'stuck; draft: a question; verify: head does not stand', next: 'read `.ai/stuck.md` (draft: `.ai/question.md`; verify: the report), mend what is in the way, run again: the same run goes on' },
  limit: { means: 'the iterations, the money or the time of the run are used up', next: 'run again with more: the same run goes on' },
  paused: { means: 'paused: a usage limit or an outage', next: 'run again at the time in `until`' },
  auth: { means: 'the credential is refused, billing, or a model that cannot be used', next: 'mend the account or the flag, run again' },
  badSpec: { means: 'no usable spec, or nothing to verify with', next: '`ralph spec lint` says where' },
  baseUnverifiable: { means: 'there is no commit to start from, its setup fails, or its checks do not end in time', next: 'make the checks run at base, or name another --base' },
  lockConflict: { means: 'another Ralph works in this directory, or the lock of a file cannot be had', next: 'wait for it; `ralph status` says who' },
  internal: { means: 'a defect, a disk that takes no more, a repository destroyed under it', next: 'read the reason; the work so far is committed' },
  usage: { means: 'the command line or the environment is wrong', next: 'the message names the flag or the variable' },
  interrupted: { means: 'ended by SIGINT', next: 'run again: the same run goes on' },
  terminated: { means: 'ended by SIGTERM', next: 'run again: the same run goes on' },
}

/** The table in the order of the codes. */
export function exitCodes(): { code: RalphExit; means: string; next: string }[] {
  const names: (keyof typeof RALPH_EXIT)[] = ['verified', 'stuck', 'limit', 'paused', 'auth', 'badSpec', 'baseUnverifiable', 'lockConflict', 'internal', 'usage', 'interrupted', 'terminated']
  return names.map((name) => ({ code: RALPH_EXIT[name], ...EXIT_MEANINGS[name] }))
}
