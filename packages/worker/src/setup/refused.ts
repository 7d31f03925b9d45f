import { EgressRefusals } from '@factory/shared'

const ASK_MS = 5000

/**
 * Hosts that the gateway has refused to this run. Package managers say of it "403" or less, and whoever
 * reads the failure needs the host's name. Nothing when the gateway does not say.
 */
export async function refusedHosts(doorUrl: string, runToken: string): Promise<string[]> {
  try {
    const response = await fetch(`${doorUrl}/egress/refused`, { headers: { authorization: `Bearer ${runToken}` }, signal: AbortSignal.timeout(ASK_MS) })
    return EgressRefusals.parse(await response.json()).refused
  } catch {
    return []
  }
}
