#!/usr/bin/env bun
import { main } from './cli/commands.ts'
import { writeOut } from './events/writer.ts'

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort(signal))

const { stdout, stderr } = process
const terminal = stderr.isTTY === true && process.env.TERM !== 'dumb' ? { columns: () => stderr.getWindowSize()[0] } : undefined

process.exitCode = await main(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  out: writeOut(1),
  err: writeOut(2),
  color: terminal !== undefined && !process.env.NO_COLOR,
  terminal,
  eventsOut: !(stdout.isTTY === true && stderr.isTTY === true),
  now: () => new Date(),
  signal: stop.signal,
})
