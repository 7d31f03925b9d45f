import { asFields, asNumber, asText, type Fields } from './read.ts'

export type LightAssignment = {
  runId: number
  kind: string
  attempt: number
  token: number
  itemId: number
  title: string
  spec: string | null
  repo: string
  pushRef: string
  resume: { sha: string; baseSha: string } | null
  heartbeatSeconds: number
}

export function readAssignment(answer: Fields): LightAssignment {
  const run = asFields(answer['run'])
  const item = asFields(answer['item'])
  const resume = answer['resume'] === null ? null : asFields(answer['resume'])
  return {
    runId: asNumber(run['id']),
    kind: asText(run['kind']),
    attempt: asNumber(run['attempt']),
    token: asNumber(run['token']),
    itemId: asNumber(item['id']),
    title: asText(item['title']),
    spec: item['spec'] === null ? null : asText(item['spec']),
    repo: asText(answer['repo']),
    pushRef: asText(answer['pushRef']),
    resume: resume === null ? null : { sha: asText(resume['sha']), baseSha: asText(resume['baseSha']) },
    heartbeatSeconds: asNumber(answer['heartbeatSeconds']),
  }
}
