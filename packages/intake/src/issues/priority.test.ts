import { expect, test } from 'bun:test'
import { isAllowed } from './allow.ts'
import { priorityOf } from './priority.ts'

test.each([
  [['priority:high'], {}, 'high'],
  [['Priority: Critical'], {}, 'critical'],
  [['priority/low'], {}, 'low'],
  [['P0'], {}, 'critical'],
  [['p3', 'P1'], {}, 'high'],
  [['bug', 'p10', 'priority:urgent'], {}, null],
  [[], {}, null],
  [['bug', 'chore'], { Bug: 'high', chore: 'low' }, 'high'],
  [['P0'], { p0: 'low' }, 'low'],
] as const)('priorityOf(%j, %j) is %p', (labels, rules, expected) => expect(priorityOf(labels, rules)).toBe(expected))

const usual = ['OWNER', 'MEMBER', 'COLLABORATOR']
test.each([
  [{ login: 'ada', association: 'OWNER' }, usual, true],
  [{ login: 'ada', association: 'NONE' }, usual, false],
  [{ login: 'ada', association: 'CONTRIBUTOR' }, usual, false],
  [{ login: 'Ada', association: 'NONE' }, [...usual, 'ada'], true],
  [{ login: 'OWNER', association: 'NONE' }, usual, false],
  [{ login: 'helper[bot]', association: 'COLLABORATOR' }, usual, false],
  [{ login: 'helper[bot]', association: 'NONE' }, ['helper[bot]'], true],
  [{ login: 'anyone', association: 'NONE' }, ['*'], true],
] as const)('isAllowed(%j, %j) is %p', (author, list, expected) => expect(isAllowed(author, list)).toBe(expected))
