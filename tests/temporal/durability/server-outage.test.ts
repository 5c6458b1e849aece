import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { temporalForTests } from '../../support/temporal-server.ts'
import { DurabilitySite, expectAnswered } from '../support/durability-site.ts'
import { entriesLike, untilEntry } from '../support/ledger.ts'

const source = await temporalForTests()

/** Longer than the heartbeat timeout, so every attempt is lost. The case of 40 s is for a release. */
const outages = process.env['TENROUNDS_LONG_TESTS'] ? [7_000, 40_000] : [7_000]

test.skipIf(source?.kind !== 'binary').each(outages)(
  'a server that is away for %i ms: every side effect happens exactly once, and every run is answered',
  async (awayMs) => {
    await using site = await DurabilitySite.open(source)
    const { ledger, taskQueue } = site.place()
    await site.worker('w1', ledger).work(taskQueue)
    const started = await site.startMixed(taskQueue, 10)
    await untilEntry(ledger, { at: 'reply', round: 2 })
    await site.interruptServer(() => delay(awayMs))
    const { modelCallsRepeated } = await expectAnswered(`server away ${awayMs} ms`, ledger, started)
    // The reply that nobody could record, and no further one: each round has a side effect, which waits.
    for (const repeated of modelCallsRepeated) expect(repeated).toBeLessThanOrEqual(1)
    // A call that waited for the server when its attempt was lost runs in the next attempt.
    const charges = started.flatMap(([{ rounds }]) => rounds.flat()).filter(({ tool }) => tool === 'charge')
    expect(entriesLike(ledger, { at: 'effect', tool: 'charge' })).toHaveLength(charges.length)
  },
)
