import { expect, test } from 'vitest'
import { temporalForTests } from '../../support/temporal-server.ts'
import { DurabilitySite, expectAnswered } from '../support/durability-site.ts'
import { entriesLike, untilEntry } from '../support/ledger.ts'

const source = await temporalForTests()

test.skipIf(source === undefined)(
  'a deploy without one of the tools: runs continue where they were, and a call of the missing tool is refused',
  async () => {
    await using site = await DurabilitySite.open(source)
    const { ledger, taskQueue } = site.place()
    const [first, second] = [site.worker('first', ledger), site.worker('second', ledger, { release: 2 })]
    await Promise.all([first.work(taskQueue), second.ready()])
    const started = await site.startMixed(taskQueue, 8)
    await untilEntry(ledger, { at: 'reply', round: 3 })
    expect(await first.terminate()).toBe(0)
    await second.work(taskQueue)
    const { modelCallsRepeated } = await expectAnswered('deploy', ledger, started)
    for (const repeated of modelCallsRepeated) expect(repeated).toBeLessThanOrEqual(1)
    expect(entriesLike(ledger, { at: 'tool-error', worker: 'second', tool: 'put' }).length).toBeGreaterThan(0)
  },
)
