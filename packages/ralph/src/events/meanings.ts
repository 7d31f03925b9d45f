import { NO_USAGE, RALPH_EXIT, type RalphEventBody, type RalphEventName } from '@factory/shared/ralph'

type BodyOf<N extends RalphEventName> = Extract<RalphEventBody, { event: N }>
type Meaning<N extends RalphEventName> = { when: string; fields: Readonly<Record<Exclude<keyof BodyOf<N>, 'event'>, string>>; example: BodyOf<N> }

const task = { id: '16f9a3c2b81d04', text: 'Serve `GET /version`' }
const usage = { ...NO_USAGE, iterations: 1, inputTokens: 5200, outputTokens: 1800, cacheReadTokens: 41_000, cacheWriteTokens: 9000, costUsd: 0.0912 }
const check = { command: 'bun test', exitCode: 0, durationMs: 812, timedOut: false, outputTail: ' 12 pass\n 0 fail\n', tests: { passed: 12, failed: 0, skipped: 0 } }
const report = {
  baseSha: '3f1c2a90d4b7e85f6a1b2c3d4e5f60718293a4b5',
  headSha: '9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b',
  base: [{ ...check, outputTail: ' 11 pass\n 0 fail\n', tests: { passed: 11, failed: 0, skipped: 0 } }],
  head: [check],
  findings: [],
  diff: { files: 2, insertions: 31, deletions: 1 },
  passed: true,
  reason: '1 of 1 checks passed (12 tests)',
}

/** What the events say, for the reference. The compiler holds it against the schemas: no event and no field is left out. */
export const MEANINGS: { readonly [N in RalphEventName]: Meaning<N> } = {
  'run.started': {
    when: 'Once each time a run begins or goes on, when the spec and the commit to compare with are known.',
    fields: {
      mode: 'The command.',
      baseSha: 'The commit that the work is compared with; null in a repository without one.',
      tasks: 'The boxes of the spec, in order, with their frozen ids. Empty for draft and verify.',
      verify: 'The commands that decide at the end.',
      model: "The model that was asked for; null: the agent's default.",
      maxIterations: 'The cap of iterations over the whole life of the run.',
      resumed: 'The run goes on where an earlier process left it.',
    },
    example: { event: 'run.started', mode: 'run', baseSha: report.baseSha, tasks: [{ ...task, done: false }], verify: ['bun test'], model: null, maxIterations: 25, resumed: false },
  },
  'iteration.started': {
    when: 'Before each fresh-context execution of the agent.',
    fields: {
      iteration: 'From 1, over the whole life of the run. A limit or an outage costs none: the number comes again.',
      task: 'The task it works on; null while a spec is drafted.',
      kind: '`diagnosis`: the third attempt at a task, which may look and change nothing.',
      promptTokens: 'How long the prompt is, by an estimate that errs high; null where none was made.',
    },
    example: { event: 'iteration.started', iteration: 1, task, kind: 'work', promptTokens: 540 },
  },
  'iteration.finished': {
    when: 'After each execution that counts, when its work is committed.',
    fields: {
      iteration: 'Which one.',
      durationMs: 'Milliseconds since it started.',
      isError: 'The execution itself ended badly: crashed, silent, out of turns, money or time. Says nothing of the work.',
      endedBy: 'Set where Ralph ended it: `silence` (no output and no tool running for ten minutes), `time` (the wall clock), `same_call` (one tool call over and over).',
      commit: 'The commit made of its work; null when the tree did not change.',
      tree: 'The tree it left; null while a spec is drafted.',
      usage: 'What this iteration alone used.',
      text: "The agent's last words, at most 4000 characters.",
    },
    example: { event: 'iteration.finished', iteration: 1, durationMs: 84_210, isError: false, endedBy: null, commit: report.headSha, tree: '5b2e1f0c9d8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c', usage, text: 'The route is there, with a test.' },
  },
  heartbeat: {
    when: 'Every 15 seconds, by a timer, whatever the agent does: one call of the model can be silent for ten minutes.',
    fields: { iteration: 'The last that started; 0 before the first.', elapsedMs: 'Milliseconds since this process began.' },
    example: { event: 'heartbeat', iteration: 1, elapsedMs: 15_002 },
  },
  'agent.activity': {
    when: 'For everything the agent does that a person may want to see.',
    fields: {
      iteration: 'In which one.',
      kind: '`text`: it said something; `tool`: it calls a tool; `tool_result`: a tool failed; `retry`: the model\'s API is asked again; `system`: the program, or Ralph, about the execution.',
      summary: 'One line for people, at most 500 characters. Text of the agent: not to be trusted, not to be parsed.',
      tool: 'The name of the tool.',
      rule: 'Set where Ralph undid something, such as `checklist_edited`, or could not commit something (`held_back`).',
      parent: 'Set when a subagent did it.',
    },
    example: { event: 'agent.activity', iteration: 1, kind: 'tool', summary: 'Edit src/routes.ts', tool: 'Edit', rule: null, parent: null },
  },
  'task.completed': {
    when: 'When a box that the agent ticked stands for now.',
    fields: { task: 'Which one.', verified: 'The tree changed with it, and the checks, run right after it, are no worse than at base; false: they fail as yet, are run only at the end, or nothing changed with the tick.' },
    example: { event: 'task.completed', task, verified: true },
  },
  'task.reopened': {
    when: 'When a ticked box is opened again.',
    fields: { task: 'Which one.', reason: 'Why, in one sentence; the next prompt has the evidence.', rule: 'What found it: `no_change`, `checks`, or the rule of a finding.' },
    example: { event: 'task.reopened', task, reason: '`bun test` exited with 1, 1 of 12 tests failed', rule: 'checks' },
  },
  'lock.denied': {
    when: 'When the agent was about to edit a file whose lock somebody else holds; the edit did not happen.',
    fields: { path: 'From the root of the repository.', reason: 'What the holder is, by the command of --before-edit.' },
    example: { event: 'lock.denied', path: 'src/routes.ts', reason: 'held by run 12 since 10:14' },
  },
  'lock.violation': {
    when: 'When a change that came by another way than an edit is found in such a file; that file alone is put back.',
    fields: { path: 'From the root of the repository.', reason: 'Who holds the lock.' },
    example: { event: 'lock.violation', path: 'src/routes.ts', reason: 'held by run 12 since 10:14' },
  },
  'learning.recorded': {
    when: 'For each new line that the agent wrote to `.ai/new-learnings.md`.',
    fields: { learning: 'The discovery.' },
    example: { event: 'learning.recorded', learning: { kind: 'gotcha', text: 'The test server takes a random port; read it from its first line.' } },
  },
  limit: {
    when: 'When something outside of the work stops it: it is waited for, or the run ends.',
    fields: {
      kind: "`usage`: the account's window is used up; `overloaded`, `network`: an outage; `iterations`, `cost`, `time`: a bound of the run.",
      message: 'What happened, for people.',
      until: 'When it goes on; null where nobody knows, or where it does not.',
    },
    example: { event: 'limit', kind: 'usage', message: 'the usage limit of the account is reached', until: '2026-01-01T15:00:00.000Z' },
  },
  'verify.finished': {
    when: 'After each time the checks ran on a commit in a clean checkout.',
    fields: { report: 'What was measured. `passed` is the only word that decides.' },
    example: { event: 'verify.finished', report },
  },
  'stuck.detected': {
    when: 'Before the end of a run that is stuck, or of a draft that asks a question.',
    fields: { rule: '`no_new_tree`, `too_many_attempts`, `tree_returned`, `same_failure`; `question` for a draft.', facts: 'What it was seen by, for people; the whole story is in `.ai/stuck.md`.' },
    example: { event: 'stuck.detected', rule: 'same_failure', facts: ['the same failure 4 times in a row'] },
  },
  'run.finished': {
    when: 'Once in each process, last, always, also after signals, defects and wrong command lines.',
    fields: {
      exitCode: 'What the process exits with, see below.',
      reason: 'Why, in one sentence.',
      until: 'When it is worth while to go on (exit code 12).',
      headSha: 'The commit with the work; null where there is none.',
      usage: 'What the whole run used, earlier processes included.',
      report: 'The last verification of that commit; null where there was none.',
    },
    example: { event: 'run.finished', exitCode: RALPH_EXIT.verified, reason: report.reason, until: null, headSha: report.headSha, usage, report },
  },
}

/** Fields that every event has. */
export const ENVELOPE: Readonly<Record<'v' | 'seq' | 'ts' | 'run' | 'event', string>> = {
  v: 'The version of this contract.',
  seq: 'From 1, without gaps, over the whole life of a run: a run that goes on counts on.',
  ts: 'When it was written.',
  run: 'The name of the run.',
  event: 'Which event it is.',
}

/** Fields of the shapes that events share, by the shape's name. */
export const SHAPES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Usage: {
    iterations: 'Executions of the agent that counted.',
    inputTokens: 'Tokens in, subagents included, as all of these.',
    outputTokens: 'Tokens out.',
    cacheReadTokens: 'Tokens read from the cache.',
    cacheWriteTokens: 'Tokens written to the cache.',
    costUsd: "Money in US dollars, by the agent's own account.",
  },
  NewLearning: { kind: 'What sort of discovery.', text: '8 to 1000 characters.' },
  VerifyReport: {
    baseSha: 'The commit before the work.',
    headSha: 'The commit with it.',
    base: 'What the checks gave before.',
    head: 'What they give now; a setup command that failed stands first.',
    findings: 'What the change itself shows.',
    diff: 'How large the change is.',
    passed: 'The only word that decides.',
    reason: 'One sentence: why it passed or did not.',
  },
  CheckResult: {
    command: 'The command as it was given.',
    exitCode: 'null when a signal or the time limit ended it.',
    durationMs: 'Milliseconds.',
    timedOut: 'It took longer than allowed.',
    outputTail: 'The last 8 KiB of standard output and error together.',
    tests: 'How many tests ran; null where nothing said so.',
    counted: 'What counted them: JUnit files that the check wrote, or the output of a known runner.',
  },
  IntegrityFinding: {
    rule: 'What was found.',
    path: 'Where; null when it is no single file.',
    message: 'For people.',
    blocking: 'It keeps the work from passing.',
    asked: 'The spec asks for this very change: it does not block, and a person has to look at it.',
  },
}
