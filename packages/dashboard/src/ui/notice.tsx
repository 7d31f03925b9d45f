import type { ReactNode } from 'react'
import { Icon, type IconName } from './icon.tsx'

const ICON = { bad: 'cross', wait: 'hand', info: 'clock' } as const satisfies Record<string, IconName>

/** Something to know before the rest. `urgent` ones are announced when they appear. */
export function Notice({ tone, title, urgent = false, children }: { tone: keyof typeof ICON; title: string; urgent?: boolean; children: ReactNode }) {
  return (
    <div className={`notice notice-${tone}`} {...(urgent ? { role: 'alert' } : {})}>
      <p className="notice-title">
        <Icon name={ICON[tone]} /> {title}
      </p>
      {children}
    </div>
  )
}
