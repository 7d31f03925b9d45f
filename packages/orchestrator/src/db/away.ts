/** Driver and system errors that mean "no server there", and SQLSTATEs of one that is going or coming. */
const AWAY = new Set([
  'CONNECT_TIMEOUT', 'CONNECTION_CLOSED', 'CONNECTION_ENDED', 'CONNECTION_DESTROYED', 'ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'ETIMEDOUT', 'EPIPE', 'EHOSTUNREACH',
  '57P01', '57P02', '57P03', '53300', '08006', '08001', '08003',
])

/** Whether the error says that the store is away rather than that a statement was wrong: trying again can help. */
export function isStoreAway(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && AWAY.has(error.code)
}
