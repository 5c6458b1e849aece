import { expect, test } from 'vitest'
import { temporalForTests } from '../../support/temporal-server.ts'
import { DurabilitySite, expectAnswered } from '../support/durability-site.ts'
import { entriesLike, untilEntry } from '../support/ledger.ts'
import type { Plan } from '../support/planned-run.ts'

const source = await temporalForTests()

test.skipIf(source === undefined)(
  'a tool that blocks its process longer than the heartbeat timeout is run at most twice, and the other runs of its workers are answered',
  async () => {
    await using site = await DurabilitySite.open(source)
    const { ledger, taskQueue } = site.place()
    const [first, second] = [site.worker('first', ledger), site.worker('second', ledger)]
    await Promise.all([first.work(taskQueue), second.ready()])
    const started = await site.startMixed(taskQueue, 4)
    const blocks: Plan = {
      run: 'blocks',
      rounds: [[{ tool: 'read', what: 'block', block_ms: 8_000 }], [{ tool: 'charge', what: 'pay after it' }]],
      modelMs: 100,
    }
    started.push([blocks, await site.start(taskQueue, blocks)])
    await untilEntry(ledger, { at: 'effect', what: 'block' })
    await second.work(taskQueue)
    await expectAnswered('blocked process', ledger, started)
    expect(entriesLike(ledger, { at: 'effect', what: 'block' }).length).toBeLessThanOrEqual(2)
  },
)
