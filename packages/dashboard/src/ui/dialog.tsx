import { Button, TextInput } from '@mantine/core'
import { useEffect, useId, useRef, useState, type ReactNode, type SyntheticEvent } from 'react'
import { Problem } from './section.tsx'

export type DialogProps = { title: string; action: string; danger: boolean; run(reason: string): Promise<unknown>; close(): void; children: ReactNode }

/** Asks before something is done. A native dialog: focus is kept in it and given back. */
export default function Dialog({ title, action, danger, run, close, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null)
  const [reason, setReason] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<Error | null>(null)
  const heading = useId()
  useEffect(() => element.current?.showModal(), [])

  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    setBusy(true)
    setError(null)
    run(reason.trim())
      // By the element itself, so that the focus goes back to the button that opened it.
      .then(() => element.current?.close())
      .catch((thrown: unknown) => {
        setError(thrown instanceof Error ? thrown : new Error(String(thrown)))
        setBusy(false)
      })
  }
  return (
    <dialog ref={element} className="dialog" aria-labelledby={heading} onClose={close}>
      <form onSubmit={submit}>
        <h2 id={heading}>{title}</h2>
        <div className="dialog-text">{children}</div>
        <TextInput label="Reason (optional, is recorded)" value={reason} maxLength={500} onChange={(event) => setReason(event.currentTarget.value)} />
        {error && <Problem error={error} />}
        <div className="dialog-buttons">
          <Button variant="default" onClick={() => element.current?.close()}>
            Leave it
          </Button>
          <Button type="submit" loading={busy} {...(danger ? { color: 'red' } : {})}>
            {action}
          </Button>
        </div>
      </form>
    </dialog>
  )
}
