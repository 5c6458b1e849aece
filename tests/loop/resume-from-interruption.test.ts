import { expect, test } from 'vitest'
import type { Checkpoint } from '../../lib/loop/checkpoint.ts'
import type { Limits } from '../../lib/loop/limits.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { defineTool } from '../../router/define-tool.ts'
import type { ToolAnnotations } from '../../router/tool.ts'
import { emptyTool } from '../support/factories.ts'
import { calls, type ScriptStep, says, scriptedModel } from '../support/scripted-model.ts'

const never = () => new Promise<never>(() => {})
const prompt = 'Work.'

/** A tool that hangs until it is allowed to answer. */
function gated(name: string, annotations: ToolAnnotations) {
  const state = { isOpen: false, ran: 0 }
  const tool = emptyTool({
    name,
    description: name,
    annotations,
    execute: () => {
      state.ran++
      return state.isOpen ? { ran: state.ran } : never()
    },
  })
  return { state, tool }
}

const both: ScriptStep = () => ({
  toolCalls: [
    { name: 'look', input: {}, id: 'look' },
    { name: 'pay', input: {}, id: 'pay' },
  ],
})

test('a run that is cancelled while tools run is resumed before these tools', async () => {
  const look = gated('look', { readOnlyHint: true })
  const pay = gated('pay', {})
  const controller = new AbortController()
  const taken: Checkpoint[] = []
  const options = { tools: [look.tool, pay.tool], prompt, runId: 'run' }
  const run = await runLoop({
    ...options,
    model: scriptedModel([both]),
    signal: controller.signal,
    onCheckpoint: (at) => taken.push(at),
    onEvent: ({ type }) => {
      if (type === 'tool-start') setImmediate(() => controller.abort())
    },
  })
  expect(run.stopReason).toBe('cancelled')
  expect(taken.at(-1)?.pending).toHaveLength(2)
  look.state.isOpen = pay.state.isOpen = true
  const resumed = await runLoop({
    ...options,
    model: scriptedModel([says('Done.')]),
    resumeFrom: structuredClone(taken.at(-1)) as Checkpoint,
  })
  expect(resumed.results).toMatchObject([{ status: 'ok' }, { error: { kind: 'outcome_unknown' } }])
  expect({ looked: look.state.ran, paid: pay.state.ran }).toEqual({ looked: 2, paid: 1 })
})

test('a reply is saved before it is checked, and an interrupted check is repeated without another reply', async () => {
  const controller = new AbortController()
  const taken: Checkpoint[] = []
  const answer = { schema: { type: 'object' } } as const
  const run = await runLoop({
    model: scriptedModel([says('{"a":1}')]),
    prompt,
    answer: {
      ...answer,
      check: () => {
        controller.abort(new Error('shutdown'))
        return never()
      },
    },
    limits: { rounds: 1 },
    signal: controller.signal,
    onCheckpoint: (at) => taken.push(at),
  })
  expect(run).toMatchObject({ stopReason: 'cancelled', error: { message: 'shutdown' } })
  expect(run.trace.map(({ type }) => type)).not.toContain('warning')
  expect(taken).toHaveLength(1)
  let checked: unknown
  const check = (value: unknown) => {
    checked = value
    return []
  }
  const resumed = await runLoop({
    model: scriptedModel([]),
    prompt,
    answer: { ...answer, check },
    limits: { rounds: 1 },
    resumeFrom: JSON.parse(JSON.stringify(taken[0])) as Checkpoint,
  })
  expect(resumed).toMatchObject({ stopReason: 'answered', answer: { a: 1 }, rounds: 1 })
  expect(checked).toEqual({ a: 1 })
})

test('a deadline during a check in the answer round is a deadline', async () => {
  const answer = { schema: { type: 'object' }, check: never } as const
  const limits = { rounds: 1, deadlineMs: 60 }
  const run = await runLoop({ model: scriptedModel([says('{}')]), prompt, answer, limits })
  expect(run.stopReason).toBe('deadline')
})

test('a listener that aborts the run before the model call prevents the call', async () => {
  for (const type of ['run-start', 'round-start'] as const) {
    const controller = new AbortController()
    const model = scriptedModel([])
    const run = await runLoop({
      model,
      prompt,
      signal: controller.signal,
      onEvent: (event) => event.type === type && controller.abort(),
    })
    expect(run.stopReason).toBe('cancelled')
    expect(model.requests).toEqual([])
  }
})

/** Its result is clipped for the model, so its full value is the first part that a checkpoint drops. */
function big(annotations: ToolAnnotations, outcomes: (() => unknown)[]) {
  const execute = () => outcomes.shift()?.() ?? { pad: 'x'.repeat(5000), n: 0 }
  return emptyTool({ name: 'big', description: 'Big.', annotations, execute })
}
const take = defineTool({
  name: 'take',
  description: 'Takes a text.',
  inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
  annotations: { readOnlyHint: true },
  execute: ({ text }) => text.length,
})
const limits: Partial<Limits> = { resultBytes: 400, checkpointBytes: 4500 }
const script = [calls('big', {}), calls('take', { text: { $result: 'big#/pad' } }), says('Done.')]

async function cutAfterTwoRounds(tool: ReturnType<typeof big>) {
  const taken: Checkpoint[] = []
  await runLoop({
    model: scriptedModel(script),
    tools: [tool, take],
    prompt,
    limits,
    onCheckpoint: (at) => taken.push(at),
  })
  const at = taken.find(({ rounds, pending }) => rounds === 2 && pending.length === 0)
  if (at === undefined) throw new Error('No checkpoint was taken after the second round.')
  return structuredClone(at)
}

test('a dropped result whose tool fails on resume is lost with a warning, and results derived from it are kept', async () => {
  const tool = big({ idempotentHint: true }, [])
  const resumeFrom = await cutAfterTwoRounds(tool)
  expect(resumeFrom.results[0]).toMatchObject({ dropped: 'value' })
  const broken = big({ idempotentHint: true }, [
    () => {
      throw new Error('503')
    },
  ])
  const model = scriptedModel([calls('take', { text: { $result: 'big#/pad' }, n: 1 }, 'again'), says('Done.')])
  const run = await runLoop({ model, tools: [broken, take], prompt, limits, resumeFrom })
  expect(run).toMatchObject({
    stopReason: 'answered',
    results: [{ status: 'ok' }, { value: 5000 }, { status: 'error' }],
  })
  expect(run.results[2]).toMatchObject({ error: { kind: 'unresolved_reference' } })
  expect(run.trace).toContainEqual(expect.objectContaining({ type: 'warning', source: 'resumeFrom' }))
})

test('a value that one resume could not derive is derived by the next', async () => {
  const fail = () => {
    throw new Error('503')
  }
  const resumeFrom = await cutAfterTwoRounds(big({ idempotentHint: true }, []))
  const taken: Checkpoint[] = []
  const options = { prompt, limits, runId: resumeFrom.run_id }
  await runLoop({
    ...options,
    model: scriptedModel([calls('take', { text: 'x' }, 'again'), says('Done.')]),
    tools: [big({ idempotentHint: true }, [fail]), take],
    resumeFrom,
    onCheckpoint: (at) => taken.push(structuredClone(at)),
  })
  const [next] = taken
  if (next === undefined) throw new Error('No checkpoint was taken.')
  const run = await runLoop({
    ...options,
    model: scriptedModel([says('Done.')]),
    tools: [big({ idempotentHint: true }, []), take],
    resumeFrom: next,
  })
  expect(run.results[0]).toMatchObject({ value: { n: 0 } })
})

test('the results of a tool that is missing on resume stay as they were', async () => {
  const resumeFrom = await cutAfterTwoRounds(big({ idempotentHint: true }, []))
  const run = await runLoop({ model: scriptedModel([says('Done.')]), prompt, limits, resumeFrom })
  expect(run).toMatchObject({ stopReason: 'answered', results: [{ status: 'ok' }, { status: 'ok', value: 5000 }] })
})

test('a tool that is read-only but not idempotent never runs again on resume', async () => {
  let asked = 0
  const count = () => ({ pad: 'x'.repeat(5000), n: ++asked })
  const live = big({ readOnlyHint: true, idempotentHint: false }, [count, count])
  const taken: Checkpoint[] = []
  const room = { ...limits, checkpointBytes: 20_000 }
  const options = { tools: [live, take], prompt, limits: room }
  await runLoop({ ...options, model: scriptedModel(script), onCheckpoint: (at) => taken.push(at) })
  const run = await runLoop({
    ...options,
    model: scriptedModel([]),
    resumeFrom: structuredClone(taken.at(-1)) as Checkpoint,
  })
  expect(run.results[0]).toMatchObject({ value: { n: 1 } })
  expect(asked).toBe(1)
})

test('a run that is resumed after its deadline ends, and no pending tool runs', async () => {
  const look = gated('look', { readOnlyHint: true })
  look.state.isOpen = true
  const taken: Checkpoint[] = []
  const options = { tools: [look.tool], prompt, runId: 'run' }
  const model = scriptedModel([calls('look', {}), says('Done.')])
  await runLoop({ ...options, model, onCheckpoint: (at) => taken.push(at) })
  const resumeFrom = { ...structuredClone(taken[0] as Checkpoint), elapsed_ms: 1e9 }
  const run = await runLoop({ ...options, model: scriptedModel([]), resumeFrom })
  expect(run.stopReason).toBe('deadline')
  expect(look.state.ran).toBe(1)
})
