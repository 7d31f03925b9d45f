import { lockTableContract } from '../ports/lock-table.contract.ts'
import { createMemoryLocks } from './memory-locks.ts'

lockTableContract('memory', {
  open: createMemoryLocks,
  // It reads the very clock that the suite moves.
  passTime: () => Promise.resolve(),
  clear: () => Promise.resolve(),
})
