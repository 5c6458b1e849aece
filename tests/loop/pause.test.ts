import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Checkpoint } from '../../lib/loop/checkpoint.ts'
import type { CallToApprove, Decision, WaitingCall } from '../../lib/loop/decisions.ts'
import type { LoopEvent } from '../../lib/loop/events.ts'
import type { Model } from '../../lib/loop/model.ts'
import { type Run, type RunOptions, runSummarySchema, summarizeRun } from '../../lib/loop/run.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { recordModel, replayModel } from '../../lib/testing/index.ts'
import { defineTool } from '../../router/define-tool.ts'
import { compileSchema } from '../../router/validation.ts'
import { emptyTool } from '../support/factories.ts'
import { keysInOtherStyles } from '../support/key-styles.ts'
import { calls, says, scriptedModel } from '../support/scripted-model.ts'

type Paused = Extract<Run, { stopReason: 'paused' }>

/** A tool with side effects that records its idempotency keys. */
function refundTool(ran: string[]) {
  return defineTool({
    name: 'refund',
    description: 'Refunds an order.',
    inputSchema: { type: 'object', properties: { order: { type: 'integer' } }, required: ['order'] },
    execute: ({ order }, { callId }) => {
      ran.push(callId)
      return { refunded: order }
    },
  })
}

const ask = defineTool({
  name: 'ask',
  description: 'Asks a person.',
  inputSchema: { type: 'object', properties: { question: { type: 'string' } } },
  outputSchema: { type: 'object', properties: { reply: { type: 'string' } }, required: ['reply'] },
})
const look = emptyTool({ name: 'look', annotations: { readOnlyHint: true }, execute: () => ({ seen: 7 }) })

function assertPaused(run: Run<unknown>): asserts run is Paused {
  expect(run.stopReason).toBe('paused')
}

/** What another process gets. */
const stored = (checkpoint: Checkpoint): Checkpoint => JSON.parse(JSON.stringify(checkpoint))
const only = ({ pending }: Paused): WaitingCall => pending[0] as WaitingCall
const several = (...names: readonly [string, object][]) => ({
  toolCalls: names.map(([name, input], index) => ({ id: `c${index}`, name, input })),
})

/** Runs until the run pauses. */
async function pausedRun(options: Omit<RunOptions, 'model'>, ...steps: Parameters<typeof scriptedModel>[0]) {
  const run = await runLoop({ model: scriptedModel(steps), ...options })
  assertPaused(run)
  return run
}

test('a call of a tool without execute pauses the run, and its value continues it in another process', async () => {
  const options = { tools: [ask], prompt: 'Ask.', runId: 'run' }
  const run = await pausedRun(options, calls('ask', { question: 'Really?' }, 'c1'))
  const callId = expect.stringMatching(/^run\/1\/0\/[0-9a-f]{16}$/)
  expect(run.pending).toEqual([{ id: 'c1', callId, tool: 'ask', input: { question: 'Really?' }, reason: 'no_execute' }])
  const model = scriptedModel([says('Yes, really.')])
  const decisions = { [only(run).callId]: { value: { reply: 'Yes' } } }
  const resumed = await runLoop({ ...options, model, resumeFrom: stored(run.checkpoint), decisions })
  expect(resumed).toMatchObject({ stopReason: 'answered', rounds: 2, answer: 'Yes, really.' })
  expect(resumed.results).toMatchObject([{ status: 'ok', callId: only(run).callId, value: { reply: 'Yes' } }])
  expect(model.requests[0]?.messages.at(-1)).toEqual({ role: 'tool', tool_call_id: 'c1', content: '{"reply":"Yes"}' })
})

test('approve gets the validated call, and each of its answers does what it says', async () => {
  const ran: string[] = []
  const asked: unknown[] = []
  const approve: RunOptions['approve'] = (call) => {
    asked.push(call)
    const { order } = call.input as { order: number }
    return order === 1 ? 'run' : order === 2 ? { deny: 'Too expensive.' } : 'pause'
  }
  const tools = [refundTool(ran)]
  const steps = several(['refund', { order: '1' }], ['refund', { order: 2 }], ['refund', { order: 3 }])
  const run = await pausedRun({ tools, prompt: 'Refund.', runId: 'run', approve }, steps)
  expect(asked).toMatchObject(
    [1, 2, 3].map((order, index) => ({
      id: `c${index}`,
      callId: expect.stringContaining(`run/1/${index}/`),
      tool: 'refund',
      input: { order },
      annotations: {},
      round: 1,
    })),
  )
  expect(ran).toEqual([(asked[0] as WaitingCall).callId])
  expect(run.results.map(({ id }) => id)).toEqual(['c0', 'c1'])
  expect(run.pending).toMatchObject([{ id: 'c2', input: { order: 3 }, reason: 'approve' }])
  const model = scriptedModel([says('Done.')])
  const resumed = await runLoop({
    model,
    tools,
    prompt: 'Refund.',
    approve: () => 'pause',
    resumeFrom: stored(run.checkpoint),
    decisions: { [only(run).callId]: 'run' },
  })
  expect(resumed.results.map(({ id, status }) => [id, status])).toEqual([
    ['c0', 'ok'],
    ['c1', 'error'],
    ['c2', 'ok'],
  ])
  expect(resumed.results[1]).toMatchObject({
    error: { kind: 'denied', message: 'This call was denied and not executed: Too expensive.' },
  })
  expect(ran).toEqual([(asked[0] as WaitingCall).callId, only(run).callId])
  expect(model.requests[0]?.messages.slice(-3).map(({ tool_call_id }) => tool_call_id)).toEqual(['c0', 'c1', 'c2'])
})

test('a denied call goes to the model with the reason, which can go on', async () => {
  const run = await pausedRun({ tools: [ask], prompt: 'Ask.' }, calls('ask', {}, 'c1'))
  const model = scriptedModel([says('Then not.')])
  const decisions = { [only(run).callId]: { deny: 'Nobody is here.' } }
  const resumed = await runLoop({ model, tools: [ask], prompt: 'Ask.', resumeFrom: run.checkpoint, decisions })
  expect(resumed).toMatchObject({ stopReason: 'answered', answer: 'Then not.' })
  expect(JSON.stringify(model.requests[0]?.messages.at(-1))).toContain('Nobody is here.')
  expect(resumed.trace.map(({ type }) => type)).toEqual(['reply', 'tool-waiting', 'tool-end', 'reply'])
})

test('calls without a decision keep waiting over several pauses, without a model call', async () => {
  const options = { tools: [ask], prompt: 'Ask.' }
  const model = scriptedModel([several(['ask', { question: 'a' }], ['ask', { question: 'b' }]), says('Done.')])
  let run: Run = await runLoop({ ...options, model })
  assertPaused(run)
  const [a, b] = run.pending.map(({ callId }) => callId) as [string, string]
  run = await runLoop({ ...options, model, resumeFrom: stored(run.checkpoint) })
  assertPaused(run)
  expect(run.pending.map(({ callId }) => callId)).toEqual([a, b])
  run = await runLoop({
    ...options,
    model,
    resumeFrom: stored(run.checkpoint),
    decisions: { [b]: { value: { reply: 'B' } } },
  })
  assertPaused(run)
  expect(run.pending.map(({ callId }) => callId)).toEqual([a])
  expect(model.requests).toHaveLength(1)
  const decisions = { [a]: { value: { reply: 'A' } }, [b]: { value: { reply: 'changed' } } }
  run = await runLoop({ ...options, model, resumeFrom: stored(run.checkpoint), decisions })
  expect(run).toMatchObject({ stopReason: 'answered', rounds: 2 })
  expect(run.results).toMatchObject([{ value: { reply: 'A' } }, { value: { reply: 'B' } }])
})

test('a call that refers to the result of a waiting call waits, too, and runs when there is one', async () => {
  const show = emptyTool({ name: 'show', execute: (input) => input })
  const options = { tools: [ask, look, show], prompt: 'Show.' }
  const reply = several(
    ['ask', {}],
    ['look', {}],
    ['show', { said: { $result: 'ask#/reply' }, saw: { $result: 'c1' } }],
  )
  const run = await pausedRun(options, reply)
  expect(run.pending.map(({ tool }) => tool)).toEqual(['ask'])
  const decisions = { [only(run).callId]: { value: { reply: 'Hi' } } }
  const resumed = await runLoop({
    ...options,
    model: scriptedModel([says('Done.')]),
    resumeFrom: stored(run.checkpoint),
    decisions,
  })
  expect(resumed.results[2]).toMatchObject({ status: 'ok', value: { said: 'Hi', saw: { seen: 7 } } })
})

test('a resumed call has its input also if it refers to a call that repeats another one', async () => {
  const show = emptyTool({ name: 'show', execute: (input) => input })
  const options = { tools: [ask, look, show], prompt: 'Show.' }
  const reply = several(['look', {}], ['look', {}], ['show', { saw: { $result: 'c1' } }], ['ask', {}])
  const run = await pausedRun(options, reply)
  const decisions = { [only(run).callId]: { value: { reply: 'Hi' } } }
  const model = scriptedModel([says('Done.')])
  const resumed = await runLoop({ ...options, model, resumeFrom: stored(run.checkpoint), decisions })
  expect(resumed.results[2]).toMatchObject({ input: { saw: { seen: 7 } }, value: { saw: { seen: 7 } } })
})

test('an identical call of the same reply gets the decision of the first one, and nobody is asked twice', async () => {
  const ran: string[] = []
  let asked = 0
  const approve = () => {
    asked++
    return 'pause' as const
  }
  const options = { tools: [refundTool(ran)], prompt: 'Refund.', approve }
  const run = await pausedRun(options, several(['refund', { order: 1 }], ['refund', { order: 1 }]))
  expect(run.pending).toHaveLength(1)
  const decisions = { [only(run).callId]: 'run' as const }
  const model = scriptedModel([calls('refund', { order: 1 }), says('Done.')])
  const resumed = await runLoop({ ...options, model, resumeFrom: stored(run.checkpoint), decisions })
  expect(resumed.results.map(({ servedFrom }) => servedFrom)).toEqual([undefined, 'c0', 'c0'])
  expect({ asked, ran: ran.length }).toEqual({ asked: 1, ran: 1 })
})

test('a decision that is applied twice runs the tool once per checkpoint', async () => {
  const ran: string[] = []
  const options = { tools: [refundTool(ran)], prompt: 'Refund.', approve: () => 'pause' as const }
  const run = await pausedRun(options, calls('refund', { order: 1 }))
  const { callId } = only(run)
  const decisions: Record<string, Decision> = { [callId]: 'run' }
  const taken: Checkpoint[] = []
  const resume = (resumeFrom: Checkpoint) =>
    runLoop({
      ...options,
      model: scriptedModel(resumeFrom.rounds === 1 ? [says('Done.')] : []),
      resumeFrom,
      decisions,
      onCheckpoint: (at) => taken.push(stored(at)),
    })
  await resume(stored(run.checkpoint))
  expect(ran).toEqual([callId])
  // Every later checkpoint has the result, or knows that the tool was started.
  for (const at of taken.slice()) {
    const again = await resume(at)
    expect(again.results[0]).toMatchObject(
      at.pending.length > 0 ? { error: { kind: 'outcome_unknown' } } : { value: { refunded: 1 } },
    )
  }
  expect(ran).toEqual([callId])
  // The checkpoint of the pause itself knows nothing of it. The key is the same, so a store can refuse the second one.
  await resume(stored(run.checkpoint))
  expect(ran).toEqual([callId, callId])
})

test('the paused state is stored before the run returns, and it is the one in the run', async () => {
  const taken: Checkpoint[] = []
  const run = await pausedRun(
    { tools: [ask, look], prompt: 'Ask.', onCheckpoint: (at) => taken.push(stored(at)) },
    several(['look', {}], ['ask', {}]),
  )
  expect(taken.at(-1)).toEqual({ ...stored(run.checkpoint), elapsed_ms: taken.at(-1)?.elapsed_ms })
  expect(taken.at(-1)).toMatchObject({
    stop_reason: 'paused',
    pending: [
      { name: 'look', result: { content: '{"seen":7}' } },
      { name: 'ask', waits: 'no_execute' },
    ],
  })
  const resumed = await runLoop({
    tools: [ask, look],
    prompt: 'Ask.',
    model: scriptedModel([says('Done.')]),
    resumeFrom: taken.at(-1),
    decisions: { [only(run).callId]: { value: { reply: 'x' } } },
  })
  expect(resumed.stopReason).toBe('answered')
})

test('if the paused state cannot be stored, the run says so, and its own checkpoint has the results', async () => {
  const ran: string[] = []
  let saves = 0
  const run = await pausedRun(
    {
      tools: [ask, refundTool(ran)],
      prompt: 'Refund.',
      onCheckpoint: () => {
        if (++saves === 2) throw new Error('disk is full')
      },
    },
    several(['refund', { order: 1 }], ['ask', {}]),
  )
  expect(run.trace.at(-1)).toMatchObject({ type: 'warning', source: 'onCheckpoint', message: 'disk is full' })
  expect(run.checkpoint).toMatchObject({ has_side_effects: true, pending: [{ result: { status: 'ok' } }, {}] })
  const decisions = { [only(run).callId]: { value: { reply: 'x' } } }
  await runLoop({
    tools: [ask, refundTool(ran)],
    prompt: 'Refund.',
    model: scriptedModel([says('Done.')]),
    resumeFrom: stored(run.checkpoint),
    decisions,
  })
  expect(ran).toHaveLength(1)
})

test('a value that was given for a call counts as a side effect, so the run does not start again', async () => {
  const run = await pausedRun({ tools: [ask], prompt: 'Ask.' }, calls('ask', {}))
  expect(run.checkpoint.has_side_effects).toBe(false)
  const taken: Checkpoint[] = []
  await runLoop({
    tools: [ask],
    prompt: 'Ask.',
    model: scriptedModel([says('Done.')]),
    resumeFrom: run.checkpoint,
    decisions: { [only(run).callId]: { value: { reply: 'x' } } },
    onCheckpoint: (at) => taken.push(stored(at)),
  })
  expect(taken[0]).toMatchObject({ has_side_effects: true })
})

test('a paused run says in its checkpoint that a tool with side effects ran, also without onCheckpoint', async () => {
  const ran: string[] = []
  const options = { tools: [ask, refundTool(ran)], prompt: 'Refund.' }
  const run = await pausedRun(options, calls('refund', { order: 1 }, 'c1'), calls('ask', {}, 'c2'))
  expect(ran).toHaveLength(1)
  const resumeFrom = { ...stored(run.checkpoint), version: 99 }
  const resumed = runLoop({ ...options, model: scriptedModel([]), resumeFrom: resumeFrom as never })
  await expect(resumed).rejects.toMatchObject({ code: 'checkpoint_version' })
})

test('a run does not start again if a call was done elsewhere, also if the checkpoint does not know it', async () => {
  const options = { tools: [ask], prompt: 'Ask.' }
  const run = await pausedRun(options, calls('ask', {}, 'c1'))
  const resumeFrom = { ...stored(run.checkpoint), version: 99 } as never
  const { callId } = only(run)
  const decisions = { [callId]: { value: { reply: 'Yes' } } }
  const resumed = runLoop({ ...options, model: scriptedModel([]), resumeFrom, decisions })
  await expect(resumed).rejects.toMatchObject({ code: 'checkpoint_version' })
  const model = scriptedModel([says('Done.')])
  const again = await runLoop({ ...options, model, resumeFrom, decisions: { [callId]: { deny: 'No.' } } })
  expect(again).toMatchObject({ stopReason: 'answered', rounds: 1 })
})

test('a value that was given for a call counts as a side effect, also if the run is cancelled with its reply', async () => {
  const controller = new AbortController()
  const stop = emptyTool({
    name: 'stop',
    annotations: { readOnlyHint: true },
    execute: () => {
      controller.abort()
      return new Promise(() => {})
    },
  })
  const options = { tools: [ask, stop], prompt: 'Ask.' }
  const approve = ({ tool }: CallToApprove) => (tool === 'stop' ? ('pause' as const) : ('run' as const))
  const run = await pausedRun({ ...options, approve }, several(['ask', {}], ['stop', {}]))
  const [asked, stopped] = run.pending.map(({ callId }) => callId) as [string, string]
  const taken: Checkpoint[] = []
  const cancelled = await runLoop({
    ...options,
    model: scriptedModel([]),
    signal: controller.signal,
    onCheckpoint: (at) => taken.push(stored(at)),
    resumeFrom: stored(run.checkpoint),
    decisions: { [asked]: { value: { reply: 'Yes' } }, [stopped]: 'run' },
  })
  expect(cancelled.stopReason).toBe('cancelled')
  expect(taken.at(-1)).toMatchObject({ has_side_effects: true })
})

test.each<[string, (result: { error?: unknown; content: string }) => object]>([
  ['a failed call without an error', (result) => ({ ...result, status: 'error' })],
  ['a content that is not JSON', (result) => ({ ...result, content: '{' })],
])('a checkpoint of a paused run that has %s is refused before any step', async (_, damage) => {
  const options = { tools: [ask, look], prompt: 'Ask.' }
  const run = await pausedRun(options, several(['look', {}], ['ask', {}]))
  const checkpoint = stored(run.checkpoint)
  const pending = checkpoint.pending.map((call) => (call.result ? { ...call, result: damage(call.result) } : call))
  const resumeFrom = { ...checkpoint, pending } as Checkpoint
  const resumed = runLoop({ ...options, model: scriptedModel([]), resumeFrom })
  await expect(resumed).rejects.toMatchObject({ code: 'invalid_checkpoint' })
})

test('a run with an aborted signal does not pause, and its last checkpoint still waits for the same call', async () => {
  const controller = new AbortController()
  const taken: Checkpoint[] = []
  const abort = emptyTool({ name: 'abort', annotations: { readOnlyHint: true }, execute: () => controller.abort() })
  const options = { tools: [ask, abort], prompt: 'Ask.', onCheckpoint: (at: Checkpoint) => taken.push(stored(at)) }
  const run = await runLoop({
    ...options,
    model: scriptedModel([several(['ask', {}], ['abort', {}])]),
    signal: controller.signal,
  })
  expect(run.stopReason).toBe('cancelled')
  expect(run.results).toMatchObject([{ error: { kind: 'cancelled' } }, { status: 'ok' }])
  const resumed = await runLoop({ ...options, model: scriptedModel([]), resumeFrom: taken.at(-1) })
  assertPaused(resumed)
  expect(resumed.pending).toMatchObject([{ id: 'c0', tool: 'ask' }])
  const aborted = await runLoop({
    ...options,
    model: scriptedModel([]),
    resumeFrom: taken.at(-1),
    signal: AbortSignal.abort(),
  })
  expect(aborted.stopReason).toBe('cancelled')
})

test('in the answer round nothing waits, because its calls are refused', async () => {
  const model = scriptedModel([calls('ask', {}), says('Done.')])
  const run = await runLoop({ model, tools: [ask], prompt: 'Ask.', limits: { rounds: 1 } })
  expect(run).toMatchObject({ stopReason: 'rounds', results: [{ error: { kind: 'too_many_calls' } }] })
})

test('a run that pauses in its last round with tools answers after the resume', async () => {
  const options = { tools: [ask], prompt: 'Ask.', limits: { rounds: 2 } }
  const run = await pausedRun(options, calls('ask', {}))
  const model = scriptedModel([says('Done.')])
  const decisions = { [only(run).callId]: { value: { reply: 'x' } } }
  const resumed = await runLoop({ ...options, model, resumeFrom: run.checkpoint, decisions })
  expect(resumed).toMatchObject({ stopReason: 'answered', limit: 'rounds' })
  expect(model.requests[0]?.tools).toBeUndefined()
})

test('waiting calls count for the limits of calls, and calls above the limit do not wait', async () => {
  const run = await pausedRun(
    { tools: [ask], prompt: 'Ask.', limits: { callsPerRound: 1 } },
    several(['ask', { question: 'a' }], ['ask', { question: 'b' }]),
  )
  expect(run.pending.map(({ id }) => id)).toEqual(['c0'])
  expect(run.checkpoint.pending[1]).toMatchObject({ result: { error: { kind: 'too_many_calls' } } })
})

test('the time of a pause does not count for the deadline', async () => {
  let time = 0
  const clock = { now: () => time, after: () => () => {} }
  const options = { tools: [ask], prompt: 'Ask.', clock, limits: { deadlineMs: 1_000 } }
  const run = await pausedRun(options, calls('ask', {}))
  time = 100_000
  const decisions = { [only(run).callId]: { value: { reply: 'x' } } }
  const resumed = await runLoop({
    ...options,
    model: scriptedModel([says('Done.')]),
    resumeFrom: run.checkpoint,
    decisions,
  })
  expect(resumed).toMatchObject({ stopReason: 'answered', durationMs: 0 })
})

test.each<[string, () => unknown, string]>([
  ['throws', () => Promise.reject(new Error('no database')), 'approve failed for "refund": no database.'],
  ['returns nothing', () => undefined, 'approve failed for "refund": it returned undefined. It must return'],
  ['returns true', () => true, 'it returned true'],
  ['returns a misspelled text', () => 'Run', 'it returned "Run"'],
  [
    'denies without a reason',
    () => ({ deny: '' }),
    'it returned {"deny":""}: its member deny is ""; it must be a text that tells the model the reason. It must return',
  ],
  ['returns more than a denial', () => ({ deny: 'x', run: true }), 'and a denial has no member "run". It must return'],
])('an approve that %s ends the run as failed, and nothing is executed', async (_, approve, message) => {
  const ran: string[] = []
  const run = await runLoop({
    model: scriptedModel([several(['refund', { order: 1 }], ['refund', { order: 2 }])]),
    tools: [refundTool(ran)],
    prompt: 'Refund.',
    approve: approve as never,
  })
  expect(run).toMatchObject({
    stopReason: 'failed',
    error: { name: 'ApprovalError', code: 'approve_failed', message: expect.stringContaining(message) },
    results: [{ error: { kind: 'cancelled' } }, { error: { kind: 'cancelled' } }],
  })
  expect(ran).toEqual([])
})

test('the deadline ends a run whose approve never settles, and a resumed run asks again', async () => {
  const ran: string[] = []
  const taken: Checkpoint[] = []
  const options = {
    tools: [refundTool(ran)],
    prompt: 'Refund.',
    onCheckpoint: (at: Checkpoint) => taken.push(stored(at)),
  }
  const run = await runLoop({
    ...options,
    model: scriptedModel([calls('refund', { order: 1 })]),
    approve: () => new Promise(() => {}),
    limits: { deadlineMs: 50 },
  })
  expect(run.stopReason).toBe('deadline')
  expect(ran).toEqual([])
  const resumed = await runLoop({
    ...options,
    model: scriptedModel([says('Done.')]),
    resumeFrom: taken.at(-1),
    approve: () => 'run',
  })
  expect(resumed).toMatchObject({ stopReason: 'answered', results: [{ status: 'ok' }] })
})

test('approve cannot change the input that the tool gets', async () => {
  const run = await runLoop({
    model: scriptedModel([calls('refund', { order: 1 }), says('Done.')]),
    tools: [refundTool([])],
    prompt: 'Refund.',
    approve: ({ input }) => {
      Object.assign(input as object, { order: 1_000 })
      return 'run'
    },
  })
  expect(run.results[0]).toMatchObject({ value: { refunded: 1 } })
})

test('approve is not asked about calls that are not executed', async () => {
  const asked: string[] = []
  const approve: RunOptions['approve'] = ({ id }) => {
    asked.push(id)
    return 'run'
  }
  const refunds = several(['refund', { order: 'x' }], ['unknown', {}], ['look', {}], ['look', {}])
  const model = scriptedModel([refunds, calls('look', {}, 'later'), says('Done.')])
  await runLoop({ model, tools: [refundTool([]), look], prompt: 'Work.', approve })
  expect(asked).toEqual(['c2'])
})

test('after a crash approve is not asked again about a call that it has approved', async () => {
  const taken: Checkpoint[] = []
  const options = { tools: [look], prompt: 'Look.' }
  await runLoop({
    ...options,
    model: scriptedModel([calls('look', {}), says('Done.')]),
    approve: () => 'run',
    onCheckpoint: (at) => taken.push(stored(at)),
  })
  expect(taken[0]).toMatchObject({ pending: [{ begun: 1, approved: true }] })
  const run = await runLoop({
    ...options,
    model: scriptedModel([says('Done.')]),
    resumeFrom: taken[0],
    approve: () => 'pause',
  })
  expect(run).toMatchObject({ stopReason: 'answered', results: [{ status: 'ok' }] })
})

test.each<[string, (callId: string) => unknown, string]>([
  ['that are a list', () => [], 'decisions is []; it must be a plain object with a decision for each callId.'],
  ['that are null', () => null, 'decisions is null; it must be a plain object'],
  ['that are a text', () => 'run', 'decisions is "run"; it must be a plain object'],
  ['that are a Map', (callId) => new Map([[callId, 'run']]), 'decisions is an object of the class Map; it must be'],
  [
    'with a misspelled text',
    (callId) => ({ [callId]: 'Run' }),
    `"] is "Run"; it must be 'run', { deny: 'reason' } or { value: … }. Did you mean "run"?`,
  ],
  [
    'with a word for a denial',
    (callId) => ({ [callId]: 'deny' }),
    `"] is "deny"; it must be 'run', { deny: 'reason' } or { value: … }.`,
  ],
  [
    'that pause',
    (callId) => ({ [callId]: 'pause' }),
    'is "pause"; leave the call out of decisions to keep it waiting.',
  ],
  ['with true', (callId) => ({ [callId]: true }), 'is true; it must be'],
  ['with an empty object', (callId) => ({ [callId]: {} }), 'is {}; it must be'],
  ['with two decisions for a call', (callId) => ({ [callId]: { deny: 'x', value: 1 } }), 'it must be'],
  [
    'with a misspelled member',
    (callId) => ({ [callId]: { denny: 'x' } }),
    '.denny is not a decision. Did you mean "deny"?',
  ],
  [
    'with an empty reason',
    (callId) => ({ [callId]: { deny: ' ' } }),
    '.deny is " "; it must be a text that tells the model the reason.',
  ],
  [
    'with undefined as value',
    (callId) => ({ [callId]: { value: undefined } }),
    '.value is undefined; for a tool that returns nothing, pass null.',
  ],
  [
    'with a value that is not JSON',
    (callId) => ({ [callId]: { value: { reply: 'x', at: new Map() } } }),
    '.value contains a Map at /at',
  ],
  [
    'with a value whose getter throws',
    (callId) => ({
      [callId]: {
        value: {
          get reply() {
            throw new Error('Not loaded.')
          },
        },
      },
    }),
    '.value cannot be read: Not loaded.',
  ],
  [
    'with a value that does not fit',
    (callId) => ({ [callId]: { value: { reply: 7 } } }),
    'The output of "ask" does not match its schema:',
  ],
  [
    'that run a tool without execute',
    (callId) => ({ [callId]: 'run' }),
    '"] is "run", but "ask" has no execute; pass { value: … }',
  ],
  [
    'for an unknown call',
    () => ({ 'run/1/7/0123456789abcdef': 'run' }),
    '["run/1/7/0123456789abcdef"] is about a call that this run never had.',
  ],
  ['for another input', (callId) => ({ [callId.replace(/.$/, 'x')]: 'run' }), `never had. Did you mean "run/1/0/`],
  ['for the id in the messages', () => ({ c1: 'run' }), '["c1"] has the id of a call; use its callId "run/1/0/'],
  [
    'of another run',
    () => ({ 'other/1/0/0123456789abcdef': 'run' }),
    'is about a call of the run "other", but resumeFrom is a checkpoint of the run "run".',
  ],
])('decisions %s are refused before any request', async (_, decisions, message) => {
  const options = { tools: [ask], prompt: 'Ask.', runId: 'run' }
  const run = await pausedRun(options, calls('ask', {}, 'c1'))
  const model = scriptedModel([])
  const given = decisions(only(run).callId) as never
  const resumed = runLoop({ ...options, model, resumeFrom: stored(run.checkpoint), decisions: given })
  await expect(resumed).rejects.toMatchObject({
    name: 'LoopError',
    code: 'invalid_option',
    message: expect.stringContaining(message),
  })
  expect(model.requests).toEqual([])
})

test('a decision about a finished call beside a waiting one is ignored', async () => {
  const options = { tools: [ask, look], prompt: 'Ask.' }
  const run = await pausedRun(options, several(['ask', {}], ['look', {}]))
  const [looked] = run.results
  const decisions = { [looked?.callId ?? '']: { deny: 'Too late.' }, [only(run).callId]: { value: { reply: 'Yes' } } }
  const model = scriptedModel([says('Done.')])
  const resumed = await runLoop({ ...options, model, resumeFrom: stored(run.checkpoint), decisions })
  expect(resumed.results).toMatchObject([{ value: { reply: 'Yes' } }, { status: 'ok', value: { seen: 7 } }])
})

test('decisions need a checkpoint, and approve must be a function', async () => {
  const options = { model: scriptedModel([]), prompt: 'Ask.' }
  const decisions = { 'run/1/0/0123456789abcdef': 'run' as const }
  await expect(runLoop({ ...options, decisions })).rejects.toThrow('decisions is given without resumeFrom;')
  const answered = await runLoop({ ...options, model: scriptedModel([says('Hi.')]), decisions: {} })
  expect(answered.stopReason).toBe('answered')
  for (const approve of ['run', true, {}]) {
    await expect(runLoop({ ...options, approve: approve as never })).rejects.toThrow(
      /^approve is .*; it must be a function/,
    )
  }
})

test('a call whose tool is missing after a resume is refused, unless it is denied', async () => {
  const run = await pausedRun({ tools: [ask, look], prompt: 'Ask.' }, calls('ask', {}))
  const model = scriptedModel([])
  const { callId } = only(run)
  for (const decisions of [{}, { [callId]: 'run' as const }, { [callId]: { value: { reply: 'Yes' } } }]) {
    const resumed = runLoop({ tools: [look], prompt: 'Ask.', model, resumeFrom: run.checkpoint, decisions })
    await expect(resumed).rejects.toMatchObject({
      code: 'invalid_option',
      message: `The call "${callId}" waits for the tool "ask", which is not in tools. Pass it again.`,
    })
  }
  expect(model.requests).toEqual([])
})

test('if the tool of a denied call no longer exists, the model gets an error', async () => {
  const run = await pausedRun({ tools: [ask, look], prompt: 'Ask.' }, calls('ask', {}))
  const decisions = { [only(run).callId]: { deny: 'x' } }
  const resumed = await runLoop({
    tools: [look],
    prompt: 'Ask.',
    model: scriptedModel([says('Done.')]),
    resumeFrom: run.checkpoint,
    decisions,
  })
  expect(resumed).toMatchObject({ stopReason: 'answered', results: [{ error: { kind: 'unknown_tool' } }] })
})

test('a call whose input is another one after the resume needs a new decision', async () => {
  const number = emptyTool({
    name: 'number',
    annotations: { readOnlyHint: true, idempotentHint: true },
    execute: () => ({ n: count, rest: 'x'.repeat(2_000) }),
  })
  let count = 1
  const ran: unknown[] = []
  const use = emptyTool({ name: 'use', execute: (input) => ran.push(input) })
  const options = {
    tools: [number, use],
    prompt: 'Use.',
    approve: (call: { tool: string }) => (call.tool === 'use' ? 'pause' : 'run') as 'pause' | 'run',
  }
  const limits = { resultBytes: 256, checkpointBytes: 4_000 }
  const run = await pausedRun(
    { ...options, limits },
    calls('number', {}),
    calls('use', { a: { $result: 'number#/n' } }),
  )
  expect(run.checkpoint.results[0]).toMatchObject({ dropped: 'value' })
  count = 2
  const resumed = await runLoop({
    ...options,
    limits,
    model: scriptedModel([]),
    resumeFrom: stored(run.checkpoint),
    decisions: { [only(run).callId]: 'run' },
  })
  assertPaused(resumed)
  expect(resumed.pending).toMatchObject([{ input: { a: 2 } }])
  expect(resumed.pending[0]?.callId).not.toBe(only(run).callId)
  expect(ran).toEqual([])
})

test('a call that was approved before a crash needs a new decision if its input is another one now', async () => {
  let count = 1
  const number = emptyTool({
    name: 'number',
    annotations: { readOnlyHint: true, idempotentHint: true },
    execute: () => ({ n: count, rest: 'x'.repeat(2_000) }),
  })
  const ran: unknown[] = []
  const annotations = { idempotentHint: true }
  const use = emptyTool({ name: 'use', annotations, execute: (input) => ran.push(input) })
  const limits = { resultBytes: 256, checkpointBytes: 4_000 }
  const taken: Checkpoint[] = []
  const options = { tools: [number, use], prompt: 'Use.', limits, approve: () => 'run' as const }
  const steps = [calls('number', {}), calls('use', { a: { $result: 'number#/n' } }), says('Done.')]
  await runLoop({ ...options, model: scriptedModel(steps), onCheckpoint: (at) => taken.push(stored(at)) })
  const resumeFrom = taken.find(({ pending }) => pending[0]?.name === 'use')
  expect(resumeFrom).toMatchObject({ pending: [{ begun: 1, approved: true }], results: [{ dropped: 'value' }] })
  const same = await runLoop({ ...options, model: scriptedModel([says('Done.')]), resumeFrom })
  expect(same.stopReason).toBe('answered')
  count = 2
  const other = await runLoop({ ...options, model: scriptedModel([]), resumeFrom })
  assertPaused(other)
  expect(other.pending).toMatchObject([{ input: { a: 2 }, reason: 'approve' }])
  expect(ran).toEqual([{ a: 1 }, { a: 1 }])
})

test('a checkpoint of a paused run that is too large is still in the run, as small as possible', async () => {
  const big = emptyTool({ name: 'big', annotations: { readOnlyHint: true }, execute: () => 'x'.repeat(50_000) })
  const limits = { resultBytes: 1_000, checkpointBytes: 1_500 }
  const run = await pausedRun({ tools: [ask, big], prompt: 'Ask.', limits }, several(['big', {}], ['ask', {}]))
  const bytes = Buffer.byteLength(JSON.stringify(run.checkpoint))
  expect(bytes).toBeGreaterThan(1_500)
  expect(bytes).toBeLessThan(6_000)
  expect(run.trace.at(-1)).toMatchObject({
    type: 'warning',
    message: expect.stringContaining('larger than limits.checkpointBytes (1500)'),
  })
})

test('a value that was left out of the checkpoint of a paused run is named in a warning', async () => {
  const log = emptyTool({ name: 'log', execute: () => 'line\n'.repeat(20_000) })
  const options = { tools: [ask, log], prompt: 'Ask.', limits: { checkpointBytes: 30_000 } }
  const run = await pausedRun(options, several(['log', {}], ['ask', {}]))
  const decisions = { [only(run).callId]: { value: { reply: 'Yes' } } }
  const model = scriptedModel([says('Done.')])
  const resumed = await runLoop({ ...options, model, resumeFrom: stored(run.checkpoint), decisions })
  expect(resumed.trace).toContainEqual(
    expect.objectContaining({ type: 'warning', message: expect.stringMatching(/They are lost: c0 \(log\)$/) }),
  )
})

test('events say which calls wait, and in which order', async () => {
  const events: LoopEvent[] = []
  await pausedRun(
    { tools: [ask, look], prompt: 'Ask.', onEvent: (event) => events.push(event) },
    several(['ask', {}], ['look', {}]),
  )
  expect(events.map(({ type }) => type).slice(-4)).toEqual(['tool-start', 'tool-end', 'tool-waiting', 'run-end'])
  expect(events.at(-2)).toMatchObject({ id: 'c0', tool: 'ask', reason: 'no_execute', callId: expect.any(String) })
  expect(events.at(-1)).toMatchObject({ stopReason: 'paused' })
})

test('every JSON document of a paused run has snake_case keys, and its summary is valid', async () => {
  const run = await pausedRun(
    { tools: [ask, look], prompt: 'Ask.' },
    several(['ask', {}], ['look', {}], ['ask', { a: 1 }]),
  )
  const summary = summarizeRun(run)
  for (const document of [run.checkpoint, run.trace, summary]) {
    expect(keysInOtherStyles(JSON.parse(JSON.stringify(document)))).toEqual([])
  }
  expect(compileSchema(runSummarySchema)(JSON.parse(JSON.stringify(summary)))).toEqual([])
  expect(summary).toMatchObject({ stop_reason: 'paused', rounds: 1 })
  expect(summary).not.toHaveProperty('error')
})

test('a replayed cassette pauses in the same way, and answers after the same decision', async () => {
  const options = { tools: [ask], prompt: 'Ask.', runId: 'run' }
  const file = join(await mkdtemp(join(tmpdir(), 'pause-')), 'cassette.json')
  const through = async (model: Model) => {
    const run = await runLoop({ ...options, model })
    assertPaused(run)
    const decisions = { [only(run).callId]: { value: { reply: 'Yes' } } }
    return runLoop({ ...options, model, resumeFrom: stored(run.checkpoint), decisions })
  }
  const recorded = await through(recordModel(scriptedModel([calls('ask', {}), says('Done.')]), file))
  const replayed = await through(replayModel(file))
  expect(replayed.results.map(({ content }) => content)).toEqual(recorded.results.map(({ content }) => content))
  expect(replayed).toMatchObject({ stopReason: 'answered', rounds: 2 })
})

/** A call that may refer to an earlier one, wait, be denied, or be wrong. */
const anyCall = fc.record({
  name: fc.constantFrom('look', 'ask', 'refund', 'show', 'unknown'),
  order: fc.integer({ min: 0, max: 3 }),
  refersTo: fc.option(fc.nat({ max: 3 })),
})

test('a run that is paused any number of times ends like one whose calls are all done at once', async () => {
  const show = emptyTool({ name: 'show', execute: (input) => ({ shown: input }) })
  const replyOf = ({ order }: { readonly order: number }) => ({ reply: `${order}` })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(anyCall, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      async (replies, coins, hasStore) => {
        const steps = replies.map((reply, round) => ({
          toolCalls: reply.map(({ name, order, refersTo }, index) => ({
            id: `r${round}c${index}`,
            name,
            input: { order, ...(refersTo === null ? {} : { data: { $result: `r${round}c${refersTo}` } }) },
          })),
        }))
        const script = [...steps, 'Done.']
        const ran: string[] = []
        const executed = (name: string) =>
          emptyTool({
            name,
            execute: (input, { callId }) => {
              ran.push(callId)
              return name === 'ask' ? replyOf(input as never) : { refunded: input }
            },
          })
        const options = { prompt: 'Work.', runId: 'run', limits: { rounds: 8 } }
        const whole = await runLoop({
          ...options,
          model: scriptedModel(script),
          tools: [look, show, executed('ask'), executed('refund')],
        })
        const ranAtOnce = ran.splice(0).sort()
        const tools = [look, show, declared('ask'), executed('refund')]
        const approve: RunOptions['approve'] = ({ tool }) => (tool === 'refund' ? 'pause' : 'run')
        const model = scriptedModel(script)
        const onCheckpoint = hasStore ? () => {} : undefined
        let run: Run = await runLoop({ ...options, model, tools, approve, onCheckpoint })
        for (let turn = 0; run.stopReason === 'paused'; turn++) {
          const decisions: Record<string, Decision> = {}
          for (const [index, { callId, tool, input }] of run.pending.entries()) {
            // At least one call is decided in each turn, so that the run ends.
            if (index > 0 && coins[(turn + index) % coins.length]) continue
            if (tool === 'ask') ran.push(callId)
            decisions[callId] = tool === 'ask' ? { value: replyOf(input as never) } : 'run'
          }
          run = await runLoop({
            ...options,
            model,
            tools,
            approve,
            onCheckpoint,
            resumeFrom: stored(run.checkpoint),
            decisions,
          })
        }
        const facts = ({ results, messages, rounds, stopReason }: Run) => {
          const timeless = results.map(({ durationMs: _, ...result }) => result)
          // Which results exist when a reference leads nowhere depends on what has run by then.
          const json = JSON.stringify({ results: timeless, messages, rounds, stopReason })
          return JSON.parse(json.replace(/can name: [^$]*\$input/g, 'can name: … $input'))
        }
        expect(facts(run)).toEqual(facts(whole))
        expect(ran.sort()).toEqual(ranAtOnce)
        expect(new Set(ran).size).toBe(ran.length)
      },
    ),
    { numRuns: 150 },
  )
})

test('a run that pauses is continued from any of its checkpoints, and ends in the same way', async () => {
  const show = emptyTool({
    name: 'show',
    annotations: { idempotentHint: true },
    execute: (input, { callId }) => ({ shown: input, callId }),
  })
  const tools = [show, declared('ask')]
  const decide = ({ pending }: Paused): Record<string, Decision> =>
    Object.fromEntries(
      pending.map(({ callId, tool, id }): [string, Decision] =>
        tool === 'ask' ? [callId, { value: id }] : [callId, id.endsWith('1') ? { deny: 'No.' } : 'run'],
      ),
    )
  const toEnd = async (first: RunOptions): Promise<Run> => {
    let run = await runLoop(first)
    while (run.stopReason === 'paused') {
      run = await runLoop({ ...first, resumeFrom: stored(run.checkpoint), decisions: decide(run) })
    }
    return run
  }
  const kinds = fc.constantFrom<['show' | 'ask', boolean]>(['show', false], ['show', true], ['ask', true])
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(kinds, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 }),
      async (replies) => {
        const script = replies.map((reply, round) => ({
          toolCalls: reply.map(([name, waits], index) => ({
            id: `r${round}c${index}`,
            name,
            input: { round, index, waits },
          })),
        }))
        const model = () =>
          scriptedModel(
            Array.from({ length: 20 }, () => ({ messages }) => {
              const round = messages.filter(({ role }) => role === 'assistant').length
              return script[round] ?? 'Done.'
            }),
          )
        const approve: RunOptions['approve'] = ({ input }) => ((input as { waits: boolean }).waits ? 'pause' : 'run')
        const options = { tools, approve, prompt: 'Work.', runId: 'run', limits: { rounds: 6 } }
        const taken: Checkpoint[] = []
        const whole = await toEnd({ ...options, model: model(), onCheckpoint: (at) => taken.push(stored(at)) })
        expect(whole.stopReason).toBe('answered')
        const facts = ({ results, messages }: Run) => ({ contents: results.map(({ content }) => content), messages })
        for (const resumeFrom of taken) {
          expect(facts(await toEnd({ ...options, model: model(), resumeFrom }))).toEqual(facts(whole))
        }
      },
    ),
    { numRuns: 40 },
  )
})

/** A tool that accepts any object and has no execute. */
function declared(name: string) {
  return defineTool({ name, description: name, inputSchema: { type: 'object' } })
}
