import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Checkpoint } from '../../lib/loop/checkpoint.ts'
import type { Model } from '../../lib/loop/model.ts'
import type { Run } from '../../lib/loop/run.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { defineTool } from '../../router/define-tool.ts'
import type { ToolAnnotations } from '../../router/tool.ts'
import { emptyTool, usage } from '../support/factories.ts'
import { calls, type ScriptStep, says, scriptedModel } from '../support/scripted-model.ts'

const kinds: Readonly<Record<string, ToolAnnotations>> = {
  act: {},
  act_again: { idempotentHint: false },
  look: { readOnlyHint: true },
  poll: { readOnlyHint: true, idempotentHint: false },
  set: { idempotentHint: true },
  compute: { readOnlyHint: true, idempotentHint: true },
}
const unsafe = ['act', 'act_again']

/** One object, because schemas are compiled once per object. */
const inputSchema = {
  type: 'object',
  properties: { n: { type: 'string' } },
  required: ['n'],
  additionalProperties: false,
} as const

const never = new Promise<never>(() => {})

/** A run over several processes: what they share, and what the tools did. */
interface World {
  /** Names of the tools that each round calls. */
  readonly script: readonly (readonly string[])[]
  /** Whether the model's input differs each time it is asked for the same round. */
  readonly isFickle: boolean
  /** Whether the n-th checkpoint is rejected by the store. */
  readonly isRejected: readonly boolean[]
  /** Number of the step at which each process ends. The last process does not end. */
  readonly ends: readonly number[]
}

/** Runs one process after another on one store until a run returns. */
async function survive({ script, isFickle, isRejected, ends }: World) {
  const effects: { readonly tool: string; readonly input: string; readonly callId: string }[] = []
  const asked: number[] = []
  let stored: string | undefined
  let saved = 0

  async function startProcess(endsAt: number): Promise<Run | 'ended'> {
    const controller = new AbortController()
    let steps = 0
    let hasEnded = false
    let end: (value: 'ended') => void = () => {}
    const ended = new Promise<'ended'>((resolve) => {
      end = resolve
    })
    /** A step of this process. Nothing goes on after its end. */
    const step = async (): Promise<void> => {
      if (!hasEnded && steps++ === endsAt) {
        hasEnded = true
        end('ended')
      }
      if (hasEnded) await never
    }
    const tools = Object.entries(kinds).map(([name, annotations]) =>
      defineTool({
        name,
        description: name,
        inputSchema,
        annotations,
        execute: async ({ n }, { callId }) => {
          await step()
          if (hasEnded) await never
          effects.push({ tool: name, input: n, callId })
          await step()
          return n
        },
      }),
    )
    const model: Model = {
      name: 'model',
      provider: 'test',
      complete: async ({ messages }) => {
        await step()
        const round = messages.filter(({ role }) => role === 'assistant').length
        asked[round] = (asked[round] ?? 0) + 1
        const names = script[round]
        if (names === undefined) {
          return { message: { role: 'assistant', content: 'Done.' }, finishReason: 'stop', usage: usage() }
        }
        const tool_calls = names.map((name, index) => {
          const n = `${round}/${index}${isFickle ? ` ${asked[round]}` : ''}`
          return { id: `c${round}_${index}`, type: 'function', function: { name, arguments: JSON.stringify({ n }) } }
        })
        return { message: { role: 'assistant', tool_calls }, finishReason: 'tool_calls', usage: usage() }
      },
    }
    const run = runLoop({
      model,
      tools,
      prompt: 'Work.',
      runId: 'run',
      limits: { rounds: 20 },
      signal: controller.signal,
      onCheckpoint: async (checkpoint) => {
        const text = JSON.stringify(checkpoint)
        await step()
        if (isRejected[saved++] === true) throw new Error('The store is away')
        stored = text
        await step()
      },
      ...(stored === undefined ? {} : { resumeFrom: JSON.parse(stored) as Checkpoint }),
    })
    const outcome = await Promise.race([run, ended])
    controller.abort()
    return outcome
  }

  for (const endsAt of [...ends, Number.POSITIVE_INFINITY]) {
    const run = await startProcess(endsAt)
    if (run !== 'ended') return { run, effects }
  }
  throw new Error('The last process ended')
}

const world: fc.Arbitrary<World> = fc.record({
  script: fc.array(fc.array(fc.constantFrom(...Object.keys(kinds)), { minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 5,
  }),
  isFickle: fc.boolean(),
  isRejected: fc.oneof(fc.constant([]), fc.array(fc.boolean(), { minLength: 1, maxLength: 12 })),
  ends: fc.array(fc.nat({ max: 14 }), { minLength: 1, maxLength: 5 }),
})

test('no process end and no lost checkpoint makes a tool with side effects act twice', async () => {
  await fc.assert(
    fc.asyncProperty(world, async (given) => {
      const { run, effects } = await survive(given)
      expect(run.stopReason).toBe('answered')
      expect(run.results).toHaveLength(given.script.flat().length)
      const actions = effects.filter(({ tool }) => unsafe.includes(tool))
      expect(new Set(actions.map(({ callId }) => callId)).size).toBe(actions.length)
      expect(new Set(actions.map(({ tool, input }) => `${tool} ${input}`)).size).toBe(actions.length)
      // The same key means the same input, and the other way round.
      const pairs = new Set(effects.map(({ callId, tool, input }) => `${callId} ${tool} ${input}`))
      expect(new Set(effects.map(({ callId }) => callId)).size).toBe(pairs.size)
      expect(new Set(effects.map(({ tool, input }) => `${tool} ${input}`)).size).toBe(pairs.size)
      if (given.isRejected.includes(true)) return
      // Without a lost checkpoint, no call that is alone in its reply is started more than twice.
      for (const [round, names] of given.script.entries()) {
        if (names.length > 1) continue
        const alone = effects.filter(({ callId }) => callId.startsWith(`run/${round + 1}/`))
        for (const { callId } of alone) {
          expect(alone.filter((effect) => effect.callId === callId).length).toBeLessThanOrEqual(2)
        }
      }
    }),
    { numRuns: 200 },
  )
})

/** Rounds of calls, then an answer. */
function replies(...rounds: readonly (readonly string[])[]): readonly ScriptStep[] {
  return [
    ...rounds.map(
      (names, round): ScriptStep =>
        () => ({ toolCalls: names.map((name, index) => ({ name, input: {}, id: `${name}_${round}_${index}` })) }),
    ),
    says('Done.'),
  ]
}

function counting() {
  const ran: string[] = []
  const tools = Object.entries(kinds).map(([name, annotations]) =>
    emptyTool({ name, annotations, execute: () => ran.push(name) }),
  )
  return { ran, tools }
}

test('the step after a checkpoint has side effects if it calls a tool that is neither read-only nor idempotent', async () => {
  const { tools } = counting()
  const steps: unknown[] = []
  const rounds = [['look', 'set', 'compute', 'poll'], ['look', 'act'], ['act_again'], ['no_such_tool']]
  await runLoop({
    model: scriptedModel(replies(...rounds)),
    tools,
    prompt: 'Work.',
    onCheckpoint: ({ rounds: round, pending, pending_answer }, { sideEffects }) => {
      steps.push([round, pending.length > 0 ? 'calls' : pending_answer === null ? 'model' : 'answer', sideEffects])
    },
  })
  expect(steps).toEqual([
    [1, 'calls', false],
    [1, 'model', false],
    [2, 'calls', true],
    [2, 'model', false],
    [3, 'calls', true],
    [3, 'model', false],
    [4, 'calls', false],
    [4, 'model', false],
    [5, 'answer', false],
    [5, 'model', false],
  ])
})

test('while checkpoints are rejected, only read-only and idempotent tools run, and the run goes on', async () => {
  const { ran, tools } = counting()
  const model = scriptedModel(replies(['act', 'look', 'set', 'act_again'], ['act', 'compute']))
  const run = await runLoop({
    model,
    tools,
    prompt: 'Work.',
    onCheckpoint: () => Promise.reject(new Error('The database is away')),
  })
  expect(run.stopReason).toBe('answered')
  expect(ran).toEqual(['look', 'set', 'compute'])
  const refused = { error: { kind: 'not_recorded', message: expect.stringContaining('The database is away') } }
  expect(run.results).toMatchObject([refused, { value: 1 }, { value: 2 }, refused, refused, { value: 3 }])
  expect(run.trace).toContainEqual(
    expect.objectContaining({ type: 'warning', source: 'onCheckpoint', message: 'The database is away' }),
  )
})

test('a refused call runs when it is asked for again and the store is back', async () => {
  const { ran, tools } = counting()
  const taken: Checkpoint[] = []
  let saved = 0
  const run = await runLoop({
    model: scriptedModel(replies(['act'], ['act'])),
    tools,
    prompt: 'Work.',
    onCheckpoint: (at) => {
      if (saved++ === 0) throw new Error('away')
      taken.push(structuredClone(at))
    },
  })
  expect(ran).toEqual(['act'])
  expect(run.results).toMatchObject([{ error: { kind: 'not_recorded' } }, { status: 'ok' }])
  expect(taken.map(({ has_side_effects }) => has_side_effects)).toEqual([false, true, true, true, true])
})

test.each(['deadline', 'cancelled'] as const)(
  'no tool runs while a checkpoint hangs, until the run is %s',
  async (reason) => {
    const { ran, tools } = counting()
    const controller = new AbortController()
    if (reason === 'cancelled') setTimeout(() => controller.abort(), 30)
    const run = await runLoop({
      model: scriptedModel(replies(['act', 'look'])),
      tools,
      prompt: 'Work.',
      limits: { deadlineMs: reason === 'deadline' ? 30 : 60_000 },
      signal: controller.signal,
      onCheckpoint: () => never,
    })
    expect(run.stopReason).toBe(reason)
    expect(run.results.map(({ status }) => status)).toEqual(['error', 'error'])
    expect(ran).toEqual([])
  },
)

test('a checkpoint is awaited even if it is a query that starts when it is awaited', async () => {
  const { ran, tools } = counting()
  const query = {}
  Reflect.set(query, 'then', (resolve: () => void) => {
    ran.push('stored')
    resolve()
  })
  await runLoop({ model: scriptedModel(replies(['act'])), tools, prompt: 'Work.', onCheckpoint: () => query })
  expect(ran.slice(0, 2)).toEqual(['stored', 'act'])
})

test('a call whose process ended twice is not started again, and an identical later call gets the same error', async () => {
  const { ran, tools } = counting()
  const taken: Checkpoint[] = []
  const options = { tools, prompt: 'Work.', onCheckpoint: (at: Checkpoint) => taken.push(structuredClone(at)) }
  await runLoop({ ...options, model: scriptedModel(replies(['look'])) })
  const [first] = taken.splice(0) as [Checkpoint]
  await runLoop({ ...options, model: scriptedModel(replies()), resumeFrom: first })
  const [second] = taken.splice(0) as [Checkpoint]
  expect([first.pending, second.pending]).toMatchObject([[{ begun: 1 }], [{ begun: 2 }]])
  ran.length = 0
  const run = await runLoop({ ...options, model: scriptedModel(replies(['look'])), resumeFrom: second })
  expect(ran).toEqual([])
  const error = { kind: 'ended_process' }
  expect(run.results).toMatchObject([{ error }, { error, servedFrom: 'look_0_0' }])
  expect(run.stopReason).toBe('answered')
})

test('a model that asks for another input after a lost checkpoint gives the call another key', async () => {
  const keys: unknown[] = []
  const transfer = emptyTool({
    name: 'transfer',
    annotations: { idempotentHint: true },
    execute: (input, { callId }) => keys.push([input, callId.replace('run/1/0/', '')]),
  })
  for (const input of [{ eur: 10 }, { eur: 15 }, { eur: 10 }, { eur: '10' }, { eur: { $input: 'amount' } }]) {
    await runLoop({
      model: scriptedModel([calls('transfer', input), says('Done.')]),
      tools: [transfer],
      inputs: { amount: 10 },
      prompt: 'Pay.',
      runId: 'run',
    })
  }
  const [ten, fifteen, again, text, reference] = keys as [unknown, string][]
  expect(again).toEqual(ten)
  // The key depends on the input that the tool gets, not on how the model wrote it.
  expect(reference).toEqual(ten)
  expect(new Set([ten?.[1], fifteen?.[1], text?.[1]]).size).toBe(3)
})

test('a key depends on the value that a tool gets for a reference to a result, and after a conversion', async () => {
  const keys: string[] = []
  const transfer = defineTool({
    name: 'transfer',
    description: 'Transfers money.',
    inputSchema: { type: 'object', properties: { eur: { type: 'integer' } }, required: ['eur'] },
    execute: (_, { callId }) => keys.push(callId),
  })
  const price = emptyTool({ name: 'price', execute: () => 10 })
  for (const eur of [10, '10', { $result: 'price' }, 15]) {
    const model = scriptedModel([calls('price', {}), calls('transfer', { eur }), says('Done.')])
    await runLoop({ model, tools: [price, transfer], prompt: 'Pay.', runId: 'run' })
  }
  const [ten, converted, referenced, fifteen] = keys
  expect(ten).toMatch(/^run\/2\/0\/[0-9a-f]{16}$/)
  expect([converted, referenced]).toEqual([ten, ten])
  expect(fifteen).not.toBe(ten)
})

/** A model call never returns and a tool never ends in a process that is over. */
const inputOf = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] } as const

/** Runs the calls 0 to 4 of one reply in process after process. The process ends when one of `deadly` has run. */
async function runWithDeadlyCalls(deadly: readonly number[], annotations: ToolAnnotations) {
  const ran: number[] = []
  let stored: string | undefined
  for (let processes = 1; processes < 20; processes++) {
    let end: (value: 'ended') => void = () => {}
    const ended = new Promise<'ended'>((resolve) => (end = resolve))
    let isOver = false
    const tool = defineTool({
      name: 'work',
      description: 'Works.',
      inputSchema: inputOf,
      annotations,
      execute: async ({ n }) => {
        await Promise.resolve()
        if (isOver) await never
        ran.push(n)
        if (!deadly.includes(n)) return n
        isOver = true
        end('ended')
        return never
      },
    })
    const model = scriptedModel([
      ...(stored === undefined
        ? [
            (): ReturnType<Extract<ScriptStep, (...given: never[]) => unknown>> => ({
              toolCalls: [0, 1, 2, 3, 4].map((n) => ({ name: 'work', input: { n }, id: `c${n}` })),
            }),
          ]
        : []),
      says('Done.'),
    ])
    const run = runLoop({
      model,
      tools: [tool],
      prompt: 'Work.',
      onCheckpoint: (at) => {
        if (!isOver) stored = JSON.stringify(at)
      },
      ...(stored === undefined ? {} : { resumeFrom: JSON.parse(stored) as Checkpoint }),
    })
    const outcome = await Promise.race([run, ended])
    if (outcome !== 'ended') return { run: outcome, ran, processes }
  }
  throw new Error('Every process ended')
}

test.each([[[2]], [[0]], [[4]], [[1, 3]], [[0, 1, 2, 3, 4]]])(
  'after a process has ended, calls begin one at a time, and only the calls that ended it twice are sealed: %j',
  async (deadly) => {
    const { run, ran } = await runWithDeadlyCalls(deadly, { readOnlyHint: true })
    expect(run.stopReason).toBe('answered')
    const sealed = run.results.flatMap((result, n) =>
      result.status === 'error' && result.error.kind === 'ended_process' ? [n] : [],
    )
    expect(sealed).toEqual(deadly)
    expect(run.results.filter(({ status }) => status === 'ok')).toHaveLength(5 - deadly.length)
    for (const n of deadly) expect(ran.filter((one) => one === n).length).toBeLessThanOrEqual(3)
  },
)

test('a limit on calls refuses the same calls with the same message when they begin one at a time', async () => {
  const { tools } = counting()
  const taken: Checkpoint[] = []
  const options = { tools, prompt: 'Work.', limits: { callsPerRound: 2 } }
  const whole = await runLoop({
    ...options,
    model: scriptedModel(replies(['look', 'set', 'compute', 'poll'])),
    onCheckpoint: (at: Checkpoint) => taken.push(structuredClone(at)),
  })
  const resumed = await runLoop({ ...options, model: scriptedModel(replies()), resumeFrom: taken[0] })
  const kinds = (run: Run) => run.results.map((result) => (result.status === 'error' ? result.error.message : 'ok'))
  expect(kinds(resumed)).toEqual(kinds(whole))
})

/** The checkpoint after a run was aborted while its tools were running. */
async function abortWhileRunning(names: readonly string[], resumeFrom?: Checkpoint) {
  const controller = new AbortController()
  const taken: Checkpoint[] = []
  const started: string[] = []
  const tools = Object.entries(kinds).map(([name, annotations]) =>
    emptyTool({
      name,
      annotations,
      execute: () => {
        started.push(name)
        setImmediate(() => controller.abort(new Error('deploy')))
        return never
      },
    }),
  )
  const run = await runLoop({
    model: scriptedModel(resumeFrom === undefined ? replies(names) : replies()),
    tools,
    prompt: 'Work.',
    limits: { concurrency: 3 },
    signal: controller.signal,
    onCheckpoint: (at) => taken.push(structuredClone(at)),
    ...(resumeFrom === undefined ? {} : { resumeFrom }),
  })
  expect(run.stopReason).toBe('cancelled')
  return { last: taken.at(-1) as Checkpoint, started }
}

test('an abort in good order does not count as the end of a process, however often it happens', async () => {
  let at: Checkpoint | undefined
  for (let shutdowns = 0; shutdowns < 4; shutdowns++) {
    at = (await abortWhileRunning(['look', 'set'], at)).last
    expect(at.pending.map(({ begun }) => begun)).toEqual([0, 0])
  }
  const { ran, tools } = counting()
  const run = await runLoop({ model: scriptedModel(replies()), tools, prompt: 'Work.', resumeFrom: at })
  expect(ran).toEqual(['look', 'set'])
  expect(run.results.map(({ status }) => status)).toEqual(['ok', 'ok'])
})

test('after an abort in good order, a call with side effects runs again only if it was never started', async () => {
  const { last, started } = await abortWhileRunning(['look', 'act', 'set', 'act_again', 'compute'])
  expect(started).toEqual(['look', 'act', 'set'])
  expect(last.pending.map(({ begun }) => begun)).toEqual([0, 1, 0, 0, 0])
  expect(last.has_side_effects).toBe(true)
  const { ran, tools } = counting()
  const run = await runLoop({ model: scriptedModel(replies()), tools, prompt: 'Work.', resumeFrom: last })
  expect(ran).toEqual(['look', 'set', 'act_again', 'compute'])
  expect(run.results[1]).toMatchObject({ error: { kind: 'outcome_unknown' } })
})

test('calls that were all finished at an abort are not repeated', async () => {
  const controller = new AbortController()
  const taken: Checkpoint[] = []
  const act = emptyTool({ name: 'act', execute: () => controller.abort() })
  const options = { tools: [act], prompt: 'Work.' }
  await runLoop({
    ...options,
    model: scriptedModel(replies(['act'])),
    signal: controller.signal,
    onCheckpoint: (at) => taken.push(structuredClone(at)),
  })
  const last = taken.at(-1)
  expect(last).toMatchObject({ pending: [], results: [{ status: 'ok' }] })
  const run = await runLoop({ ...options, model: scriptedModel(replies()), resumeFrom: last })
  expect(run).toMatchObject({ stopReason: 'answered', results: [{ status: 'ok' }] })
})
