import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentTask } from '../agents/agent.ts'
import { scriptedAgent } from '../agents/scripted.ts'
import { makeRepo, runRalph, type Repo } from '../testing.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

let repo: Repo
afterEach(() => repo?.remove())

const put = (task: AgentTask, path: string, text: string): void => writeFileSync(join(task.dir, path), text)
const tick = (task: AgentTask): void => put(task, 'SPEC.md', readFileSync(join(task.dir, 'SPEC.md'), 'utf8').replace('- [ ]', '- [x]'))
async function start(): Promise<void> {
  repo = await makeRepo({ 'ours.txt': 'base', 'theirs.txt': 'base' })
  await repo.write({ 'SPEC.md': '# T\n\n- [ ] the only task\n' })
}
/** theirs.txt belongs to somebody else for as long as the file `.git/theirs` is not there. */
const HELD = '[ "$1" != theirs.txt ] || [ -e .git/theirs ] || { echo "run 7 has it"; exit 1; }'

test('what came by Bash into somebody else\'s file is undone, said, and told to the next iteration; the rest is kept', async () => {
  await start()
  const agent = scriptedAgent([(task) => { put(task, 'ours.txt', 'new'); put(task, 'theirs.txt', 'new') }, tick])
  const ran = await runRalph(repo, { agent, options: { beforeEdit: HELD, verify: ['true'] } })
  expect(ran.of('lock.violation')).toMatchObject([{ path: 'theirs.txt', reason: 'run 7 has it' }])
  expect(agent.seen[1]?.prompt).toContain('theirs.txt: run 7 has it')
  expect(ran.exitCode).toBe(0)
  expect([repo.git('show', 'HEAD:ours.txt'), repo.git('show', 'HEAD:theirs.txt')]).toEqual(['new', 'base'])
})

test('the agent is asked for its own edits, too; not in a diagnosis, which edits nothing', async () => {
  await start()
  const answers: (string | null)[] = []
  const agent = scriptedAgent([async (task) => { answers.push((await task.beforeEdit?.(join(task.dir, 'theirs.txt'))) ?? null); put(task, 'ours.txt', 'new'); tick(task) }])
  const ran = await runRalph(repo, { agent, options: { beforeEdit: HELD, verify: ['true'] } })
  expect(answers).toEqual([expect.stringContaining('run 7 has it')])
  expect(ran.of('lock.denied')).toMatchObject([{ path: 'theirs.txt' }])
})

test('a lock that was lost before the end keeps the work from being done, and its task is open again', async () => {
  await start()
  const ran = await runRalph(repo, {
    agent: scriptedAgent([
      (task) => { writeFileSync(join(task.dir, '.git/theirs'), ''); put(task, 'theirs.txt', 'new') },
      (task) => { put(task, 'theirs.txt', 'base'); put(task, 'ours.txt', 'new'); tick(task) },
    ]),
    options: { beforeEdit: `${HELD}; [ "$1" != ours.txt ] || rm -f .git/theirs`, verify: ['true'] },
  })
  expect(ran.exitCode).toBe(0)
  expect(repo.git('show', 'HEAD:theirs.txt')).toBe('base')
})

test('locks that cannot be asked for end the run with 16; the work is kept, and the same run goes on', async () => {
  await start()
  const away = await runRalph(repo, { agent: scriptedAgent([(task) => { put(task, 'ours.txt', 'new'); tick(task) }]), options: { beforeEdit: 'echo "no connection"; exit 2', verify: ['true'] } })
  expect(away.of('run.finished')[0]).toMatchObject({ exitCode: 16, reason: expect.stringContaining('ours.txt (the command ended with exit code 2: no connection)') })
  expect(repo.git('show', 'HEAD:ours.txt')).toBe('new')
  const still = await runRalph(repo, { agent: scriptedAgent([tick]), options: { beforeEdit: 'exit 2', verify: ['true'] } })
  expect(still.exitCode).toBe(16)
  const lost = await runRalph(repo, { agent: scriptedAgent([(task) => { put(task, 'ours.txt', 'base'); put(task, 'other.txt', 'new'); tick(task) }]), options: { beforeEdit: '[ "$1" != ours.txt ] || { echo "run 7 has it"; exit 1; }', verify: ['true'] } })
  expect(lost.of('task.reopened')).toMatchObject([{ rule: 'lock_violated', reason: expect.stringContaining('ours.txt is somebody else\'s: run 7 has it') }])
  expect(lost.exitCode).toBe(0)
  expect(repo.git('show', 'HEAD:ours.txt')).toBe('base')
})
