import { LEASE_SECONDS, type Variant } from './plan.ts'
import type { ChaosOptions } from './run/chaos.ts'

/** Made by scripts/setup.sh --tests: PostgreSQL 17 with pgvector. */
const POSTGRES_IMAGE = 'factory-postgres:17'

/** A run as the command and the tests start it. One that lacks something is small, and so more goes wrong in it per item. */
export function chaosOptions({ items, seed, variant }: { items: number; seed: number; variant: Variant }): ChaosOptions {
  return {
    items,
    seed,
    variant,
    density: variant === 'whole' ? 1 : 3,
    postgresImage: POSTGRES_IMAGE,
    workerImage: null,
    leaseSeconds: LEASE_SECONDS,
    limitMs: 120_000 + items * 1000,
    say: () => {},
  }
}
