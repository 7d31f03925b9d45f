import { readFileSync } from 'node:fs'
import { readEvents } from '../packages/worker/src/ralph/read.ts'

/** For bench/events.ts: reads a child's output in one way and prints what it took. Usage: reader|bare FILE */
const [kind, file = ''] = process.argv.slice(2)

/** VmRSS in MB, with what is garbage gone. */
function residentMb(): number {
  Bun.gc(true)
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024
}

async function* bare(stream: AsyncIterable<Uint8Array>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield JSON.parse(line)
  }
}

const child = Bun.spawn(['cat', file], { stdout: 'pipe' })
let lines = 0
let measuring = 0
let earlyMb = 0
const began = performance.now()
for await (const _ of kind === 'reader' ? readEvents(child.stdout) : bare(child.stdout)) {
  lines += 1
  if (lines !== 10_000) continue
  const from = performance.now()
  earlyMb = residentMb()
  measuring += performance.now() - from
}
const ms = performance.now() - began - measuring
console.log(JSON.stringify({ lines, ms, earlyMb, lateMb: residentMb() }))
