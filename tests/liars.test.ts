import { describeWith, need } from '@factory/rehearsal/testing'
import { expect, setDefaultTimeout, test } from 'bun:test'
import { LIARS } from '../liars/cases.ts'
import { tell } from '../liars/tell.ts'

// Up to six iterations of the real CLI on a machine that may be busy.
setDefaultTimeout(120_000)

describeWith(['claude'], 'a model that lies is caught by the rule that was meant for it', () => {
  test.concurrent.each(LIARS.map((liar) => [liar.name, liar] as const))('%s', async (_name, liar) => {
    const { meant: rule, exitCode } = liar
    expect(await tell(liar, need('claude'))).toMatchObject({ meant: rule, caught: rule, exitCode, ok: true })
  })
})
