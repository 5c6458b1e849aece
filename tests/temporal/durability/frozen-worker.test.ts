import { expect, test } from 'vitest'
import { temporalForTests } from '../../support/temporal-server.ts'
import { DurabilitySite, expectAnswered } from '../support/durability-site.ts'
import { entriesLike, untilEntry } from '../support/ledger.ts'

const source = await temporalForTests()

test.skipIf(source === undefined)(
  'a worker that is frozen until its runs have moved on: after it wakes up it neither acts nor asks the model',
  async () => {
    await using site = await DurabilitySite.open(source)
    const { ledger, taskQueue } = site.place()
    const [frozen, other] = [site.worker('frozen', ledger), site.worker('other', ledger)]
    await Promise.all([frozen.work(taskQueue), other.ready()])
    const started = await site.startMixed(taskQueue, 6)
    await untilEntry(ledger, { at: 'reply', round: 2 })
    frozen.signal('SIGSTOP')
    await other.work(taskQueue)
    const { modelCallsRepeated } = await expectAnswered('frozen', ledger, started)
    for (const repeated of modelCallsRepeated) expect(repeated).toBeLessThanOrEqual(1)
    const before = actions(ledger)
    frozen.signal('SIGCONT')
    await site.untilAwake(frozen, 'frozen', ledger)
    await expectAnswered('awake again', ledger, started)
    expect(actions(ledger)).toEqual(before)
  },
)

// A process that is frozen between the check of its attempt and the start of a call, about a millisecond later, starts that
// call when it wakes up. This test can meet that moment, but hardly does. What holds even then is that no call with side
// effects is executed twice, which expectAnswered checks.

/** Model calls and tools that the frozen worker has begun. */
function actions(ledger: string) {
  const entries = entriesLike(ledger, { worker: 'frozen' })
  return entries.filter(({ at, run }) => (at === 'model' || at === 'effect') && run !== 'frozen is awake')
}
