import { afterAll, beforeAll, expect, test } from 'bun:test'
import { describeWith } from '@factory/rehearsal/testing'
import { DEMO_REPO } from '../../packages/cli/src/demo/rehearse.ts'
import { startFactory, waitFor, type Factory } from './factory.ts'

const START = 120_000

let factory: Factory
const labels = (number: number) => factory.forge.issue(DEMO_REPO, number).labels.map((label) => label.name)
const comment = (number: number) => factory.forge.comments(DEMO_REPO, number)[0]?.body ?? ''
const untilLabels = (number: number, wanted: string) => waitFor(() => labels(number).join() === wanted, () => `the labels to be "${wanted}"; they are "${labels(number).join()}"`)

// Nothing starts on a day without iterations, so that what people do meanwhile can be looked at.
describeWith(['claude'], 'while an item waits for its start, intake and orchestrator together', () => {
  beforeAll(async () => {
    factory = await startFactory({ settings: { WORKER_RUNTIME: 'process', DATABASE_URL: '', REDIS_URL: '', DAILY_BUDGET: '0' } })
  }, START)
  afterAll(() => factory.stop(), START)

  test('the issue says why it waits; an edit changes the spec; one item and one comment all along', async () => {
    const { number } = factory.forge.openIssue(DEMO_REPO, 'you', { title: 'Wait', body: '- [ ] the first words', labels: ['ai-factory'] })
    const { id } = await factory.itemOf(DEMO_REPO, number)
    await factory.until(id, 'waiting for tomorrow', (item) => item.waiting?.code === 'daily_budget')
    await untilLabels(number, 'ai-factory:working')
    await waitFor(() => /budget|iterations/i.test(comment(number)), () => `a comment with the reason; it says: ${comment(number)}`)

    factory.forge.editIssue(DEMO_REPO, number, 'you', { title: 'Wait, but better', body: '- [ ] the second words\n- [ ] and more' })
    const edited = await factory.until(id, 'edited', (item) => item.spec?.includes('the second words') === true)
    expect(edited).toMatchObject({ title: 'Wait, but better', status: 'queued', attempts: 0 })
    expect(edited.spec).not.toContain('the first words')
    factory.forge.label(DEMO_REPO, number, 'you', 'ai-factory')
    await waitFor(() => !labels(number).includes('ai-factory'), () => 'the trigger to be taken off again')
    const { items } = await factory.client.call('listWork', { query: { source: 'github' } })
    expect(items.map((item) => item.sourceId)).toEqual([`${DEMO_REPO}#${number}`])
    expect(factory.forge.comments(DEMO_REPO, number)).toHaveLength(1)
  }, START)

  test('a label taken off cancels, and put back takes the same item up again', async () => {
    const { number } = factory.forge.openIssue(DEMO_REPO, 'you', { title: 'Not now', body: '- [ ] something', labels: ['ai-factory'] })
    const { id } = await factory.itemOf(DEMO_REPO, number)
    await untilLabels(number, 'ai-factory:working')
    factory.forge.unlabel(DEMO_REPO, number, 'you', 'ai-factory:working')
    await factory.untilStatus(id, 'cancelled')
    await waitFor(() => comment(number).includes('stopped working on this issue'), () => `a comment that says so; it says: ${comment(number)}`)
    factory.forge.label(DEMO_REPO, number, 'you', 'ai-factory')
    await factory.untilStatus(id, 'queued')
    await untilLabels(number, 'ai-factory:working')
    expect((await factory.itemOf(DEMO_REPO, number)).id).toBe(id)
  }, START)
})
