import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { evaluate } from '../../lib/incident/index.ts'
import { minimax } from '../../lib/minimax/minimax.ts'
import { recordModel, replayModel } from '../../lib/testing/index.ts'

/** A small model is enough, for example behind llama.cpp's server: `MINIMAX_BASE_URL=http://127.0.0.1:8080`. */
const hasModel = ['ANTHROPIC_AUTH_TOKEN', 'MINIMAX_BASE_URL', 'ANTHROPIC_BASE_URL'].some(
  (name) => (process.env[name] ?? '').trim() !== '',
)

test.skipIf(!hasModel)('an evaluation of a real model has a score, and its cassette gives the same one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tenrounds-eval-live-'))
  const cassette = join(folder, 'evaluation.jsonl')
  const scenarios = ['concurrency_cap']
  const real = minimax()
  const recorded = await evaluate({ scenarios, subject: { model: recordModel(real, cassette) } })
  await real.close()
  expect(recorded).toMatchObject({ complete: true, total: { runs: 1, provider_errors: 0 } })
  const replayed = await evaluate({ scenarios, subject: { model: replayModel(cassette) } })
  expect(replayed.runs[0]?.score).toEqual(recorded.runs[0]?.score)
  await rm(folder, { recursive: true, force: true })
})
