import { expect, test } from 'vitest'
import type { Checkpoint } from '../../lib/loop/checkpoint.ts'
import { completeLimits } from '../../lib/loop/limits.ts'
import type { CheckpointStep } from '../../lib/loop/run.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { defineTool } from '../../router/define-tool.ts'
import type { ToolAnnotations } from '../../router/tool.ts'
import { emptyTool } from '../support/factories.ts'
import { calls, type ScriptStep, says, scriptedModel } from '../support/scripted-model.ts'

const jsonBytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value))

function exporting(annotations: ToolAnnotations) {
  let ran = 0
  return emptyTool({ name: 'export', annotations, execute: () => ({ rows: 'x'.repeat(5_000), ran: ++ran }) })
}
const measure = defineTool({
  name: 'measure',
  description: 'Length of a text.',
  inputSchema: {
    type: 'object',
    properties: { of: { type: 'object', properties: { rows: { type: 'string' } }, required: ['rows'] } },
    required: ['of'],
  },
  annotations: { readOnlyHint: true },
  execute: ({ of }) => of.rows.length,
})
const pay = emptyTool({ name: 'pay', execute: () => 'paid' })

/** Room for what the model was shown, and not for the full value. */
const limits = { resultBytes: 400, checkpointBytes: 6_000 }

test('a run within its default limits has a checkpoint after every step: 16 results of 12 KB in each of 9 rounds', async () => {
  const tool = defineTool({
    name: 'read',
    description: 'Reads a page.',
    inputSchema: { type: 'object', properties: { page: { type: 'string' } }, required: ['page'] },
    annotations: { readOnlyHint: true },
    execute: ({ page }) => ({ page, rows: Array.from({ length: 400 }, (_, row) => `${page}: "row ${row}" of it`) }),
  })
  const round =
    (number: number): ScriptStep =>
    () => ({
      toolCalls: Array.from({ length: 16 }, (_, index) => ({ name: 'read', input: { page: `${number}-${index}` } })),
    })
  const rounds: number[] = []
  const run = await runLoop({
    model: scriptedModel([...Array.from({ length: 9 }, (_, number) => round(number)), says('Done.')]),
    tools: [tool],
    prompt: 'Read.',
    limits: { calls: 300 },
    onCheckpoint: (at) => rounds.push(at.rounds),
  })
  expect(run.stopReason).toBe('answered')
  expect(run.results).toHaveLength(144)
  expect(run.trace.filter(({ type }) => type === 'warning')).toEqual([])
  expect(rounds).toEqual(Array.from({ length: 10 }, (_, index) => [index + 1, index + 1]).flat())
})

test('the default of checkpointBytes grows with messageBytes', () => {
  expect(completeLimits().checkpointBytes).toBe(16_777_216)
  expect(completeLimits({ messageBytes: 10_000_000 }).checkpointBytes).toBe(40_000_000)
  expect(completeLimits({ messageBytes: 10_000_000, checkpointBytes: 5_000 }).checkpointBytes).toBe(5_000)
})

test('full values of every tool are left out of a checkpoint, those that can be computed again first', async () => {
  const taken: (readonly [Checkpoint, CheckpointStep])[] = []
  const again = emptyTool({
    name: 'again',
    annotations: { idempotentHint: true },
    execute: () => ({ rows: 'y'.repeat(2_000) }),
  })
  const model = scriptedModel([calls('export', {}), calls('again', {}, 'b'), says('Done.')])
  await runLoop({
    model,
    tools: [exporting({}), again],
    prompt: 'Export.',
    limits: { resultBytes: 400 },
    onCheckpoint: (...given) => taken.push(given),
  })
  const [whole, { shrink }] = taken.at(-1) as (typeof taken)[number]
  const dropped = (maxBytes: number) => {
    const shrunk = shrink(maxBytes)
    return { fits: jsonBytes(shrunk) <= maxBytes, values: shrunk.results.map((result) => result.dropped) }
  }
  const bytes = jsonBytes(whole)
  expect(shrink(bytes)).toEqual(whole)
  expect(dropped(bytes - 1)).toEqual({ fits: true, values: [undefined, 'value'] })
  expect(dropped(bytes - 3_000)).toEqual({ fits: true, values: ['value', 'value'] })
  expect(dropped(1_000)).toEqual({ fits: false, values: ['value', 'value'] })
})

test('a value that was left out and cannot be computed again is lost on resume, and a reference to it says so', async () => {
  const taken: Checkpoint[] = []
  const options = { tools: [exporting({}), measure, pay], prompt: 'Export.', limits, runId: 'run' }
  const first = [calls('export', {}, 'rows'), calls('measure', { of: { $result: 'rows' } }), says('Done.')]
  const whole = await runLoop({ ...options, model: scriptedModel(first), onCheckpoint: (at) => taken.push(at) })
  // As long as the process lives, the value is there.
  expect(whole.results).toMatchObject([{ value: { ran: 1 } }, { value: 5_000 }])
  const resumeFrom = structuredClone(taken[1] as Checkpoint)
  expect(resumeFrom).toMatchObject({ pending: [], results: [{ dropped: 'value' }] })
  const run = await runLoop({
    ...options,
    model: scriptedModel([
      calls('measure', { of: { $result: 'rows' } }, 'a'),
      calls('measure', { of: { $result: 'export' } }, 'b'),
      calls('export', {}, 'c'),
      calls('measure', { of: { $result: 'c' } }, 'd'),
      says('Done.'),
    ]),
    resumeFrom,
  })
  const message = expect.stringContaining('no longer available')
  const error = { kind: 'unresolved_reference', message }
  expect(run.results).toMatchObject([
    { status: 'ok', content: whole.results[0]?.content },
    { error },
    { error },
    // The tool may have side effects, so the same call is still not made twice.
    { servedFrom: 'rows' },
    { error },
  ])
  expect(run.trace).toContainEqual(
    expect.objectContaining({
      type: 'warning',
      source: 'resumeFrom',
      message: expect.stringContaining('rows (export)'),
    }),
  )
})

test('a read-only call whose value was lost is made again', async () => {
  const taken: Checkpoint[] = []
  const options = { tools: [exporting({ readOnlyHint: true }), measure], prompt: 'Export.', limits, runId: 'run' }
  await runLoop({
    ...options,
    model: scriptedModel([calls('export', {}, 'rows'), says('Done.')]),
    onCheckpoint: (at) => taken.push(at),
  })
  const run = await runLoop({
    ...options,
    model: scriptedModel([
      calls('export', {}, 'again'),
      calls('measure', { of: { $result: 'again' } }, 'length'),
      says('Done.'),
    ]),
    resumeFrom: structuredClone(taken[1] as Checkpoint),
  })
  expect(run.results).toMatchObject([{ status: 'ok' }, { value: { ran: 2 } }, { value: 5_000 }])
})

test('calls with side effects are refused while no checkpoint is small enough', async () => {
  let saved = 0
  const run = await runLoop({
    model: scriptedModel([
      calls('export', {}),
      calls('pay', {}, 'b'),
      calls('measure', { of: {} }, 'c'),
      says('Done.'),
    ]),
    tools: [exporting({ readOnlyHint: true }), pay, measure],
    prompt: 'Export.',
    limits: { checkpointBytes: 4_000 },
    onCheckpoint: () => saved++,
  })
  expect(run.stopReason).toBe('answered')
  expect(saved).toBe(1)
  expect(run.results).toMatchObject([
    { status: 'ok' },
    { error: { kind: 'not_recorded', message: expect.stringContaining('limits.checkpointBytes (4000)') } },
    { error: { kind: 'invalid_input' } },
  ])
  expect(run.trace.filter(({ type }) => type === 'warning')).not.toEqual([])
})
