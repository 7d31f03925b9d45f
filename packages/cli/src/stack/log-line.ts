import { z } from 'zod'

const PinoLine = z.looseObject({ level: z.number(), time: z.string(), msg: z.string().default('') })
const LEVELS: Record<number, string> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'WARN', 50: 'ERROR', 60: 'FATAL' }
const HIDDEN = new Set(['level', 'time', 'msg', 'service', 'name'])

/** A service's log line for people: `12:00:01 orchestrator info worker started runId=1`. Other text passes as it is. */
export function formatLogLine(service: string, line: string): string {
  const parsed = PinoLine.safeParse(tryJson(line))
  if (!parsed.success) return `${service.padEnd(12)} ${line}`
  const { level, time, msg } = parsed.data
  const fields = Object.entries(parsed.data)
    .filter(([key]) => !HIDDEN.has(key))
    .map(([key, value]) => `${key}=${short(value)}`)
  return `${time.slice(11, 19)} ${service.padEnd(12)} ${(LEVELS[level] ?? String(level)).padEnd(5)} ${msg}${fields.length > 0 ? ` ${fields.join(' ')}` : ''}`
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function short(value: unknown): string {
  const error = z.object({ message: z.string() }).safeParse(value)
  const text = error.success ? error.data.message : typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
