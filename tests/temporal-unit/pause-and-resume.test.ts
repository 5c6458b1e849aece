import { randomUUID } from 'node:crypto'
import { MockActivityEnvironment } from '@temporalio/testing'
import { describe, expect, test } from 'vitest'
import type { Checkpoint } from '../../lib/loop/checkpoint.ts'
import { packCheckpoint, unpackJson } from '../../lib/temporal/checkpoint-codec.ts'
import {
  type ActivityHistory,
  type ActivityResult,
  type Decision,
  loopActivity,
  type PackedCheckpoint,
  type PausedResult,
} from '../../lib/temporal/index.ts'
import { messagesLimitBytes, pausedLimitBytes } from '../../lib/temporal/payload-state.ts'
import { defineTool } from '../../router/define-tool.ts'
import { emptyTool } from '../support/factories.ts'
import { keysInOtherStyles } from '../support/key-styles.ts'
import { calls, fails, type ScriptStep, says, scriptedModel } from '../support/scripted-model.ts'
import { seededText } from '../support/seeded-text.ts'
import { overloaded } from '../temporal/support/one-run.ts'

/** Arguments of an activity that can pause. */
interface Input {
  readonly prompt?: string
  readonly checkpoint?: PackedCheckpoint | null
  readonly decisions?: Readonly<Record<string, Decision>> | null
  readonly history?: ActivityHistory | null
}

const askBoth = {
  toolCalls: [
    { name: 'pay', input: {}, id: 'a' },
    { name: 'ask', input: {}, id: 'b' },
  ],
}

/** An activity with a tool `pay` that needs approval and a tool `ask` that a person answers. */
function site(steps: readonly ScriptStep[], options: { readonly acted?: boolean; readonly messages?: true } = {}) {
  const model = scriptedModel(steps)
  const keys: string[] = []
  const note = (_: unknown, { callId }: { readonly callId: string }) => {
    keys.push(callId)
    return 'paid'
  }
  const tools = [
    emptyTool({ name: 'pay', execute: note }),
    emptyTool({ name: 'note', execute: note }),
    defineTool({ name: 'ask', description: 'Asks a person.', inputSchema: { type: 'object' } }),
    defineTool({
      name: 'look',
      description: 'A person looks at it.',
      inputSchema: { type: 'object' },
      annotations: { readOnlyHint: true },
    }),
    emptyTool({ name: 'export', execute: () => ({ rows: seededText(1)(1_400_000) }) }),
  ]
  const activity = loopActivity(
    ({ prompt = 'Pay.', checkpoint, decisions, history }: Input) => ({
      model,
      tools,
      prompt,
      history,
      resumeFrom: checkpoint,
      ...(decisions && { decisions }),
      approve: ({ tool }) => (tool === 'pay' ? 'pause' : 'run'),
      limits: { resultBytes: 4_000_000, messageBytes: 16_000_000 },
    }),
    { messages: options.messages ?? false } as { readonly messages: true },
  )
  const heartbeats: unknown[] = []
  /** @param heartbeatDetails of the attempt before, if there was one; `activityId` tells whether it is the same activity. */
  const run = (
    input: Input,
    heartbeatDetails?: unknown,
    activityId: string = randomUUID(),
  ): Promise<ActivityResult> => {
    const environment = new MockActivityEnvironment({
      heartbeatTimeoutMs: 60_000,
      startToCloseTimeoutMs: 600_000,
      scheduleToCloseTimeoutMs: 0,
      // Each activity is one of its own for the state that a process keeps.
      activityId,
      ...(heartbeatDetails === undefined ? {} : { attempt: 3, heartbeatDetails }),
    })
    environment.on('heartbeat', (details: unknown) => heartbeats.push(details))
    // Arguments are payloads.
    return environment.run(activity, JSON.parse(JSON.stringify(input)))
  }
  return { run, keys, model, heartbeats }
}

async function paused(run: Promise<ActivityResult>): Promise<PausedResult> {
  const result = await run
  if (result.stop_reason !== 'paused') throw new Error(`The run is not paused: ${result.stop_reason}`)
  return result
}

function idOf({ pending }: PausedResult, tool: string): string {
  return pending.find((call) => call.tool === tool)?.call_id ?? ''
}

describe('an activity whose run waits', () => {
  test('returns the calls and the checkpoint as a snake_case document', async () => {
    const { run } = site([askBoth])
    const result = await paused(run({}))
    expect(result.pending).toMatchObject([
      { id: 'a', tool: 'pay', input: {}, reason: 'approve' },
      { id: 'b', tool: 'ask', input: {}, reason: 'no_execute' },
    ])
    expect(keysInOtherStyles(result)).toEqual([])
    expect(keysInOtherStyles(unpackJson(result.checkpoint))).toEqual([])
  })

  test('continues with decisions, and the model gets both results', async () => {
    const { run, keys, model } = site([askBoth, says('Done.')])
    const first = await paused(run({}))
    const decisions: Record<string, Decision> = {
      [idOf(first, 'pay')]: 'run',
      [idOf(first, 'ask')]: { value: { age: 42 } },
    }
    const second = await run({ checkpoint: first.checkpoint, decisions })
    expect(second).toMatchObject({ stop_reason: 'answered', answer: 'Done.', rounds: 2 })
    expect(keys).toEqual([idOf(first, 'pay')])
    const results = model.requests[1]?.messages.slice(-2).map(({ content }) => content)
    expect(results).toEqual([expect.stringContaining('paid'), expect.stringContaining('42')])
  })

  test('waits again for the calls without a decision, and asks no model', async () => {
    const { run, model } = site([askBoth, says('Done.')])
    const first = await paused(run({}))
    const second = await paused(
      run({ checkpoint: first.checkpoint, decisions: { [idOf(first, 'ask')]: { deny: 'No time.' } } }),
    )
    expect(second.pending.map(({ tool }) => tool)).toEqual(['pay'])
    expect(model.requests).toHaveLength(1)
    const third = await run({ checkpoint: second.checkpoint, decisions: { [idOf(first, 'pay')]: 'run' } })
    expect(third).toMatchObject({ stop_reason: 'answered' })
  })

  test('gives the same decisions to every attempt, and the tool runs once', async () => {
    const { run, keys, heartbeats } = site([calls('pay', {}, 'a'), fails(overloaded), says('Done.')])
    const first = await paused(run({}))
    const input: Input = { checkpoint: first.checkpoint, decisions: { [idOf(first, 'pay')]: 'run' } }
    await expect(run(input)).rejects.toMatchObject({ type: 'ModelError.overloaded' })
    expect(await run(input, heartbeats.at(-1))).toMatchObject({ stop_reason: 'answered', answer: 'Done.' })
    expect(keys).toEqual([idOf(first, 'pay')])
  })

  test('pauses at the same calls if its worker is lost before the server has the result', async () => {
    const { run, keys, model, heartbeats } = site([
      { toolCalls: [{ name: 'note', input: {}, id: 'c' }, ...askBoth.toolCalls] },
      says('Done.'),
    ])
    const first = await paused(run({}, undefined, 'lost'))
    // Another worker had the second attempt, so the state in this process is not used.
    const details = { ...(heartbeats.at(-1) as object), progress: { doing: 'x', attempt: 2 } }
    const again = await paused(run({}, details, 'lost'))
    expect(again.pending.map(({ id }) => id)).toEqual(first.pending.map(({ id }) => id))
    expect(keys).toHaveLength(1)
    expect(model.requests).toHaveLength(1)
  })

  test.each<readonly [string, Record<string, Decision>]>([
    ['a call that the run never had', { 'unknown/1/0': 'run' }],
    ['running a tool without execute', {}],
  ])('refuses %s before any request, without a retry', async (_, wrong) => {
    const { run, model } = site([askBoth, says('Done.')])
    const first = await paused(run({}))
    const decisions = Object.keys(wrong).length > 0 ? wrong : { [idOf(first, 'ask')]: 'run' as const }
    const failed = run({ checkpoint: first.checkpoint, decisions })
    await expect(failed).rejects.toMatchObject({ type: 'LoopError', nonRetryable: true })
    expect(model.requests).toHaveLength(1)
  })
})

describe('a checkpoint of another prompt in an activity', () => {
  test('gives a clean start with a warning in the trace', async () => {
    const { run, model } = site([calls('pay', {}, 'a'), says('Done.')])
    const first = await paused(run({}))
    const decisions: Record<string, Decision> = { [idOf(first, 'pay')]: { deny: 'No.' } }
    const result = await run({ prompt: 'Pay at once.', checkpoint: first.checkpoint, decisions })
    expect(result).toMatchObject({ stop_reason: 'answered', rounds: 1 })
    expect(result.trace).toContainEqual(
      expect.objectContaining({ type: 'warning', message: expect.stringMatching(/starts again.*prompt/) }),
    )
    expect(model.requests[1]?.messages.at(-1)?.content).toContain('Pay at once.')
  })

  test('fails without a retry if a tool with side effects has run', async () => {
    const { run, model } = site([calls('pay', {}, 'a'), calls('ask', {}, 'b'), says('Done.')])
    const first = await paused(run({}))
    const second = await paused(run({ checkpoint: first.checkpoint, decisions: { [idOf(first, 'pay')]: 'run' } }))
    const failed = run({ prompt: 'Pay at once.', checkpoint: second.checkpoint })
    await expect(failed).rejects.toMatchObject({
      type: 'CheckpointOfAnotherVersion',
      nonRetryable: true,
      message: expect.stringMatching(
        /another prompt\..*side effects: pay \(.*call the activity again with the same checkpoint/,
      ),
    })
    expect(model.requests).toHaveLength(2)
  })

  test('gives a clean start if a person has answered a question', async () => {
    const { run } = site([calls('look', {}, 'a'), says('Done.')])
    const first = await paused(run({}))
    const decisions: Record<string, Decision> = { [idOf(first, 'look')]: { value: 'It is red.' } }
    const result = await run({ prompt: 'Look again.', checkpoint: first.checkpoint, decisions })
    expect(result).toMatchObject({ stop_reason: 'answered', rounds: 1 })
  })

  test('fails without a retry if a call with side effects was done elsewhere', async () => {
    const { run, model } = site([calls('ask', {}, 'a'), says('Done.')])
    const first = await paused(run({}))
    const decisions: Record<string, Decision> = { [idOf(first, 'ask')]: { value: 1 } }
    const failed = run({ prompt: 'Pay at once.', checkpoint: first.checkpoint, decisions })
    await expect(failed).rejects.toMatchObject({
      type: 'CheckpointOfAnotherVersion',
      nonRetryable: true,
      message: expect.stringContaining(`done elsewhere: ask (${idOf(first, 'ask')}).`),
    })
    expect(model.requests).toHaveLength(1)
  })
})

describe('sizes', () => {
  test('a checkpoint that is too large for a payload fails the activity, and the message has the size', async () => {
    const { run } = site([calls('export', {}, 'a'), calls('ask', {}, 'b')])
    await expect(run({})).rejects.toMatchObject({
      type: 'ResultTooLarge',
      nonRetryable: true,
      message: expect.stringMatching(new RegExp(`checkpoint of the paused run is \\d{7} bytes.*${pausedLimitBytes}`)),
    })
  })

  test('a conversation that is too large for a payload fails the activity, and the message has the size', async () => {
    const { run } = site([calls('export', {}, 'a'), says('Done.')], { messages: true })
    await expect(run({})).rejects.toMatchObject({
      type: 'ResultTooLarge',
      nonRetryable: true,
      message: expect.stringMatching(new RegExp(`conversation is \\d{7} bytes.*${messagesLimitBytes}`)),
    })
  })
})

describe('a follow-up question', () => {
  test('continues the conversation', async () => {
    const { run, model } = site([says('It is 4 degrees.'), says('Yes.')], { messages: true })
    const first = await run({ prompt: 'How warm is it?' })
    if (!('messages' in first)) throw new Error('no messages')
    const second = await run({ prompt: 'Is that cold?', history: first.messages as ActivityHistory })
    expect(second).toMatchObject({ answer: 'Yes.' })
    const sent = model.requests[1]?.messages.filter(({ role }) => role !== 'system').map(({ content }) => content)
    expect(sent).toEqual(['How warm is it?', 'It is 4 degrees.', 'Is that cold?'])
  })

  test('is not in the result unless the setting asks for it', async () => {
    const { run } = site([says('It is 4 degrees.')])
    expect(await run({})).not.toHaveProperty('messages')
  })

  test.each<readonly [string, unknown]>([
    ['a checkpoint', packCheckpoint({ run_id: 'r' } as Partial<Checkpoint>)],
    ['cut off', { encoding: 'gzip+base64', data: 'H4sI' }],
    ['a text', 'How warm is it?'],
  ])('fails without a retry if the history is %s', async (_, history) => {
    const { run, model } = site([says('Yes.')])
    const failed = run({ history: history as ActivityHistory })
    await expect(failed).rejects.toMatchObject({
      type: 'LoopError',
      nonRetryable: true,
      message: expect.stringContaining('history'),
    })
    expect(model.requests).toHaveLength(0)
  })
})
