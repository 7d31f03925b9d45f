import type { Assignment, FactoryYml, WorkEnvironment } from '@factory/shared'
import type { Detected } from './detect.ts'

export type Limits = Assignment['limits']
export type Chosen = { environment: WorkEnvironment; limits: Limits; model: string }

/**
 * What a run uses: `.factory.yml` word for word where it says something, detection where it does
 * not; the spec's own checks are run besides the repository's, never instead of them, and unlike
 * those they have to succeed even if they failed before. A repository's limits can only lower the factory's.
 */
export function choose(given: { yml: FactoryYml | null; detected: Detected; specVerify: readonly string[]; limits: Limits; model: string }): Chosen {
  const { yml, detected, specVerify, limits } = given
  const setup = yml?.setup ?? detected.setup
  const own = yml?.verify ?? detected.verify
  const extra = specVerify.filter((command) => !own.includes(command))
  const says = yml?.setup !== undefined || yml?.verify !== undefined
  const notes = [
    ...(yml?.setup ? ['.factory.yml: setup'] : []),
    ...(yml?.verify ? ['.factory.yml: verify'] : []),
    ...(yml?.setup && yml.verify ? [] : detected.notes),
    ...extra.map((command) => `spec: ${command}`),
  ]
  const source = says ? 'factory_yml' : detected.setup.length + detected.verify.length > 0 ? 'detected' : extra.length > 0 ? 'spec' : 'none'
  return {
    environment: { source, image: yml?.image ?? null, setup, verify: [...own], ...(extra.length > 0 ? { required: extra } : {}), notes },
    limits: lower(limits, yml?.limits),
    model: yml?.model ?? given.model,
  }
}

function lower(limits: Limits, own: FactoryYml['limits']): Limits {
  const least = (factory: number, repository: number | undefined) => Math.min(factory, repository ?? factory)
  return {
    maxIterations: least(limits.maxIterations, own?.iterations),
    maxCostUsd: least(limits.maxCostUsd, own?.cost_usd),
    maxMinutes: least(limits.maxMinutes, own?.minutes),
    iterationMinutes: least(limits.iterationMinutes, own?.iteration_minutes),
    setupMinutes: least(limits.setupMinutes, own?.setup_minutes),
    verifyMinutes: least(limits.verifyMinutes, own?.verify_minutes),
  }
}
