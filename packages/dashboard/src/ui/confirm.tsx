import { Button } from '@mantine/core'
import { lazy, Suspense, useState, type ReactNode } from 'react'

// Its text field is a good part of what a first screen may weigh.
const Dialog = lazy(() => import('./dialog.tsx'))

export type ConfirmProps = {
  /** What the button that opens it says. */
  label: string
  /** Said to assistive technology where the label alone is not enough ("Kill run 7"). */
  accessibleLabel?: string
  title: string
  children: ReactNode
  action: string
  danger?: boolean
  run(reason: string): Promise<unknown>
}

/** A button that asks first, with an optional reason. */
export function Confirm({ label, accessibleLabel, title, children, action, danger = false, run }: ConfirmProps) {
  const [open, setOpen] = useState(false)
  return (
    <>
      <Button size="xs" variant={danger ? 'outline' : 'default'} {...(danger ? { color: 'red' } : {})} onClick={() => setOpen(true)} aria-label={accessibleLabel ?? label}>
        {label}
      </Button>
      {open && (
        <Suspense>
          <Dialog title={title} action={action} danger={danger} run={run} close={() => setOpen(false)}>
            {children}
          </Dialog>
        </Suspense>
      )}
    </>
  )
}
