import { Button, PasswordInput } from '@mantine/core'
import { createClient } from '@factory/orchestrator/client'
import { FactoryError } from '@factory/shared'
import { useState, type SyntheticEvent } from 'react'
import { Notice } from '../../ui/notice.tsx'
import { Problem } from '../../ui/section.tsx'

/** Asks for the token and tries it before it is kept. */
export default function Login({ refused, onToken }: { refused: boolean; onToken(token: string): void }) {
  const [token, setToken] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<Error | null>(null)

  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    const given = token.trim()
    // A header cannot carry anything else; without this the browser's own error would be shown.
    if (!/^[\x21-\x7e]+$/.test(given)) return setError(new FactoryError('bad_request', 'A token has letters, digits and signs, no spaces'))
    setBusy(true)
    setError(null)
    createClient({ baseUrl: location.origin, token: given })
      .call('status', {})
      .then(() => onToken(given))
      .catch((thrown: unknown) => {
        setError(thrown instanceof Error ? thrown : new Error(String(thrown)))
        setBusy(false)
      })
  }
  return (
    <main className="login">
      <h1>
        <img src="/favicon.svg" alt="" width={28} height={28} /> Factory
      </h1>
      {refused && !error && (
        <Notice tone="wait" urgent title="You were signed out">
          The orchestrator no longer accepts the token of this tab.
        </Notice>
      )}
      <form onSubmit={submit}>
        <PasswordInput label="Token" description="FACTORY_TOKEN, or the one printed on the first start (also in .factory/token)" value={token} onChange={(event) => setToken(event.currentTarget.value)} autoFocus autoComplete="current-password" required />
        {error && <LoginProblem error={error} />}
        <Button type="submit" loading={busy} fullWidth>
          Sign in
        </Button>
      </form>
      <p className="quiet">It is kept in this tab only and sent to the orchestrator only.</p>
    </main>
  )
}

function LoginProblem({ error }: { error: Error }) {
  const wrong = error instanceof FactoryError && (error.code === 'unauthorized' || error.code === 'forbidden')
  if (!wrong) return <Problem error={error} />
  return (
    <Notice tone="bad" urgent title="The orchestrator does not accept this token">
      Copy it again: the whole line, without quotes.
    </Notice>
  )
}
