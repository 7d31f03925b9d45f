import { expect, test } from 'bun:test'
import { unique, until, type RuntimeKit } from './worker-runtime.fixture.ts'
import type { WorkerRuntime } from './worker-runtime.ts'

/** The part of the contract suite about the output of workers. */
export function logContract({ spec, open, exited }: RuntimeKit): void {
  /** Reads on from `from` with these limits in turn until nothing is new and `done` holds. */
  async function readOn(look: () => WorkerRuntime, wanted: string, limits: readonly number[], done: (text: string) => boolean, from: string | null = null): Promise<{ pieces: string[]; position: string | null }> {
    const pieces: string[] = []
    let position = from
    await until(`the output of ${wanted}`, async () => {
      const piece = await look().readLog(wanted, position, limits[pieces.length % limits.length] ?? 1)
      if (!piece) throw new Error(`${wanted} is not known`)
      if (piece.text === '') return done(pieces.join(''))
      pieces.push(piece.text)
      position = piece.position
      return false
    })
    return { pieces, position }
  }

  test('any split of readings gives the whole output once and in order, by any adapter, while the worker lives and after', async () => {
    const instance = unique()
    const lines = 'i=0; while [ $i -lt 60 ]; do printf "%03d äöü € 🙂 " $i; printf "%s\\n" end; i=$((i+1)); done'
    const runtime = open(`${lines}; until [ -e $HOME/go ] || [ -e /tmp/go ]; do sleep 0.05; done`, instance)
    const wanted = spec()
    await runtime.start(wanted)
    const whole = Array.from({ length: 60 }, (_, index) => `${String(index).padStart(3, '0')} äöü € 🙂 end\n`).join('')
    const first = await readOn(() => runtime, wanted.name, [1, 7, 64, 5], (text) => text === whole)
    expect(first.pieces.join('')).toBe(whole)
    for (const limits of [[1000, 1], [100_000]]) {
      // A restarted process has another adapter.
      const { pieces, position } = await readOn(() => open('exit 0', instance), wanted.name, limits, (text) => text.length >= whole.length)
      expect(pieces.join('')).toBe(whole)
      expect(position).toBe(first.position)
    }
    await runtime.stop(wanted.name, { graceSeconds: 0 })
    expect((await readOn(() => runtime, wanted.name, [23], (text) => text.length >= whole.length)).pieces.join('')).toBe(whole)
    expect(await runtime.readLog(wanted.name, first.position, 100)).toEqual({ text: '', position: first.position ?? '' })
    await runtime.remove(wanted.name)
    expect(await runtime.readLog(wanted.name, first.position, 100)).toBeNull()
  }, 60_000)

  test('readings while it is written lose nothing and double nothing, on both streams and across adapters', async () => {
    const instance = unique()
    const runtime = open('i=0; while [ $i -lt 3000 ]; do echo "out $i"; echo "err $i" >&2; i=$((i+1)); done', instance)
    const wanted = spec()
    await runtime.start(wanted)
    let other = runtime
    const { pieces } = await readOn(() => (other = other === runtime ? open('exit 0', instance) : runtime), wanted.name, [4096, 100_000, 333], (text) => text.includes('out 2999\n') && text.includes('err 2999\n'))
    const said = pieces.join('').split('\n')
    for (const stream of ['out', 'err']) expect(said.filter((line) => line.startsWith(stream))).toEqual(Array.from({ length: 3000 }, (_, index) => `${stream} ${index}`))
  }, 60_000)

  test('a line that is still being written waits until it is whole or the worker has ended', async () => {
    const runtime = open('echo whole; printf "half a"; while :; do sleep 0.05; done')
    const wanted = spec()
    await runtime.start(wanted)
    const first = await readOn(() => runtime, wanted.name, [1000], (text) => text.includes('whole'))
    expect(first.pieces.join('')).toBe('whole\n')
    await runtime.stop(wanted.name, { graceSeconds: 0 })
    expect((await readOn(() => runtime, wanted.name, [1000], (text) => text !== '', first.position)).pieces.join('')).toBe('half a')
  })

  // Of ASCII: an engine may break other characters where it cuts a line by itself, and then they are lost before we read.
  test('a line longer than any buffer is read whole', async () => {
    const runtime = open('i=0; while [ $i -lt 20000 ]; do printf "+%d" $i; i=$((i+1)); done; echo; echo after')
    const wanted = spec()
    await runtime.start(wanted)
    const { pieces } = await readOn(() => runtime, wanted.name, [7000, 50_000], (text) => text.endsWith('after\n'))
    expect(pieces.join('')).toBe(`${Array.from({ length: 20_000 }, (_, index) => `+${index}`).join('')}\nafter\n`)
  }, 60_000)

  test('a worker that nobody knows has no log; one that said nothing has an empty one', async () => {
    const runtime = open('exit 0')
    expect(await runtime.readLog('never-was', null, 100)).toBeNull()
    expect(await runtime.readLog('../escape', null, 100)).toBeNull()
    const wanted = spec()
    await runtime.start(wanted)
    await exited(runtime, wanted.name)
    const piece = await runtime.readLog(wanted.name, null, 100)
    expect(piece?.text).toBe('')
    expect((await runtime.readLog(wanted.name, piece?.position ?? null, 100))?.text).toBe('')
  })
}
