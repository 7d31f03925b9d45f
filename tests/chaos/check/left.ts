import type { Facts, Violation } from './facts.ts'

/** What a factory that stands still has left lying about. */
export function checkLeft({ left, runs, effects }: Facts): Violation[] {
  const pending = effects.filter((effect) => effect.status === 'pending').map((effect) => `effect of item ${effect.item_id}`)
  const unclean = runs.filter((run) => run.cleaned_at === null).map((run) => `run ${run.id} (${run.status}), not cleaned up after`)
  return Object.entries({ ...left, pending, unclean }).flatMap(([what, names]) => names.map((name): Violation => ({ rule: 'left_behind', about: what, detail: name })))
}
