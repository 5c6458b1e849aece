import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { temporalForTests } from '../../support/temporal-server.ts'
import { DurabilitySite, expectAnswered } from '../support/durability-site.ts'
import { entriesLike, readLedger, untilEntry } from '../support/ledger.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'

const source = await temporalForTests()
let site: DurabilitySite

describe.skipIf(source === undefined).concurrent('a worker that loses the server while another worker has it', () => {
  beforeAll(async () => {
    site = await DurabilitySite.open(source)
  })
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]()
  })

  test.each(['swallow', 'deafen', 'reset'] as const)(
    '%s: the runs move to the other worker, no side effect happens twice, and the lost attempts do nothing more',
    async (fault) => {
      const { ledger, taskQueue } = site.place()
      await using proxy = await tcpProxy(site.address)
      const [lost, other] = [site.worker('lost', ledger, { address: proxy.address }), site.worker('other', ledger)]
      await lost.work(taskQueue)
      const started = await site.startMixed(taskQueue, 6)
      await untilEntry(ledger, { at: 'reply', round: 2 })
      proxy[fault]()
      await other.work(taskQueue)
      const { modelCallsRepeated } = await expectAnswered(`connection: ${fault}`, ledger, started)
      proxy.heal()
      await site.untilAwake(lost, 'lost', ledger)
      // Once more, with everything that the lost attempts did after the connection was back.
      await expectAnswered(`connection: ${fault}, healed`, ledger, started)
      for (const repeated of modelCallsRepeated) expect(repeated).toBeLessThanOrEqual(1)
      for (const [{ run }] of started) expect(actionsAfterTakeover(ledger, run)).toEqual([])
      expect(entriesLike(ledger, { worker: 'other', at: 'attempt' }).length).toBeGreaterThan(0)
    },
  )
})

/** Model calls and tools that the lost worker began after the other worker had begun its attempt. */
function actionsAfterTakeover(ledger: string, run: string) {
  const entries = readLedger(ledger).filter((entry) => entry.run === run)
  const takeover = entries.findIndex(({ at, worker }) => at === 'attempt' && worker === 'other')
  if (takeover < 0) return []
  return entries.slice(takeover).filter(({ at, worker }) => worker === 'lost' && (at === 'model' || at === 'effect'))
}
