import type { Facts, Pull, Violation } from './facts.ts'

/** The item that a head branch is of, by its name. */
const itemOf = (pull: Pull): number => Number(/^factory\/(\d+)-/.exec(pull.head)?.[1] ?? 0)

/** Nothing twice: one pull request for each completed item, on the commit that was verified, and none for any other. */
export function checkPulls({ items, pulls, effects, runs }: Facts): Violation[] {
  const byItem = Map.groupBy(pulls, itemOf)
  const known = new Set(items.map((item) => item.id))
  const strange = pulls.filter((pull) => !known.has(itemOf(pull))).map((pull): Violation => ({ rule: 'wrong_pull', about: `${pull.repo}#${pull.number}`, detail: `${pull.head} is of no item` }))
  return [
    ...strange,
    ...items.flatMap((item): Violation[] => {
      const about = `item ${item.id}`
      const own = byItem.get(item.id) ?? []
      if (own.length > 1) return [{ rule: 'duplicate_pull', about, detail: own.map((pull) => `${pull.repo}#${pull.number} from ${pull.head}`).join(', ') }]
      const [pull] = own
      if (item.status !== 'completed') return pull ? [{ rule: 'wrong_pull', about, detail: `is ${item.status} and has ${pull.repo}#${pull.number}` }] : []
      if (!pull) return [{ rule: 'lost', about, detail: 'is completed without a pull request' }]
      const wrong = (detail: string): Violation[] => [{ rule: 'wrong_pull', about, detail }]
      if (pull.repo !== item.repo || pull.number !== item['pull_number']) return wrong(`says #${String(item['pull_number'])}, and ${pull.repo}#${pull.number} is open`)
      if (pull.state !== 'open') return wrong(`${pull.repo}#${pull.number} is ${pull.state}`)
      const verified = evidenceHead(item['evidence'])
      if (pull.headSha !== verified) return wrong(`#${pull.number} stands on ${pull.headSha}, verified was ${String(verified)}`)
      if (!runs.some((run) => run.item_id === item.id && run.kind === 'build' && run.status === 'succeeded' && run.head_sha === verified)) return wrong(`no build that succeeded made ${String(verified)}`)
      const effect = effects.filter((one) => one.item_id === item.id)
      return effect.length === 1 && effect[0]?.status === 'done' && effect[0].payload.headSha === verified ? [] : wrong(`its effects: ${JSON.stringify(effect)}`)
    }),
  ]
}

function evidenceHead(evidence: unknown): unknown {
  return typeof evidence === 'object' && evidence !== null && 'headSha' in evidence ? evidence.headSha : null
}
