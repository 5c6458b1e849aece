import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { FinishReason, Model, ModelReply } from '../../lib/loop/model.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { requestBody } from '../../lib/minimax/request-body.ts'
import { findBrokenRule, scriptedModel } from '../../lib/testing/index.ts'
import type { WireToolCall } from '../../router/reading/assistant-message.ts'
import { usage } from '../support/factories.ts'
import { getWeather, weatherAnswer } from '../support/weather.ts'

const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.constantFrom(
    '',
    ' ',
    '{"celsius":4}',
    '{"celsius":"warm"}',
    '<think>\nHm.',
    '<think>\nHm.\n</think>\n',
    'First:\n```json\n{"tool_calls":[{"name":"get_weather","input":{"city":"Oslo"}}]}\n```',
    '{"name":"get_weather","arguments":"{\\"city\\":\\"Oslo\\"}"}',
  ),
)
const argumentsOnTheWire = fc.oneof(
  fc.jsonValue(),
  fc.json(),
  fc.string({ maxLength: 10 }),
  fc.constantFrom('{"city":"Oslo"}', '{city: "Oslo"}', '"{\\"city\\":\\"Oslo\\"}"', '{"city":"Os', '', undefined),
)
const wireCall: fc.Arbitrary<WireToolCall> = fc.record(
  {
    id: fc.constantFrom('a', 'b', '', 7, null),
    type: fc.constantFrom('function', 'tool', undefined),
    function: fc.option(
      fc.record(
        { name: fc.constantFrom('get_weather', 'get_wether', '', null), arguments: argumentsOnTheWire },
        { requiredKeys: [] },
      ),
    ),
    index: fc.nat(3),
  },
  { requiredKeys: [] },
)
const message = fc.record(
  {
    role: fc.constant('assistant' as const),
    content: fc.option(text),
    tool_calls: fc.option(fc.array(wireCall, { maxLength: 4 })),
    reasoning_content: fc.string(),
    name: fc.constant('MiniMax AI'),
  },
  { requiredKeys: ['role'] },
)
const reply: fc.Arbitrary<ModelReply> = fc.record({
  message,
  finishReason: fc.constantFrom<FinishReason[]>('stop', 'length', 'tool_calls', 'content_filter', 'other'),
  usage: fc.constant(usage()),
})

test('whatever a model replies, every request that follows is one that MiniMax accepts, in either protocol', async () => {
  const property = fc.asyncProperty(
    fc.array(reply, { maxLength: 5 }),
    fc.boolean(),
    fc.integer({ min: 1, max: 6 }),
    text.filter((prompt) => prompt.trim() !== ''),
    async (replies, structured, rounds, prompt) => {
      const script = scriptedModel(replies)
      const bodies: string[] = []
      const model: Model = {
        ...script,
        complete: (request) => {
          for (const native of [true, false]) {
            bodies.push(String(requestBody(request, { model: 'minimax-m2.1', sends: () => native })))
          }
          return script.complete(request)
        },
      }
      const options = { model, tools: [getWeather], prompt, limits: { rounds } }
      const run = structured
        ? await runLoop({ ...options, answer: { schema: weatherAnswer } })
        : await runLoop({ ...options, instructions: 'You know the weather.' })
      expect(run.rounds).toBeLessThanOrEqual(rounds)
      for (const body of bodies) expect(findBrokenRule(JSON.parse(body), { strict: true })).toBeUndefined()
    },
  )
  await fc.assert(property, { numRuns: 500 })
})
