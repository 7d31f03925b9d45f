import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { createClock } from './clock.ts'

test('a wall clock that jumps moves nothing; the database’s time does', () => {
  let [wall, steady] = [1_000_000, 50]
  const clock = createClock(() => wall, () => steady)
  steady += 500
  expect(clock.now().getTime()).toBe(1_000_500)
  wall -= 3_600_000
  expect(clock.now().getTime()).toBe(1_000_500)
  wall += 7_200_000
  steady += 500
  expect(clock.now().getTime()).toBe(1_001_000)
  clock.sync(new Date(5_000_000))
  expect(clock.now().getTime()).toBe(5_000_000)
  steady += 10
  expect(clock.now().getTime()).toBe(5_000_010)
})

test('whatever the wall clock does, time passes as the steady clock says', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: -1e9, max: 1e9 }), fc.nat({ max: 1e6 })), { maxLength: 20 }), (steps) => {
      let [wall, steady] = [1e12, 0]
      const clock = createClock(() => wall, () => steady)
      for (const [jump, passed] of steps) {
        wall += jump
        steady += passed
        expect(clock.now().getTime()).toBe(1e12 + steady)
      }
    }),
  )
})
