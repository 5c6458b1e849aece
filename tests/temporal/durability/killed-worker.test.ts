import type { WorkflowHandle } from '@temporalio/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { temporalForTests } from '../../support/temporal-server.ts'
import { DurabilitySite, expectAnswered } from '../support/durability-site.ts'
import { entriesLike } from '../support/ledger.ts'
import type { Plan, PlannedCall } from '../support/planned-run.ts'

const source = await temporalForTests()
let site: DurabilitySite

describe.skipIf(source === undefined)(
  'a worker that dies between the effect of a tool and the checkpoint with its result',
  () => {
    beforeAll(async () => {
      site = await DurabilitySite.open(source)
    })
    afterAll(async () => {
      await site?.[Symbol.asyncDispose]()
    })

    test('once: read-only and idempotent calls are repeated with the same key and input, any other call is sealed', async () => {
      const { ledger, started } = await dieAt([
        { tool: 'read', what: 'measure', ms: 300, kills: 1 },
        { tool: 'put', what: 'store', ms: 300, kills: 1 },
        { tool: 'charge', what: 'pay', kills: 1 },
      ])
      const { modelCallsRepeated } = await expectAnswered('killed once in each tool', ledger, started)
      expect(modelCallsRepeated).toEqual([0, 0, 0])
      for (const what of ['measure', 'store']) {
        const [first, second, ...more] = entriesLike(ledger, { at: 'effect', what })
        expect([second?.nonce, second?.call_id]).toEqual([first?.nonce, first?.call_id])
        expect(more).toEqual([])
      }
      expect(entriesLike(ledger, { at: 'tool-error' })).toMatchObject([{ tool: 'charge', text: 'outcome_unknown' }])
    })

    test('twice: the call is sealed, although it is read-only, and the run goes on', async () => {
      const { ledger, started } = await dieAt([{ tool: 'read', what: 'measure', ms: 300, kills: 9 }])
      const { modelCallsRepeated } = await expectAnswered('killed by every execution', ledger, started)
      expect(modelCallsRepeated).toEqual([0])
      expect(entriesLike(ledger, { at: 'effect', what: 'measure' })).toHaveLength(2)
      expect(entriesLike(ledger, { at: 'tool-error' })).toHaveLength(1)
    })
  },
)

/** One run for each deadly call, one after the other, with a new worker after each death. */
async function dieAt(deadly: readonly PlannedCall[]) {
  const { ledger, taskQueue } = site.place()
  const deaths = deadly.reduce((sum, { kills = 0 }) => sum + Math.min(kills, 2), 0)
  site.relay(taskQueue, ledger, deaths + 1)
  const started: (readonly [Plan, WorkflowHandle])[] = []
  for (const call of deadly) {
    const before: PlannedCall = { tool: 'charge', what: `${call.what} before` }
    const after: PlannedCall = { tool: 'charge', what: `${call.what} after` }
    const plan: Plan = { run: call.what, rounds: [[before], [call], [after]], modelMs: 50 }
    const handle = await site.start(taskQueue, plan)
    await handle.result()
    started.push([plan, handle])
  }
  return { ledger, started }
}
