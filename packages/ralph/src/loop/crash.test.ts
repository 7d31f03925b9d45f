import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { chance } from '../testing/chance.ts'
import { live, makeStage, makeTemplate, type Kill, type Lived, type Scenario, type Template } from '../testing/crash.ts'
import { examine } from '../testing/examine.ts'

/**
 * Kills Ralph with SIGKILL at every step boundary and at random times, lets it begin again, and looks at
 * what all lives together said and left. `RALPH_CRASH=plain:step:57` (as a failure names it) does one
 * case again; `RALPH_CRASH=evidence:time:12345` one with the delays of that seed.
 */
const RUNS = 200
const AT_ONCE = 3
const LIMIT_MS = 600_000

const SCENARIOS: Record<string, Scenario> = {
  plain: { run: 'crash', verify: ['true'], wrongFirst: false, wanders: false, heartbeatMs: 1e7 },
  // Without a name the run is found by its files; a check fails once, so that there is evidence to keep;
  // and what a killed agent did to HEAD must not cost a commit.
  evidence: { run: null, verify: ['[ -e broken ] && echo evidence-$((4700 + 11)) && exit 1; true'], wrongFirst: true, wanders: true, heartbeatMs: 50 },
}

type Case = { name: string; scenario: Scenario; kills: Kill[] }

let template: Template
beforeAll(async () => {
  template = await makeTemplate()
})
afterAll(() => rmSync(template.root, { recursive: true, force: true }))

/** One after another until a life ends by itself. [] when all is well. */
async function carryOut({ name, scenario, kills }: Case): Promise<string[]> {
  const stage = makeStage(template)
  try {
    const lives: Lived[] = []
    for (const kill of [...kills, { at: 'never' } as const]) {
      const lived = await live(stage, scenario, kill)
      lives.push(lived)
      if (!lived.killed || lived.lines.at(-1)?.includes('"event":"run.finished"')) break
    }
    return examine(stage, lives).map((wrong) => `${name}: ${wrong}`)
  } catch (error) {
    return [`${name}: ${String(error)}`]
  } finally {
    rmSync(stage.root, { recursive: true, force: true })
  }
}

async function carryOutAll(cases: readonly Case[]): Promise<string[]> {
  const wrong: string[] = []
  const left = [...cases]
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next; next = left.shift()) wrong.push(...(await carryOut(next)))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return wrong
}

/** A run that nobody kills: how many steps it has, and how long it takes. */
async function measure(scenario: Scenario): Promise<{ steps: number; ms: number }> {
  const stage = makeStage(template)
  try {
    const counted = await live(stage, scenario, { at: 'count' })
    expect(examine(stage, [counted])).toEqual([])
    return { steps: counted.steps, ms: counted.ms }
  } finally {
    rmSync(stage.root, { recursive: true, force: true })
  }
}

const steps = (name: string, count: number): Case[] => Array.from({ length: count }, (_, index) => stepCase(name, index + 1))
const stepCase = (name: string, step: number): Case => ({ name: `${name}:step:${step}`, scenario: scenarioOf(name), kills: [{ at: 'step', step }] })

/** One to three kills, each somewhere in a life. */
function timeCase(name: string, seed: number, ms: number): Case {
  const next = chance(seed)
  const kills = Array.from({ length: 1 + Math.floor(next() * 3) }, () => ({ at: 'time' as const, ms: Math.floor(next() * ms) }))
  return { name: `${name}:time:${seed}`, scenario: scenarioOf(name), kills }
}

function scenarioOf(name: string): Scenario {
  const found = SCENARIOS[name]
  if (!found) throw new Error(`no scenario ${name}`)
  return found
}

const given = process.env.RALPH_CRASH
/** `claude:…` is for the other file. */
const again = given?.startsWith('claude:') ? undefined : given

if (again !== undefined) describe('one case again', () => {
  test(`RALPH_CRASH=${again}`, async () => {
    const [name = '', kind, number] = again?.split(':') ?? []
    const one = kind === 'step' ? stepCase(name, Number(number)) : timeCase(name, Number(number), (await measure(scenarioOf(name))).ms)
    expect(await carryOut(one)).toEqual([])
  }, LIMIT_MS)
})

if (again === undefined) describe('Ralph, killed', () => {
  let left = RUNS

  test('at every step of a run', async () => {
    const { steps: count } = await measure(scenarioOf('plain'))
    expect(count).toBeGreaterThan(60)
    left -= count
    expect(await carryOutAll(steps('plain', count))).toEqual([])
  }, LIMIT_MS)

  test('at random times, up to three times a run', async () => {
    const seed = Date.now() % 2 ** 31
    const { ms } = await measure(scenarioOf('evidence'))
    const count = Math.max(40, left)
    console.log(`crash suite: seeds ${seed} to ${seed + count - 1}`)
    const cases = Array.from({ length: count }, (_, index) => timeCase(index % 4 === 0 ? 'plain' : 'evidence', seed + index, ms))
    expect(await carryOutAll(cases)).toEqual([])
  }, LIMIT_MS)
})
