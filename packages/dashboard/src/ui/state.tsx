import { Badge } from '@mantine/core'
import { Icon } from './icon.tsx'
import type { Look } from './words.ts'

export function State({ look }: { look: Look }) {
  return (
    <Badge className={`state state-${look.color}`} variant="light" color={look.color} leftSection={<Icon name={look.icon} size={12} />}>
      {look.word}
    </Badge>
  )
}
