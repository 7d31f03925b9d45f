import type { Conversation } from './conversation.ts'
import { toRegExp, type Block, type Rule, type Script } from './script.ts'
import { fill } from './template.ts'

/** What the scripts remember between requests. `fired` is by script and rule index. */
export type Memory = { states: string[]; fired: Record<string, { count: number; conversations: string[] }> }

export type Choice = { rule: Rule; name: string; blocks: Block[] }

export function startMemory(scripts: readonly Script[]): Memory {
  return { states: scripts.map((script) => script.state), fired: {} }
}

/** The first rule that matches, filled in, and what is to be remembered after it; null when none matches. */
export function choose(scripts: readonly Script[], memory: Memory, talk: Conversation): { choice: Choice; memory: Memory } | null {
  for (const [scriptIndex, script] of scripts.entries()) {
    for (const [ruleIndex, rule] of script.rules.entries()) {
      const id = `${scriptIndex}.${ruleIndex}`
      const fired = memory.fired[id] ?? { count: 0, conversations: [] }
      const known = fired.conversations.includes(talk.key)
      const blocks = rule.turns ? rule.turns[talk.turn] : (rule.reply ?? [])
      if (!blocks) continue
      // A conversation that `turns` has begun goes on, whatever the state and the count say by then.
      const going = rule.turns !== undefined && known
      if (!going && rule.times !== undefined && fired.count >= rule.times) continue
      if (!going && rule.match.state !== undefined && rule.match.state !== memory.states[scriptIndex]) continue
      const captures = matches(rule, talk)
      if (!captures) continue
      const last = !rule.turns || talk.turn === rule.turns.length - 1
      const states = rule.next !== undefined && last ? memory.states.with(scriptIndex, rule.next) : memory.states
      const counted = going ? fired : { count: fired.count + 1, conversations: rule.turns ? [...fired.conversations, talk.key] : [] }
      return {
        choice: { rule, name: `${script.name}: ${rule.name ?? `rules[${ruleIndex}]`}`, blocks: fill(blocks, { ...captures, cwd: talk.cwd, model: talk.model, turn: String(talk.turn), prompt: talk.prompt, result: talk.result }) },
        memory: { states, fired: { ...memory.fired, [id]: counted } },
      }
    }
  }
  return null
}

/** The captures of `match.prompt` (numbers count within each expression, a later one wins), or null. */
function matches({ match }: Rule, talk: Conversation): Record<string, string> | null {
  if (match.turn !== undefined && match.turn !== talk.turn) return null
  const captures: Record<string, string> = {}
  for (const text of match.prompt ?? []) {
    const found = find(text, talk.prompt)
    if (!found) return null
    for (const [index, value] of found.slice(1).entries()) captures[String(index + 1)] = value ?? ''
    for (const [name, value] of Object.entries(found.groups ?? {})) captures[name] = value ?? ''
  }
  if (match.not?.some((text) => find(text, talk.prompt))) return null
  const all = (texts: readonly string[] | undefined, where: string) => (texts ?? []).every((text) => find(text, where))
  return all(match.system, talk.system) && all(match.model, talk.model) && all(match.result, talk.result) ? captures : null
}

function find(text: string, where: string): RegExpExecArray | null {
  const expression = toRegExp(text)
  return expression instanceof Error ? null : expression.exec(where)
}
