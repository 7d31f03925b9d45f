import { FactoryError } from '@factory/shared'
import { createClient } from '@factory/orchestrator/client'
import { tokenFile } from '../../connect.ts'
import { CHECK_MS, type Examined } from '../examined.ts'
import { fail, ok, skipped, type Finding } from '../finding.ts'

/** Whether the orchestrator takes our token, and what it says of its own parts. */
export async function checkToken({ config, token, cwd }: Examined): Promise<Finding[]> {
  if (token === null) return [skipped('token', `there is none yet; the first start writes one to ${tokenFile(config, cwd)}`)]
  try {
    const status = await createClient({ baseUrl: config.url, token, timeoutMs: CHECK_MS }).call('status', {})
    return [ok('token', 'is accepted'), ...status.parts.map((part) => (part.ok ? ok(`part ${part.name}`, part.detail) : fail(`part ${part.name}`, part.detail, "See the orchestrator's log")))]
  } catch (error) {
    if (error instanceof FactoryError && error.code === 'unavailable') return [skipped('token', 'the orchestrator is not running')]
    if (error instanceof FactoryError && error.code === 'unauthorized') return [fail('token', 'the orchestrator does not accept it', `FACTORY_TOKEN here and there must be the same (or use the file ${tokenFile(config, cwd)})`)]
    return [fail('token', error instanceof Error ? error.message.slice(0, 200) : String(error), 'Are the orchestrator and this program of the same version?')]
  }
}
