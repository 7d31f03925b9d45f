import type { WorkerRuntime, WorkerSpec, WorkerState } from '../ports/worker-runtime.ts'

export type FakeRuntime = WorkerRuntime & {
  /** What was started, in order. */
  started: WorkerSpec[]
  /** Every call that changed something: "start x", "stop x", "remove x". */
  calls: string[]
  /** Ends a worker as if by itself. */
  exit(name: string, code: number): void
  /** What `readLog` gives; a worker that nothing was written for said its last words. */
  write(name: string, text: string): void
  /** While set, every call fails with it. */
  fault: Error | null
}

/** Workers that do nothing: for tests of those who call a runtime. */
export function fakeRuntime(): FakeRuntime {
  const workers = new Map<string, WorkerState>()
  const written = new Map<string, string>()
  const fake: FakeRuntime = {
    kind: 'process',
    isolation: 'none: nothing is run',
    started: [],
    calls: [],
    fault: null,
    prepare: async () => {},
    async start(spec) {
      answer()
      const there = workers.get(spec.name)
      if (there) return there
      fake.started.push(spec)
      fake.calls.push(`start ${spec.name}`)
      const state: WorkerState = { name: spec.name, runId: spec.runId, status: 'running', exitCode: null, outOfMemory: false }
      workers.set(spec.name, state)
      return state
    },
    async list() {
      answer()
      return [...workers.values()]
    },
    async stop(name) {
      answer()
      const there = workers.get(name)
      if (there?.status === 'running') {
        fake.calls.push(`stop ${name}`)
        workers.set(name, { ...there, status: 'exited', exitCode: 143 })
      }
    },
    async remove(name) {
      answer()
      if (workers.delete(name)) fake.calls.push(`remove ${name}`)
    },
    tail: async (name) => `last words of ${name}`,
    async readLog(name, from, maxBytes) {
      answer()
      if (!workers.has(name)) return null
      const start = Number(from ?? 0)
      const text = (written.get(name) ?? `last words of ${name}\n`).slice(start, start + maxBytes)
      return { text, position: String(start + text.length) }
    },
    async sweep() {
      answer()
      return []
    },
    write(name, text) {
      written.set(name, (written.get(name) ?? '') + text)
    },
    async ping() {
      answer()
    },
    close: async () => {},
    exit(name, code) {
      const there = workers.get(name)
      if (there) workers.set(name, { ...there, status: 'exited', exitCode: code })
    },
  }
  function answer() {
    if (fake.fault) throw fake.fault
  }
  return fake
}
