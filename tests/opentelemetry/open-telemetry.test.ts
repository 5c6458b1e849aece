import { SpanStatusCode } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { expect, test } from 'vitest'
import { ModelError } from '../../lib/loop/errors.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { type OpenTelemetryOptions, openTelemetry } from '../../lib/opentelemetry/index.ts'
import { defineTool } from '../../router/define-tool.ts'
import { usage } from '../support/factories.ts'
import { calls, fails, type ScriptStep, says, scriptedModel } from '../support/scripted-model.ts'
import { getWeather } from '../support/weather.ts'
import { recordSpans } from './support/record-spans.ts'

async function spansOf(
  steps: readonly ScriptStep[],
  options: OpenTelemetryOptions = {},
): Promise<readonly ReadableSpan[]> {
  const { tracer, ended } = recordSpans()
  const onEvent = openTelemetry({ tracer, ...options })
  await runLoop({ model: scriptedModel(steps), tools: [getWeather], prompt: 'How warm?', runId: 'run-1', onEvent })
  return ended()
}

const askOslo = calls('get_weather', { city: 'Oslo' })

test('a run is one invoke_agent span with chat and execute_tool spans in it', async () => {
  const spans = await spansOf([askOslo, says('Warm.')], { agentName: 'weather' })
  expect(spans.map(({ name }) => name)).toEqual([
    'chat scripted',
    'execute_tool get_weather',
    'chat scripted',
    'invoke_agent weather',
  ])
  const root = spans.at(-1)
  for (const span of spans.slice(0, -1)) expect(span.parentSpanContext?.spanId).toBe(root?.spanContext().spanId)
  expect(root?.attributes).toMatchObject({
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.provider.name': 'test',
    'gen_ai.request.model': 'scripted',
    'gen_ai.conversation.id': 'run-1',
    'gen_ai.usage.input_tokens': 20,
    'tenrounds.stop_reason': 'answered',
  })
})

test('a chat span has the model and the id of the reply if the server sent them', async () => {
  const message = { role: 'assistant', content: 'Warm.' } as const
  const named = { message, usage: usage(), finishReason: 'stop', id: 'reply-1', model: 'MiniMax-M3' } as const
  const [chat] = await spansOf([() => named])
  expect(chat?.attributes).toMatchObject({ 'gen_ai.response.id': 'reply-1', 'gen_ai.response.model': 'MiniMax-M3' })
  const [silent] = await spansOf([says('Warm.')])
  expect(silent?.attributes).not.toHaveProperty('gen_ai.response.id')
})

test('contents are recorded only on request', async () => {
  const [, silent] = await spansOf([askOslo, says('Warm.')])
  expect(JSON.stringify(silent?.attributes)).not.toContain('Oslo')
  const [, open] = await spansOf([askOslo, says('Warm.')], { contents: true })
  expect(open?.attributes['gen_ai.tool.call.arguments']).toBe('{"city":"Oslo"}')
})

test('a failing model marks its chat span and the run, and no span is left open', async () => {
  const spans = await spansOf([askOslo, fails(new ModelError('busy', { code: 'overloaded', retryable: true }))])
  expect(spans).toHaveLength(4)
  expect(spans.slice(2).map(({ attributes }) => attributes['error.type'])).toEqual(['overloaded', 'overloaded'])
  expect(spans.slice(2).map(({ status }) => status.message)).toEqual(['busy', 'busy'])
})

test('a refused call and a call that gets an earlier result have an event instead of a span', async () => {
  const spans = await spansOf([
    calls('get_weather', { city: 'Oslo' }, 'a'),
    calls('get_weather', { city: 'Oslo' }, 'b'),
    calls('get_wether', { city: 'Oslo' }, 'c'),
    says('Warm.'),
  ])
  expect(spans.filter(({ name }) => name.startsWith('execute_tool'))).toHaveLength(1)
  expect(spans.at(-1)?.events.map(({ name, attributes }) => [name, attributes])).toMatchObject([
    ['tool call served from an earlier result', { 'gen_ai.tool.call.id': 'b', 'gen_ai.tool.name': 'get_weather' }],
    ['tool call refused', { 'gen_ai.tool.call.id': 'c', 'error.type': 'unknown_tool', 'tenrounds.round': 3 }],
  ])
})

test.each([false, true])(
  'a denied call has an event, with its reason only if contents are recorded (%s)',
  async (contents) => {
    const { tracer, ended } = recordSpans()
    const pay = defineTool({
      name: 'pay',
      description: 'Pays.',
      inputSchema: { type: 'object' },
      execute: () => 'paid',
    })
    const model = scriptedModel([calls('pay', {}, 'a'), says('Not paid.')])
    const approve = () => ({ deny: 'Too expensive.' })
    await runLoop({ model, tools: [pay], prompt: 'Pay.', approve, onEvent: openTelemetry({ tracer, contents }) })
    const spans = ended()
    expect(spans.filter(({ name }) => name.startsWith('execute_tool'))).toEqual([])
    const [denied, ...more] = spans.find(({ name }) => name === 'invoke_agent')?.events ?? []
    expect(more).toEqual([])
    expect(denied).toMatchObject({
      name: 'tool call denied',
      attributes: {
        'gen_ai.tool.name': 'pay',
        'gen_ai.tool.call.id': 'a',
        'error.type': 'denied',
        'tenrounds.round': 1,
      },
    })
    const result = denied?.attributes?.['gen_ai.tool.call.result']
    if (contents) expect(result).toContain('Too expensive.')
    else expect(result).toBeUndefined()
  },
)

test('a pause is no error: its span says so, and the span of the resumed run has the call as done elsewhere', async () => {
  const ask = defineTool({ name: 'ask', description: 'Asks a person.', inputSchema: { type: 'object' } })
  const { tracer, ended } = recordSpans()
  const options = { tools: [ask], prompt: 'Ask.', onEvent: openTelemetry({ tracer }) }
  const run = await runLoop({ ...options, model: scriptedModel([calls('ask', {}, 'a')]) })
  if (run.stopReason !== 'paused') throw new Error(run.stopReason)
  const decisions = { [run.pending[0]?.callId ?? '']: { value: 'yes' } }
  await runLoop({ ...options, model: scriptedModel([says('Done.')]), resumeFrom: run.checkpoint, decisions })
  const [paused, resumed] = ended().filter(({ name }) => name === 'invoke_agent')
  expect(paused?.status.code).toBe(SpanStatusCode.UNSET)
  expect(paused?.attributes).toMatchObject({ 'tenrounds.stop_reason': 'paused', 'tenrounds.rounds': 1 })
  expect(paused?.events.map(({ name }) => name)).toEqual(['tool call waits for a decision'])
  expect(resumed?.events.map(({ name }) => name)).toEqual(['tool call done elsewhere'])
  expect(resumed?.attributes).toMatchObject({ 'tenrounds.stop_reason': 'answered' })
})
