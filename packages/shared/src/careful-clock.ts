/** Milliseconds. `mono`: stands still while the machine sleeps, runs on while a process is stopped. `wall`: may jump either way. */
export type Clocks = { mono: () => number; wall: () => number }

export const machineClocks: Clocks = { mono: () => performance.now(), wall: () => Date.now() }

/**
 * Milliseconds since it was made, never behind either clock's steps: between two readings it advances by
 * the larger step of the two. So a lease that is measured by it is never thought younger than it is: not
 * after the machine slept (only the wall clock saw that), not after the wall clock was put back. A wall
 * clock that is put forward makes it look older, which costs one renewal.
 */
export function carefulClock(clocks: Clocks): () => number {
  let mono = clocks.mono()
  let wall = clocks.wall()
  let at = 0
  return () => {
    const [nextMono, nextWall] = [clocks.mono(), clocks.wall()]
    at += Math.max(0, nextMono - mono, nextWall - wall)
    mono = nextMono
    wall = nextWall
    return at
  }
}
