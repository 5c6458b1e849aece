import { describe, expect, test } from 'vitest'
import type { Model } from '../../lib/loop/model.ts'
import { loopActivity } from '../../lib/temporal/index.ts'
import { defineTool } from '../../router/define-tool.ts'
import { activityError } from '../support/activity-harness.ts'
import { calls, fails, says, scriptedModel } from '../support/scripted-model.ts'
import { temporalForTests } from '../support/temporal-server.ts'
import { heartbeatTimeout, overloaded } from './support/one-run.ts'
import { useHarness } from './support/use-harness.ts'

const source = await temporalForTests()
let measured: string[] = []

const getWeather = defineTool({
  name: 'get_weather',
  description: 'Current weather of one city.',
  inputSchema: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
  annotations: { readOnlyHint: true, idempotentHint: true },
  execute: ({ city }) => {
    measured.push(city)
    return { celsius: city.length }
  },
})

function weatherActivities(model: Model) {
  return {
    answer_weather_question: loopActivity((city: string) => ({
      model,
      tools: [getWeather],
      prompt: `How warm is it in ${city}?`,
    })),
  }
}

describe.skipIf(source === undefined)('loopActivity', () => {
  const harness = useHarness(source)

  test('runs the loop and returns the run as a snake_case document, without the values of tool results', async () => {
    const model = scriptedModel([calls('get_weather', { city: 'Oslo' }), says('It is 4 °C.')])
    await using worker = await harness.startWorker(weatherActivities(model))
    const handle = await harness.start(worker, 'answer_weather_question', { heartbeatTimeout }, 'Oslo')
    const run = await handle.result()
    expect(run).toMatchObject({ stop_reason: 'answered', answer: 'It is 4 °C.', rounds: 2 })
    expect(run).not.toHaveProperty('results')
    expect(model.requests[0]?.messages.at(-1)?.content).toContain('How warm is it in Oslo?')
  })

  test('repeats neither a model call nor a tool call when the next model call fails', async () => {
    measured = []
    const model = scriptedModel([calls('get_weather', { city: 'Oslo' }), fails(overloaded), says('It is 4 °C.')])
    await using worker = await harness.startWorker(weatherActivities(model))
    const handle = await harness.start(worker, 'answer_weather_question', { heartbeatTimeout }, 'Oslo')
    expect(await handle.result()).toMatchObject({ stop_reason: 'answered', answer: 'It is 4 °C.', rounds: 2 })
    expect(measured).toEqual(['Oslo'])
    expect(model.requests).toHaveLength(3)
    expect(model.requests[2]?.messages).toEqual(model.requests[1]?.messages)
  })

  test('wrong options of runLoop fail the activity at once', async () => {
    const activities = {
      work: loopActivity(() => ({ model: scriptedModel([]), prompt: 'x', tools: [getWeather, getWeather] })),
    }
    await using worker = await harness.startWorker(activities)
    const error = await activityError(await harness.start(worker, 'work', { heartbeatTimeout }))
    expect(error).toMatchObject({ nonRetryable: true, message: expect.stringContaining('get_weather') })
  })
})
