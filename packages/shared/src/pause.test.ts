import { expect, test } from 'bun:test'
import { pause } from './pause.ts'

const LONG = 600_000

/** A signal that counts who listens. */
function counted() {
  const controller = new AbortController()
  const { signal } = controller
  let listeners = 0
  const add = signal.addEventListener.bind(signal)
  const remove = signal.removeEventListener.bind(signal)
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++
    add(...args)
  }
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--
    remove(...args)
  }
  return { controller, signal, listeners: () => listeners }
}

test('an abort ends it early, before it began and meanwhile', async () => {
  await pause(LONG, AbortSignal.abort())
  const { controller, signal } = counted()
  const waiting = pause(LONG, signal)
  controller.abort()
  await waiting
  expect(signal.aborted).toBe(true)
})

test('it leaves no listener behind, however it ended', async () => {
  const { controller, signal, listeners } = counted()
  await pause(1, signal)
  expect(listeners()).toBe(0)
  const waiting = pause(LONG, signal)
  expect(listeners()).toBe(1)
  controller.abort()
  await waiting
  expect(listeners()).toBe(0)
})
