// A worker that costs milliseconds: it speaks the worker protocol with its own run token, makes a real commit
// on the forge and does next to nothing else. Started by the factory's own process runtime.
import { chance } from '../chance.ts'
import { pause } from '../until.ts'
import { readAssignment, type LightAssignment } from './assignment.ts'
import { openBench } from './bench.ts'
import { Fenced, openProtocol } from './protocol.ts'
import { sendDirectly } from './send-directly.ts'

const { FACTORY_GATEWAY_URL: gatewayUrl = '', FACTORY_RUN_ID, FACTORY_RUN_TOKEN: token = '' } = process.env
const runId = Number(FACTORY_RUN_ID)
const { settings, note, push } = openBench(process.argv[2] ?? '', gatewayUrl)
const protocol = openProtocol({ urls: gatewayUrl.split(','), runId, token })

try {
  const assignment = readAssignment(await protocol.call('/worker/register', { versions: { bun: Bun.version } }))
  await note(assignment, 'began')
  const ending = await carry(assignment)
  await note(assignment, 'ends')
  await protocol.call(`/worker/${runId}/${ending.call}`, ending.body)
  // An answer can get lost on its way: what was reported may be reported again, and is then known already.
  if (draw(assignment, 'twice') < 0.05) await protocol.call(`/worker/${runId}/${ending.call}`, ending.body)
  process.exit(0)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(error instanceof Fenced ? 3 : 20)
}

type Ending = { call: 'complete' | 'fail' | 'pause'; body: Record<string, unknown> }

async function carry(assignment: LightAssignment): Promise<Ending> {
  const { kind, attempt, token, itemId } = assignment
  // The account's limit is hit now and then: everybody waits, and one run tries.
  if (kind === 'build' && chance(`${settings.seed} limit ${itemId}`) < 0.003 && chance(`${settings.seed} limit ${token}`) < 0.5) {
    await work(assignment)
    return { call: 'pause', body: { usage: usage(0), outcome: { code: 'usage_limit', message: 'the limit of the account is reached', until: new Date(Date.now() + 700).toISOString() } } }
  }
  if (kind === 'spec') {
    await work(assignment)
    return { call: 'complete', body: { usage: usage(1), spec: `# ${assignment.title}\n\n## Tasks\n\n- [ ] do it\n` } }
  }
  if (kind === 'build') {
    const built = await build(assignment)
    return draw(assignment, 'fails') < 0.02 && attempt === 1
      ? { call: 'fail', body: { usage: usage(1), outcome: { code: 'limit_reached', message: 'no iteration is left', until: null } } }
      : { call: 'complete', body: { ...built, usage: usage(1), spec: assignment.spec?.replace('- [ ]', '- [x]'), summary: `run ${runId} did it` } }
  }
  return verify(assignment)
}

async function build(assignment: LightAssignment): Promise<{ headSha: string; baseSha: string }> {
  if (draw(assignment, 'lock') < 0.5) await protocol.call(`/worker/${runId}/lock`, { paths: [`work/item-${assignment.itemId}.txt`] })
  await work(assignment)
  const pushed = await push(assignment)
  if (draw(assignment, 'tell') < 0.3) await heartbeat(pushed)
  return pushed
}

async function verify(assignment: LightAssignment): Promise<Ending> {
  const { resume, attempt } = assignment
  if (!resume) throw new Error('there is nothing to verify')
  await work(assignment)
  const passed = draw(assignment, 'verdict') >= 0.02 || attempt > 1
  if (settings.direct && passed) await sendDirectly(settings.direct, assignment, resume.sha)
  const check = { command: 'true', exitCode: passed ? 0 : 1, durationMs: 1, timedOut: false, outputTail: '', tests: null }
  const report = { baseSha: resume.baseSha, headSha: resume.sha, base: [], head: [check], findings: [], diff: { files: 1, insertions: 1, deletions: 0 }, passed, reason: passed ? 'all checks passed' : 'true failed' }
  return { call: 'complete', body: { report } }
}

/** Works for a while, in steps that the journal shows, and renews its lease meanwhile. */
async function work(assignment: LightAssignment): Promise<void> {
  const { short, long } = settings.workMs
  const most = draw(assignment, 'long') < 0.06 ? long : short
  const until = performance.now() + most * (0.3 + 0.7 * draw(assignment, 'work'))
  let renewed = performance.now()
  while (performance.now() < until) {
    await pause(Math.min(100, Math.max(1, until - performance.now())))
    // Before anybody is asked: one that thaws goes on where it was.
    await note(assignment, 'works')
    if (performance.now() - renewed < assignment.heartbeatSeconds * 1000) continue
    renewed = performance.now()
    await heartbeat({ progress: { step: 'agent', activity: 'works' } })
  }
}

async function heartbeat(body: Record<string, unknown>): Promise<void> {
  const answer = await protocol.call(`/worker/${runId}/heartbeat`, body)
  if (answer['command'] === 'cancel') throw new Fenced(`asked to end: ${String(answer['reason'])}`)
}

function usage(iterations: number) {
  return { iterations, inputTokens: 10, outputTokens: 10, costUsd: 0.01 }
}

function draw({ itemId, token }: LightAssignment, about: string): number {
  return chance(`${settings.seed} ${itemId} ${token} ${about}`)
}
