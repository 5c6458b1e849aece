import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { LoopEvent } from '../../lib/loop/events.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { type MinimaxModel, minimax } from '../../lib/minimax/minimax.ts'
import type { MinimaxOptions } from '../../lib/minimax/options.ts'
import { recordModel, replayModel } from '../../lib/testing/index.ts'
import { redactDeep } from '../../router/text/redact.ts'
import { getWeather, weatherAnswer } from '../support/weather.ts'

/**
 * Tests against the real endpoint, with the environment of an application. They cost a few thousand tokens. The replies
 * are recorded to `cassettes/`, which git ignores, and replayed without the endpoint.
 */
const isLive = (process.env['ANTHROPIC_AUTH_TOKEN'] ?? '').trim() !== ''
if (!isLive) console.log('ANTHROPIC_AUTH_TOKEN is not set, so the tests against the real endpoint are skipped.')

const modes: readonly (readonly [name: string, options: MinimaxOptions])[] = [
  ['whole', {}],
  ['streamed', { stream: true }],
  ['json-protocol', { protocol: 'json' }],
]

/** The same question in each mode. `getWeather` returns the length of the city's name. */
const question = {
  tools: [getWeather],
  instructions: 'You answer weather questions with the result of the tool.',
  prompt: 'How many degrees Celsius is it in Oslo now? Use the tool.',
  answer: { schema: weatherAnswer },
  limits: { rounds: 4, deadlineMs: 120_000 },
  runId: 'live',
}

async function withModel<T>(options: MinimaxOptions, use: (model: MinimaxModel) => Promise<T>): Promise<T> {
  const model = minimax(options)
  try {
    return await use(model)
  } finally {
    await model.close()
  }
}

describe.skipIf(!isLive)('the real endpoint', () => {
  test.each(modes)('calls a tool and answers, and its cassette replays the same run (%s)', async (name, options) => {
    const file = fileURLToPath(new URL(`cassettes/weather-${name}.jsonl`, import.meta.url))
    rmSync(file, { force: true })
    const run = await withModel(options, (model) => runLoop({ ...question, model: recordModel(model, file) }))
    expect(run, JSON.stringify(run.trace)).toMatchObject({ stopReason: 'answered', answer: { celsius: 4 } })
    expect(run.results).toContainEqual(expect.objectContaining({ name: 'get_weather', status: 'ok' }))
    expect(run.usage.inputTokens).toBeGreaterThan(0)
    expect(run.usage.outputTokens).toBeGreaterThan(0)
    const replayed = await runLoop({ ...question, model: replayModel(file) })
    expect(replayed).toMatchObject(redactDeep({ stopReason: run.stopReason, rounds: run.rounds, usage: run.usage }))
  })

  test('streamed pieces of text add up to the reply, without thinking', async () => {
    const pieces: string[] = []
    const onEvent = (event: LoopEvent) => {
      if (event.type === 'text-delta') pieces.push(event.text)
    }
    const prompt = 'Count from 1 to 60 in words, separated by commas, and say nothing else.'
    const run = await withModel({ stream: true }, (model) =>
      runLoop({ model, prompt, onEvent, limits: { deadlineMs: 120_000 } }),
    )
    expect(run.stopReason).toBe('answered')
    expect(pieces.length).toBeGreaterThan(1)
    expect(pieces.join('').trim()).toBe(String('answer' in run ? run.answer : '').trim())
    expect(pieces.join('')).not.toContain('think>')
  })

  test.each([false, true])('an unknown model is an invalid request (stream %s)', async (stream) => {
    const run = await withModel({ model: 'no-such-model', stream }, (model) => runLoop({ model, prompt: 'Hello.' }))
    expect(run).toMatchObject({ stopReason: 'failed', error: { code: 'invalid_request', retryable: false } })
  })

  test('a wrong token is refused and does not appear in the run', async () => {
    const token = 'not-a-token-of-anybody'
    const run = await withModel({ token }, (model) => runLoop({ model, prompt: 'Hello.' }))
    expect(run).toMatchObject({ stopReason: 'failed', error: { code: 'authentication', retryable: false } })
    expect(JSON.stringify(run)).not.toContain(token)
  })
})
