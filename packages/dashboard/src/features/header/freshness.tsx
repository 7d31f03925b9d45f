import type { Connection } from '../../data/live.ts'
import { Icon } from '../../ui/icon.tsx'
import { duration } from '../../ui/time.ts'
import { useNow } from '../../ui/use-now.ts'

/** Says whether what is shown is the present, and if not, how old it is. */
export function Freshness({ connection }: { connection: Connection }) {
  const now = useNow()
  const { tone, icon, words } = describe(connection, now)
  return (
    <span className={`freshness freshness-${tone}`} data-state={connection.state} title={connection.state === 'reconnecting' ? connection.reason : undefined}>
      <Icon name={icon} size={12} />
      <span>{words}</span>
      {/* Announced on change of state only, not each second. */}
      <span className="visually-hidden" role="status">
        {connection.state === 'live' ? 'Connected' : connection.state === 'reconnecting' ? 'Connection lost' : ''}
      </span>
    </span>
  )
}

function describe(connection: Connection, now: number): { tone: 'good' | 'wait'; icon: 'check' | 'clock'; words: string } {
  switch (connection.state) {
    case 'live':
      return { tone: 'good', icon: 'check', words: 'Live' }
    case 'reconnecting':
      return {
        tone: 'wait',
        icon: 'clock',
        words: connection.since === null ? 'Reconnecting' : `Reconnecting · showing data of ${duration((now - connection.since) / 1000)} ago`,
      }
    default:
      return { tone: 'wait', icon: 'clock', words: 'Connecting' }
  }
}
