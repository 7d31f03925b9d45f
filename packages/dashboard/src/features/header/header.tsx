import { Button, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { useFactory } from '../../data/factory.tsx'
import { Icon } from '../../ui/icon.tsx'
import { follow } from '../../ui/route.ts'
import { Freshness } from './freshness.tsx'

export function Header() {
  const { connection, signOut } = useFactory()
  const scheme = useComputedColorScheme('light')
  const { setColorScheme } = useMantineColorScheme()
  const other = scheme === 'dark' ? 'light' : 'dark'
  return (
    <header className="header">
      <a className="skip" href="#main">
        Skip to content
      </a>
      <a className="brand" href="/" onClick={follow}>
        <img src="/favicon.svg" alt="" width={22} height={22} /> Factory
      </a>
      <Freshness connection={connection} />
      <span className="header-buttons">
        <Button variant="default" size="xs" px={8} aria-label={`Change to ${other} colours`} title={`Change to ${other} colours`} onClick={() => setColorScheme(other)}>
          <Icon name={scheme === 'dark' ? 'sun' : 'moon'} />
        </Button>
        <Button variant="default" size="xs" px={8} aria-label="Sign out" title="Sign out" onClick={signOut}>
          <Icon name="out" />
        </Button>
      </span>
    </header>
  )
}
