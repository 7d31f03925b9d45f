import { describe, expect, test } from 'bun:test'
import { workerState } from './state.ts'

const inspected = (Status: string, ExitCode: number, more: Record<string, unknown> = {}, labels: Record<string, string> = {}) => ({
  State: { Status, ExitCode, OOMKilled: false, ...more },
  Config: { Labels: { 'factory.instance': 'f', 'factory.worker': 'w1', 'factory.run': '7', ...labels } },
})

describe('what the engine says of a container', () => {
  test.each([
    ['running', inspected('running', 0), { status: 'running', exitCode: null }],
    ['frozen is alive', inspected('paused', 0), { status: 'running', exitCode: null }],
    ['made and not begun', inspected('created', 0), { status: 'created', exitCode: null }],
    ['ended', inspected('exited', 3), { status: 'exited', exitCode: 3 }],
    ['an engine that was started anew found it gone', inspected('exited', 255), { status: 'exited', exitCode: 255 }],
    ['killed as the engine went down', inspected('exited', 137), { status: 'exited', exitCode: 137 }],
    ['could not be removed', inspected('dead', 137), { status: 'exited', exitCode: 137 }],
    ['killed for memory', inspected('exited', 137, { OOMKilled: true }), { status: 'exited', exitCode: 137, outOfMemory: true }],
  ])('%s', (_what, given, wanted) => {
    expect(workerState(given, 'f')).toMatchObject({ name: 'w1', runId: 7, outOfMemory: false, ...wanted })
  })

  test('strangers are none of ours', () => {
    expect(workerState(inspected('running', 0), 'g')).toBeNull()
    expect(workerState(inspected('running', 0, {}, { 'factory.run': 'x' }), 'f')).toBeNull()
    expect(workerState({ State: { Status: 'running', ExitCode: 0, OOMKilled: false }, Config: {} }, 'f')).toBeNull()
  })
})
