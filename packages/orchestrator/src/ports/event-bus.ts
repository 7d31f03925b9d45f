/**
 * Tells the parts of the orchestrator that something happened. Hints only: whoever needs certainty
 * reads PostgreSQL, and looks by itself now and then. One contract suite runs against every adapter.
 *
 * An implementation MUST deliver a message to every subscriber of the channel in this process (redis:
 * in every process), in order per publisher, and never let one subscriber's error reach another.
 */
export interface EventBus {
  readonly kind: 'redis' | 'memory'
  /** `message` is JSON data; delivery is best effort. Never throws for want of a connection. */
  publish(channel: string, message: unknown): Promise<void>
  /** Returns the function that ends the subscription. */
  subscribe(channel: string, listener: (message: unknown) => void): Promise<() => Promise<void>>
  ping(): Promise<void>
  close(): Promise<void>
}

/** Channel: "work_events grew". */
export const EVENTS_CHANNEL = 'factory:events'
/** Channel: ProgressMessage of live runs. */
export const PROGRESS_CHANNEL = 'factory:progress'
