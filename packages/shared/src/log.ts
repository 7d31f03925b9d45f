import pino from 'pino'

export type Logger = pino.Logger

/** Field names whose values never reach a log line, at the top or one and two levels down. */
const SECRET_FIELDS = ['token', 'secret', 'password', 'authorization', 'apiKey', 'privateKey', 'cookie', 'runToken', 'factoryToken', 'githubToken']
const paths = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`, `headers["x-api-key"]`])

/** Token shapes that could stand inside a message or an error text. */
const SECRET_TEXT = /\b(gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|sk-[A-Za-z0-9_-]{16,}|fct_[A-Za-z0-9_-]{16,}|frt_[0-9]+_[A-Za-z0-9_-]{16,})\b|(:\/\/[^/\s:@]*:)[^@\s/]+@/g

/** Replaces what looks like a credential. Also for texts that we show or post. */
export function redactText(text: string): string {
  return text.replace(SECRET_TEXT, (_all, token: string | undefined, url: string | undefined) => (token ? '[redacted]' : `${url ?? ''}[redacted]@`))
}

/** JSON lines on stderr (stdout belongs to programs' answers); `LOG_LEVEL` as pino names levels. */
export function createLogger(service: string, level: string = 'info', destination: pino.DestinationStream = pino.destination({ fd: 2, sync: true })): Logger {
  return pino(
    {
      name: service,
      level,
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: [...new Set(paths)], censor: '[redacted]' },
      serializers: { err: (error: unknown) => redactError(error) },
      hooks: {
        logMethod(args, method) {
          const clean = args.map((arg: unknown) => (typeof arg === 'string' ? redactText(arg) : arg))
          method.apply(this, clean as Parameters<typeof method>)
        },
      },
    },
    destination,
  )
}

function redactError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  return { type: error.name, message: redactText(error.message), stack: error.stack ? redactText(error.stack) : undefined, cause: error.cause ? redactError(error.cause) : undefined }
}
