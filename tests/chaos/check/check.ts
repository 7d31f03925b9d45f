import type { Facts, Violation } from './facts.ts'
import { checkItems } from './items.ts'
import { checkLeft } from './left.ts'
import { checkLimits } from './limits.ts'
import { checkMoves } from './moves.ts'
import { checkOverlap } from './overlap.ts'
import { checkPulls } from './pulls.ts'

/** Everything that must not be, whatever was killed. Empty: nothing lost, nothing twice. */
export function check(facts: Facts): Violation[] {
  return [checkItems, checkPulls, checkMoves, checkLimits, checkOverlap, checkLeft].flatMap((one) => one(facts))
}
