// The part of the vocabulary that Ralph speaks: without the factory's own schemas it starts with some
// megabytes less, and it knows nothing of them anyway.
export * from './env.ts'
export * from './errors.ts'
export * from './learning.ts'
export * from './pause.ts'
export * from './ralph-events.ts'
export * from './run.ts'
export * from './spec.ts'
export * from './verify-report.ts'
