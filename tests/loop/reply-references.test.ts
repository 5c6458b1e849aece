import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Checkpoint } from '../../lib/loop/checkpoint.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { defineTool } from '../../router/define-tool.ts'
import type { ToolAnnotations } from '../../router/tool.ts'
import { emptyTool } from '../support/factories.ts'
import { type ScriptStep, says, scriptedModel } from '../support/scripted-model.ts'

type Asked = readonly [name: string, input: object, id: string]

const reply =
  (...asked: readonly Asked[]): ScriptStep =>
  () => ({ toolCalls: asked.map(([name, input, id]) => ({ name, input, id })) })

const ref = (target: string) => ({ $result: target })

/** Tools that return their input and a number that counts all calls. */
function world() {
  const ran: (readonly [tool: string, input: object])[] = []
  const tool = (name: string, annotations: ToolAnnotations = {}) =>
    emptyTool({
      name,
      annotations,
      execute: async (input) => {
        await sleep(0)
        if (Reflect.get(input, 'fail') === true) throw new Error('out of order')
        ran.push([name, input])
        return { n: ran.length, of: name, input }
      },
    })
  const tools = [
    tool('read', { readOnlyHint: true }),
    tool('poll', { readOnlyHint: true, idempotentHint: false }),
    tool('act'),
    tool('compute', { readOnlyHint: true, idempotentHint: true }),
  ]
  return { ran, tools }
}

async function runReplies(...replies: readonly ScriptStep[]) {
  const { ran, tools } = world()
  const run = await runLoop({
    model: scriptedModel([...replies, says('Done.')]),
    tools,
    prompt: 'Work.',
    inputs: { unit: 'C' },
    limits: { callsPerRound: 64 },
  })
  return { ran, run }
}

const errorOf = (result: unknown) => (result as { error?: { kind: string; message: string } }).error

test('a call gets the value of an earlier call of the same reply, by id and by the name of its tool', async () => {
  const { ran, run } = await runReplies(
    reply(
      ['read', {}, 'r1'],
      ['act', { x: ref('r1#/of'), y: [ref('read#/n')] }, 'a1'],
      ['act', { z: ref('act#/n') }, 'a2'],
    ),
  )
  expect(ran).toEqual([
    ['read', {}],
    ['act', { x: 'read', y: [1] }],
    ['act', { z: 2 }],
  ])
  expect(run.results.map(({ id, status }) => [id, status])).toEqual([
    ['r1', 'ok'],
    ['a1', 'ok'],
    ['a2', 'ok'],
  ])
  expect(run.rounds).toBe(2)
})

test('the name of a tool means its nearest earlier call in the reply, otherwise its latest result', async () => {
  const { ran } = await runReplies(
    reply(['read', { v: 0 }, 'r0']),
    reply(
      ['act', { from: ref('read#/input/v') }, 'a0'],
      ['read', { v: 1 }, 'r1'],
      ['act', { from: ref('read#/input/v') }, 'a1'],
      ['read', { v: 2 }, 'r2'],
      ['act', { from: ref('read#/input/v') }, 'a2'],
      ['act', { from: ref('r0#/input/v'), again: true }, 'a3'],
    ),
  )
  const acted = ran.filter(([name]) => name === 'act').map(([, input]) => input)
  expect(acted).toHaveLength(4)
  expect(acted).toEqual(expect.arrayContaining([{ from: 0 }, { from: 1 }, { from: 2 }, { from: 0, again: true }]))
})

test('a reference that a server turned into text makes a call wait as well', async () => {
  const { ran } = await runReplies(
    reply(
      ['read', { v: 1 }, 'r1'],
      ['act', { text: '{"$result": "r1#/of"}', list: '<$result>read#/input</$result>' }, 'a1'],
    ),
  )
  expect(ran.at(-1)).toEqual(['act', { text: 'read', list: { v: 1 } }])
})

test('if a call fails, a call that refers to it is not run, and its error names the failed call', async () => {
  const { ran, run } = await runReplies(
    reply(
      ['read', { fail: true }, 'r1'],
      ['act', { x: ref('r1#/n') }, 'a1'],
      ['act', { x: ref('read#/n'), y: 1 }, 'a2'],
      ['compute', { x: ref('a1') }, 'c1'],
      ['compute', {}, 'c2'],
    ),
  )
  expect(ran.map(([name]) => name)).toEqual(['compute'])
  for (const index of [1, 2]) {
    expect(errorOf(run.results[index])).toMatchObject({
      kind: 'unresolved_reference',
      message: expect.stringContaining('the call "r1" of "read" failed (tool_failed)'),
    })
  }
  expect(errorOf(run.results[3])?.message).toContain('the call "a1" of "act" failed (unresolved_reference)')
})

test('the name of a tool means its latest call with a value, also if a nearer call of the reply failed', async () => {
  const { ran } = await runReplies(
    reply(['read', { v: 0 }, 'r0']),
    reply(
      ['read', { fail: true }, 'r1'],
      ['act', { x: ref('read#/input/v'), a: 1 }, 'a1'],
      ['read', { v: 2 }, 'r2'],
      ['read', { fail: true, v: 3 }, 'r3'],
      ['act', { x: ref('read#/input/v'), a: 2 }, 'a2'],
    ),
  )
  expect(ran.filter(([name]) => name === 'act')).toEqual([
    ['act', { x: 0, a: 1 }],
    ['act', { x: 2, a: 2 }],
  ])
})

test('a call waits for the result that is used in place of a failed one', async () => {
  const { ran } = await runReplies(
    reply(
      ['compute', {}, 'c1'],
      ['read', { v: 1, after: ref('c1#/n') }, 'r1'],
      ['read', { fail: true }, 'r2'],
      ['act', { x: ref('read#/input/v') }, 'a1'],
    ),
  )
  expect(ran.at(-1)).toEqual(['act', { x: 1 }])
})

test('an error about a part that is missing says which call was used, and which failed', async () => {
  const { run } = await runReplies(
    reply(['read', {}, 'r1']),
    reply(['read', { fail: true }, 'r2'], ['act', { x: ref('read#/none') }, 'a1']),
  )
  const message = errorOf(run.results[2])?.message
  expect(message).toContain('no member "none"')
  expect(message).toContain(
    'the value is of the call "r1" of "read", because the call "r2" of "read" failed (tool_failed)',
  )
})

test('an error about a tool without any value names the failed call', async () => {
  const { run } = await runReplies(reply(['read', { fail: true }, 'r1'], ['act', { x: ref('read#/n') }, 'a1']))
  expect(errorOf(run.results[1])?.message).toContain(
    'the call "r1" of "read" failed (tool_failed), so it has no value, and no earlier call of this tool has a value',
  )
})

test('an identical call that is ready later runs once, and a checkpoint with it can be read', async () => {
  const { ran, tools } = world()
  const taken: Checkpoint[] = []
  const options = { tools, prompt: 'Work.' }
  const asked = reply(
    ['read', {}, 'r1'],
    ['compute', { x: ref('r1#/n') }, 'c1'],
    ['read', { fail: true, x: ref('c1#/n') }, 'r2'],
    ['act', { x: ref('read#/n') }, 'a1'],
    ['act', { x: ref('r1#/n') }, 'a2'],
    ['poll', { x: ref('a1#/n') }, 'p1'],
  )
  const run = await runLoop({
    ...options,
    model: scriptedModel([asked, says('Done.')]),
    onCheckpoint: (checkpoint) => void taken.push(structuredClone(checkpoint)),
  })
  expect(ran.filter(([name]) => name === 'act')).toEqual([['act', { x: 1 }]])
  expect(run.results.map(({ status }) => status)).toEqual(['ok', 'ok', 'error', 'ok', 'ok', 'ok'])
  for (const checkpoint of taken) {
    const steps = checkpoint.messages.length > 2 || checkpoint.pending.length > 0 ? [] : [asked]
    const again = await runLoop({
      ...options,
      tools: world().tools,
      model: scriptedModel([...steps, says('Done.')]),
      onCheckpoint: () => {},
      resumeFrom: checkpoint,
    })
    expect(again.results.map(({ id }) => id)).toEqual(['r1', 'c1', 'r2', 'a1', 'a2', 'p1'])
  }
})

test('a reference to a later call, to the call itself or in a circle says what to do', async () => {
  const { ran, run } = await runReplies(
    reply(
      ['act', { x: ref('r1#/n') }, 'a1'],
      ['read', {}, 'r1'],
      ['act', { x: ref('a2') }, 'a2'],
      ['act', { x: ref('a4') }, 'a3'],
      ['act', { x: ref('a3') }, 'a4'],
      ['compute', { x: ref('poll') }, 'c1'],
      ['poll', {}, 'p1'],
    ),
  )
  expect(ran.map(([name]) => name).sort()).toEqual(['poll', 'read'])
  const messages = run.results.map((result) => errorOf(result)?.message)
  expect(messages[0]).toContain('the call "r1" of "read" comes later in the same reply')
  expect(messages[0]).toContain('Put that call first')
  expect(messages[2]).toContain('this is the call itself')
  expect(messages[3]).toContain('the call "a4" of "act" comes later')
  expect(messages[4]).toContain('the call "a3" of "act" failed')
  expect(messages[5]).toContain('the call "p1" of "poll" comes later')
})

test('a later call of a tool does not hide its result of an earlier reply', async () => {
  const { ran } = await runReplies(
    reply(['read', { v: 1 }, 'r1']),
    reply(['act', { x: ref('read#/input/v') }, 'a1'], ['read', { v: 2 }, 'r2']),
  )
  expect(ran).toContainEqual(['act', { x: 1 }])
})

test('identical calls of a reply run once, and each of them can be referred to', async () => {
  const { ran, run } = await runReplies(
    reply(
      ['read', {}, 'r1'],
      ['read', {}, 'r2'],
      ['act', { x: ref('r2#/n') }, 'a1'],
      ['compute', { x: ref('r1#/n') }, 'c1'],
      ['compute', { x: ref('r1#/n') }, 'c2'],
    ),
  )
  expect(ran).toHaveLength(3)
  expect(run.results.map(({ servedFrom }) => servedFrom)).toEqual([undefined, 'r1', undefined, undefined, 'c1'])
})

test('a call that gets an earlier result can be referred to', async () => {
  const { ran, run } = await runReplies(
    reply(['read', {}, 'r1']),
    reply(['read', {}, 'r2'], ['compute', { x: ref('r2#/n') }, 'c1']),
  )
  expect(run.results[1]).toMatchObject({ servedFrom: 'r1' })
  expect(ran.at(-1)).toEqual(['compute', { x: 1 }])
})

test('the same chain of calls in three replies is a repetition', async () => {
  const chain = (n: number) => reply(['read', {}, `r${n}`], ['compute', { x: ref('read#/n') }, `c${n}`])
  const { ran, run } = await runReplies(chain(1), chain(2), chain(3))
  expect(ran).toHaveLength(2)
  expect(run).toMatchObject({ limit: 'repetition', stopReason: 'answered' })
})

test('the limits on calls count the calls of all waves', async () => {
  const { ran, tools } = world()
  const run = await runLoop({
    model: scriptedModel([
      reply(['read', {}, 'r1'], ['act', { x: ref('r1#/n') }, 'a1'], ['act', { x: ref('a1#/n') }, 'a2']),
      says('Done.'),
    ]),
    tools,
    prompt: 'Work.',
    limits: { callsPerRound: 2 },
  })
  expect(ran).toHaveLength(2)
  expect(errorOf(run.results[2])).toMatchObject({ kind: 'too_many_calls', message: expect.stringContaining('only 2') })
})

/** Calls of one reply: each refers to some calls before it, by id or by the name of the tool. */
const graph = fc.array(
  fc.record({
    tool: fc.constantFrom('read', 'poll', 'act', 'compute'),
    refersTo: fc.array(fc.nat(), { maxLength: 3 }),
    byName: fc.boolean(),
    fails: fc.boolean(),
  }),
  { minLength: 1, maxLength: 9 },
)

test('calls run after the calls that they refer to, and each has exactly one result, in call order', async () => {
  await fc.assert(
    fc.asyncProperty(graph, async (nodes) => {
      const events: string[] = []
      const tools = ['read', 'poll', 'act', 'compute'].map((name) =>
        emptyTool({
          name,
          annotations: name === 'poll' ? { readOnlyHint: true, idempotentHint: false } : {},
          execute: async ({ node, fails }) => {
            events.push(`start ${node}`)
            await sleep(0)
            events.push(`end ${node}`)
            if (fails === true) throw new Error('out of order')
            return { node }
          },
        }),
      )
      const sources: number[][] = []
      const succeeds: boolean[] = []
      const asked = nodes.map(({ tool, refersTo, byName, fails }, index): Asked => {
        const earlier = index === 0 ? [] : [...new Set(refersTo.map((other) => other % index))]
        const named = earlier.map((other) =>
          byName ? nodes.findLastIndex((node, at) => succeeds[at] === true && node.tool === nodes[other]?.tool) : other,
        )
        sources.push(named)
        succeeds.push(!fails && named.every((other) => succeeds[other] === true))
        const from = earlier.map((other) => ref(`${byName ? nodes[other]?.tool : `c${other}`}#/node`))
        return [tool, { node: index, fails, from }, `c${index}`]
      })
      const run = await runLoop({ model: scriptedModel([reply(...asked), says('Done.')]), tools, prompt: 'Work.' })
      expect(run.results.map(({ id }) => id)).toEqual(nodes.map((_, index) => `c${index}`))
      expect(run.stopReason).toBe('answered')
      for (const [index, from] of sources.entries()) {
        const hasSources = from.every((other) => run.results[other]?.status === 'ok')
        expect(events.filter((event) => event === `start ${index}`)).toHaveLength(hasSources ? 1 : 0)
        for (const other of from) {
          if (!hasSources) continue
          expect(events.indexOf(`end ${other}`)).toBeLessThan(events.indexOf(`start ${index}`))
        }
        expect(run.results[index]?.status).toBe(hasSources && nodes[index]?.fails === false ? 'ok' : 'error')
        const result = run.results[index]
        if (result?.status === 'ok') expect(result.input).toMatchObject({ from })
      }
    }),
    { numRuns: 100 },
  )
})

test('a reference means the same call, whether the calls come in one reply or in several', async () => {
  const cut = fc.record({ nodes: graph, ends: fc.array(fc.boolean(), { minLength: 9, maxLength: 9 }) })
  await fc.assert(
    fc.asyncProperty(cut, async ({ nodes, ends }) => {
      const asked = nodes.map(({ tool, refersTo, byName, fails }, index): Asked => {
        const earlier = index === 0 ? [] : [...new Set(refersTo.map((other) => other % index))]
        const from = earlier.map((other) => ref(`${byName ? nodes[other]?.tool : `c${other}`}#/input/node`))
        return [tool, { node: index, fail: fails, from }, `c${index}`]
      })
      const several: Asked[][] = [[]]
      for (const [index, call] of asked.entries()) {
        several.at(-1)?.push(call)
        if (ends[index] === true && index < asked.length - 1) several.push([])
      }
      const outcomes = async (replies: readonly (readonly Asked[])[]) => {
        const { run } = await runReplies(...replies.map((calls) => reply(...calls)))
        return run.results.map((result) => [result.id, result.status === 'ok' ? result.input : errorOf(result)?.kind])
      }
      expect(await outcomes(several)).toEqual(await outcomes([asked]))
    }),
    { numRuns: 100 },
  )
})

/** Ends the process when a call starts or after it, and continues from the last checkpoint. */
async function survive(ends: readonly number[], annotations: Readonly<Record<string, ToolAnnotations>>) {
  const never = new Promise<never>(() => {})
  const effects: (readonly [tool: string, input: unknown, callId: string])[] = []
  let stored: string | undefined
  for (const endsAt of [...ends, Number.POSITIVE_INFINITY]) {
    let steps = 0
    let isOver = false
    let end: (value: 'ended') => void = () => {}
    const ended = new Promise<'ended'>((resolve) => (end = resolve))
    const step = async () => {
      if (!isOver && steps++ === endsAt) {
        isOver = true
        end('ended')
      }
      if (isOver) await never
    }
    const tools = Object.entries(annotations).map(([name, hints]) =>
      defineTool({
        name,
        description: name,
        inputSchema: { type: 'object' },
        annotations: hints,
        execute: async (input, { callId }) => {
          await step()
          effects.push([name, input, callId])
          await step()
          return { of: name, big: 'x'.repeat(40_000) }
        },
      }),
    )
    const script =
      stored === undefined
        ? [
            reply(
              ['read', {}, 'r1'],
              ['order', { x: ref('r1#/of') }, 'o1'],
              ['pay', { x: ref('order#/of'), y: ref('read#/of') }, 'p1'],
              ['read', { after: ref('p1#/of') }, 'r2'],
              ['pay', { alone: true }, 'p2'],
            ),
          ]
        : []
    const run = runLoop({
      model: scriptedModel([...script, says('Done.')]),
      tools,
      prompt: 'Work.',
      runId: 'run',
      onCheckpoint: async (checkpoint) => {
        const text = JSON.stringify(checkpoint)
        await step()
        stored = text
        await step()
      },
      ...(stored === undefined ? {} : { resumeFrom: JSON.parse(stored) as Checkpoint }),
    })
    const outcome = await Promise.race([run, ended])
    if (outcome !== 'ended') return { run: outcome, effects }
  }
  throw new Error('Every process ended')
}

const annotations = { read: { readOnlyHint: true, idempotentHint: true }, order: {}, pay: {} }

test('no end of a process makes a wave run twice, and a resumed run continues with the next wave', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 18 }), { maxLength: 4 }), async (ends) => {
      const { run, effects } = await survive(ends, annotations)
      expect(run.stopReason).toBe('answered')
      expect(run.results.map(({ id }) => id)).toEqual(['r1', 'o1', 'p1', 'r2', 'p2'])
      const acted = effects.filter(([name]) => name !== 'read').map(([name, input]) => JSON.stringify([name, input]))
      expect(new Set(acted).size).toBe(acted.length)
      // A payment was only made for an order that is known.
      for (const [name, input] of effects) {
        if (name === 'pay' && !('alone' in (input as object))) expect(input).toEqual({ x: 'order', y: 'read' })
      }
    }),
    { numRuns: 150 },
  )
})

test('a process that ends between two waves loses nothing', async () => {
  const whole = await survive([], annotations)
  // After the second wave was recorded: 2 steps per checkpoint, 2 per call.
  for (let endsAt = 0; endsAt < 22; endsAt++) {
    const { run, effects } = await survive([endsAt], annotations)
    const lost = run.results.filter((result) => result.status === 'error' && result.error.kind === 'outcome_unknown')
    // Only calls that were running can be lost: one of a wave of two.
    expect(lost.length).toBeLessThanOrEqual(2)
    if (lost.length > 0) continue
    expect(run.results.map(({ status }) => status)).toEqual(whole.run.results.map(({ status }) => status))
    expect(new Set(effects.map(([, , callId]) => callId))).toEqual(new Set(whole.effects.map(([, , callId]) => callId)))
  }
})

test('a large result of an earlier wave is left out of a checkpoint that would be too large', async () => {
  const taken: Checkpoint[] = []
  const build = (failing: boolean) => {
    let acted = 0
    const logs = emptyTool({
      name: 'logs',
      annotations: { readOnlyHint: true, idempotentHint: true },
      execute: () => ({ lines: ['x'.repeat(60_000)], count: 7 }),
    })
    const act = emptyTool({
      name: 'act',
      execute: ({ count }) => {
        acted++
        return failing ? new Promise<never>(() => {}) : count
      },
    })
    return { tools: [logs, act], acted: () => acted }
  }
  const options = { prompt: 'Work.', limits: { checkpointBytes: 40_000, deadlineMs: 300 } }
  const asked = reply(['logs', {}, 'l1'], ['act', { count: ref('l1#/count') }, 'a1'], ['act', { b: ref('a1') }, 'a2'])
  const first = build(true)
  await runLoop({
    ...options,
    model: scriptedModel([asked, says('Done.')]),
    tools: first.tools,
    onCheckpoint: (at) => taken.push(structuredClone(at)),
  })
  expect(first.acted()).toBe(1)
  const second = taken.find(({ pending }) => pending[0]?.result !== undefined)
  expect(second?.pending).toMatchObject([{ result: { dropped: 'value' } }, { begun: 1 }, { begun: 0 }])
  // A process that ends before the call is started continues with the value that the tool returns again.
  const pending = second?.pending.map((call) => ({ ...call, begun: 0 })) ?? []
  const again = build(false)
  const run = await runLoop({
    ...options,
    model: scriptedModel([says('Done.')]),
    tools: again.tools,
    ...(second === undefined ? {} : { resumeFrom: { ...second, elapsed_ms: 0, pending } }),
  })
  expect(run.results).toMatchObject([{ id: 'l1', clipped: true }, { value: 7 }, { input: { b: 7 } }])
})

test('after an abort, results of finished waves are kept, with side effects too', async () => {
  const controller = new AbortController()
  const taken: Checkpoint[] = []
  const build = (execute: () => unknown) => [
    emptyTool({ name: 'order', execute }),
    emptyTool({
      name: 'pay',
      execute: ({ order }) => {
        if (controller.signal.aborted) return { paid: order }
        setImmediate(() => controller.abort())
        return new Promise<never>(() => {})
      },
    }),
  ]
  let orders = 0
  const order = () => ({ id: ++orders })
  await runLoop({
    model: scriptedModel([
      reply(['order', {}, 'o1'], ['pay', { order: ref('o1#/id') }, 'p1'], ['pay', { b: ref('p1') }, 'p2']),
    ]),
    tools: build(order),
    prompt: 'Work.',
    signal: controller.signal,
    onCheckpoint: (at) => taken.push(structuredClone(at)),
  })
  const last = taken.at(-1)
  expect(last?.pending).toMatchObject([{ result: { status: 'ok' } }, { begun: 1 }, { begun: 0 }])
  const run = await runLoop({
    model: scriptedModel([says('Done.')]),
    tools: build(order),
    prompt: 'Work.',
    ...(last === undefined ? {} : { resumeFrom: last }),
  })
  expect(orders).toBe(1)
  expect(run.results).toMatchObject([
    { value: { id: 1 } },
    { error: { kind: 'outcome_unknown' } },
    { error: { kind: 'unresolved_reference' } },
  ])
})

test('a reference that leads nowhere is told the results of earlier calls of the same reply', async () => {
  const { run } = await runReplies(reply(['read', {}, 'r1'], ['act', { x: ref('reed#/n') }, 'a1']))
  expect(errorOf(run.results[1])?.message).toMatch(/did you mean "read"\?[\s\S]*"\$result" can name: read\./)
})
