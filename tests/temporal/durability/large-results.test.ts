import { expect, test } from 'vitest'
import { temporalForTests } from '../../support/temporal-server.ts'
import { DurabilitySite, expectAnswered } from '../support/durability-site.ts'
import { untilEntry } from '../support/ledger.ts'
import type { Plan, PlannedCall } from '../support/planned-run.ts'

const source = await temporalForTests()

test.skipIf(source === undefined)(
  'a run with 16 results of 12 KB in each round is resumed from its last round after a crash',
  async () => {
    await using site = await DurabilitySite.open(source)
    const { ledger, taskQueue } = site.place()
    const [first, second] = [site.worker('first', ledger), site.worker('second', ledger)]
    await Promise.all([first.work(taskQueue), second.ready()])
    const rounds = Array.from({ length: 8 }, (_, round) =>
      Array.from({ length: 16 }, (_, index): PlannedCall => {
        const tool = round % 2 === 0 ? 'read' : 'charge'
        return { tool, what: `${round} ${index}`, kb: 12 }
      }),
    )
    const last: PlannedCall = { tool: 'read', what: 'slow', ms: 500, kills: 1 }
    const plan: Plan = { run: 'large', rounds: [...rounds, [last]], modelMs: 200 }
    const started = [[plan, await site.start(taskQueue, plan)] as const]
    await untilEntry(ledger, { at: 'effect', what: 'slow' })
    await first.exited
    await second.work(taskQueue)
    const { modelCallsRepeated } = await expectAnswered('large results', ledger, started)
    expect(modelCallsRepeated).toEqual([0])
  },
)
