import { z } from 'zod'

/** The environment does not describe a configuration. `problems` has one line per variable. */
export class ConfigError extends Error {
  readonly problems: string[]

  constructor(problems: string[]) {
    super(`The configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${problems.map((line) => `  - ${line}`).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** A secret's value must not be repeated in a message. */
const SECRET = /TOKEN|KEY|SECRET|PASSWORD|DATABASE_URL|REDIS_URL/

/**
 * Parses environment variables by a zod object. An empty variable counts as not set (that is what
 * `.env` files mean by `X=`). Each problem names the variable, what stands there and how to mend it;
 * give every field a `.describe('…')` that says what is right.
 * @throws ConfigError
 */
export function parseEnv<Shape extends z.ZodRawShape>(schema: z.ZodObject<Shape>, env: Record<string, string | undefined>): z.infer<z.ZodObject<Shape>> {
  const given: Record<string, string> = {}
  for (const name of Object.keys(schema.shape)) {
    const value = env[name]
    if (value !== undefined && value.trim() !== '') given[name] = value.trim()
  }
  const parsed = schema.safeParse(given)
  if (parsed.success) return parsed.data
  const problems = new Map<string, string>()
  for (const issue of parsed.error.issues) {
    const name = String(issue.path[0] ?? '(environment)')
    if (problems.has(name)) continue
    const field: unknown = schema.shape[name]
    const fix = field instanceof z.ZodType ? field.description : undefined
    const value = given[name]
    const seen = value === undefined ? 'is not set' : SECRET.test(name) ? `has a value of ${value.length} characters that is not usable` : `is ${JSON.stringify(value.slice(0, 100))}`
    // what zod says of a value that is not there helps nobody
    const wrong = value === undefined ? '' : `: ${issue.message}`
    problems.set(name, `${name} ${seen}${wrong}.${fix ? ` Set it to ${fix}.` : ''}`)
  }
  throw new ConfigError([...problems.values()])
}

/** Whole number in a range, from text. */
export const envInt = (min: number, max: number, fallback: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be between ${min} and ${max}`)
    .default(fallback)
    .describe(`a whole number from ${min} to ${max}`)

export const envNumber = (min: number, max: number, fallback: number) =>
  z
    .string()
    .regex(/^\d+(\.\d+)?$/, 'must be a number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be between ${min} and ${max}`)
    .default(fallback)
    .describe(`a number from ${min} to ${max}`)

export const envBool = (fallback: boolean) =>
  z
    .enum(['true', 'false', '1', '0'], 'must be true or false')
    .transform((value) => value === 'true' || value === '1')
    .default(fallback)
    .describe('true or false')

export const envUrl = (example: string, protocols = /^https?$/) => z.url({ protocol: protocols, error: 'must be a URL' }).describe(`a URL such as ${example}`)

/** Comma-separated, spaces allowed, empty parts dropped. */
export const envList = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()).filter(Boolean))
  .describe('values separated by commas')
