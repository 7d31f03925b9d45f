import { createPrivateKey, sign, type KeyObject } from 'node:crypto'

/**
 * A JSON Web Token in the App's name, for five minutes (GitHub Docs, "Generating a JSON Web Token
 * for a GitHub App"); null when the key is not one. Dated a minute back against clocks that differ.
 */
export function appToken(appId: string, pem: string, now: number): string | null {
  const key = readKey(pem.replaceAll('\\n', '\n'))
  if (key === null) return null
  const seconds = Math.floor(now / 1000)
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const body = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ iat: seconds - 60, exp: seconds + 300, iss: appId })}`
  return `${body}.${sign('RSA-SHA256', Buffer.from(body), key).toString('base64url')}`
}

function readKey(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem)
  } catch {
    return null
  }
}
