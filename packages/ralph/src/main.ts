#!/usr/bin/env bun
import { main } from './cli/commands.ts'
import { writeOut } from './events/writer.ts'

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort(signal))

process.exitCode = await main(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  out: writeOut(1),
  err: writeOut(2),
  color: process.stderr.isTTY === true && !process.env.NO_COLOR,
  now: () => new Date(),
  signal: stop.signal,
})
