import { expect, test } from 'vitest'
import type { Checkpoint } from '../../lib/loop/checkpoint.ts'
import { ModelError } from '../../lib/loop/errors.ts'
import type { Model } from '../../lib/loop/model.ts'
import { runSummarySchema, summarizeRun } from '../../lib/loop/run.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { compileSchema } from '../../router/validation.ts'
import { emptyTool, usage } from '../support/factories.ts'
import { keysInOtherStyles } from '../support/key-styles.ts'
import { calls, fails, type ScriptStep, says, scriptedModel } from '../support/scripted-model.ts'

const everyField = new ModelError('busy', {
  code: 'rate_limit',
  retryable: true,
  retryAfterMs: 5_000,
  status: 429,
  providerCode: '1002',
  requestId: 'r1',
})
const answer = {
  schema: { type: 'object', properties: { isDone: { const: true } }, required: ['isDone'] },
} as const
const big = emptyTool({
  name: 'big',
  annotations: { idempotentHint: true },
  execute: () => ({ camelCase: 'x'.repeat(4_000) }),
})
const broken = emptyTool({
  name: 'broken',
  execute: () => {
    throw new Error('out of order')
  },
})

/** Arguments as an object and no id: both are repaired. */
const needsRepair: ScriptStep = () => ({
  message: { role: 'assistant', tool_calls: [{ type: 'function', function: { name: 'big', arguments: { a: 1 } } }] },
  finishReason: 'tool_calls',
  usage: usage(),
  id: 'reply-1',
  model: 'MiniMax-M3',
})

/** A model that reports a retry before every reply. */
function retrying(model: Model): Model {
  return {
    ...model,
    complete: (request) => {
      request.onRetry?.({ attempt: 1, code: 'overloaded', waitMs: 1.5 })
      return model.complete(request)
    },
  }
}

/** A run that has every kind of trace entry, with a checkpoint after each step. */
async function fullRun(last: ScriptStep | string | Error) {
  const checkpoints: Checkpoint[] = []
  const run = await runLoop({
    model: retrying(
      scriptedModel([
        needsRepair,
        calls('broken', { camelCase: 1 }),
        calls('big', { a: 1 }, 'again'),
        says('{"isDone":false}'),
        calls('big', { a: 1 }, 'third'),
        last,
      ]),
    ),
    tools: [big, broken],
    prompt: 'Work.',
    answer,
    limits: { resultBytes: 400, checkpointBytes: 5_600 },
    onCheckpoint: (at) => checkpoints.push(structuredClone(at)),
    onEvent: () => {
      throw new Error('listener broke')
    },
  })
  return { run, checkpoints }
}

test.each([
  ['answered', says('{"isDone":true}')],
  ['failed', fails(everyField)],
])('every JSON document of a run that %s has snake_case keys', async (stopReason, last) => {
  const { run, checkpoints } = await fullRun(last)
  expect(run.stopReason).toBe(stopReason)
  const types = new Set(run.trace.map(({ type }) => type))
  expect([...types].sort()).toEqual(
    ['answer-rejected', 'limit', 'repair', 'reply', 'retry', 'tool-end', 'warning']
      .concat(stopReason === 'failed' ? ['reply-failed'] : [])
      .sort(),
  )
  expect(checkpoints.length).toBeGreaterThan(8)
  expect(checkpoints.some(({ results }) => results.some(({ dropped }) => dropped !== undefined))).toBe(true)
  const summary = summarizeRun(run)
  for (const document of [summary, run.trace, ...checkpoints]) {
    expect(keysInOtherStyles(JSON.parse(JSON.stringify(document)))).toEqual([])
  }
  expect(compileSchema(runSummarySchema)(JSON.parse(JSON.stringify(summary)))).toEqual([])
})

test('the summary of a failed run has every field of its error', async () => {
  const { run } = await fullRun(fails(everyField))
  expect(summarizeRun(run)).toMatchObject({
    stop_reason: 'failed',
    limit: 'repetition',
    rounds: 5,
    usage: { input_tokens: 50, output_tokens: 25, cached_input_tokens: 0, reasoning_tokens: 0 },
    error: {
      name: 'ModelError',
      message: 'busy',
      code: 'rate_limit',
      retryable: true,
      retry_after_ms: 5_000,
      status: 429,
      provider_code: '1002',
      request_id: 'r1',
    },
  })
})
