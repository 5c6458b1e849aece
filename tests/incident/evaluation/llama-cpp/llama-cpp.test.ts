import { expect, test } from 'vitest'
import type { Model } from '../../../../lib/loop/model.ts'
import { minimaxTextFormat } from '../../../../lib/minimax/markup/text-format.ts'
import { readCassette, replay } from '../../../../lib/testing/cassette/cassette-file.ts'
import { cassette, evaluateSmallModel } from './small-model.ts'

test('a small model of llama.cpp has the recorded score', async () => {
  const { settings, complete, total, runs } = await evaluateSmallModel(inOrder(cassette))
  expect({ arm: settings.arm, complete }).toEqual({ arm: 'llama.cpp', complete: true })
  expect(total).toMatchObject({ runs: 1, passed: 0, provider_errors: 0, score: { value: 0 }, unneeded_changes: 0 })
  expect(runs[0]?.result).toMatchObject({ stop_reason: 'rounds', rounds: 5, usage: { output_tokens: 3002 } })
})

test('a replay of the small model gives the same evaluation each time', async () => {
  const results = await Promise.all([evaluateSmallModel(inOrder(cassette)), evaluateSmallModel(inOrder(cassette))])
  const [first, second] = results.map(({ runs }) =>
    runs.map(({ result, ...run }) => ({ ...run, ...result, duration_ms: 0 })),
  )
  expect(first).toEqual(second)
})

/**
 * Replays a cassette in its order, whatever is asked. A recording needs the model, so a change to a prompt or to the
 * description of a tool must not make it useless.
 */
function inOrder(file: string): Model {
  const entries = readCassette(file)
  const { name, provider } = entries[0]?.model ?? { name: '', provider: '' }
  let next = 0
  return {
    name,
    provider,
    textFormat: minimaxTextFormat,
    async complete() {
      const entry = entries[next++]
      if (entry === undefined)
        throw new Error(`The run asked for more than ${entries.length} replies. Record it again.`)
      return replay(entry)
    },
  }
}
