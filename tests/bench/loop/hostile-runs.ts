import type { ModelReply } from '../../../lib/loop/model.ts'
import type { RunOptions } from '../../../lib/loop/run.ts'

/** What `defineTool` takes. */
export interface HostileTool {
  readonly name: string
  readonly description: string
  readonly inputSchema: object
  readonly outputSchema?: object
  readonly execute: () => unknown
}

/** A run with input that is made to take long. All limits are the defaults. */
export interface HostileRun {
  /** The messages of the model. After the last one it answers. */
  readonly replies: readonly ModelReply['message'][]
  readonly tools?: readonly HostileTool[]
  readonly run?: Partial<RunOptions<never>>
}

const open = { type: 'object', properties: { list: { type: 'array' } } } as const
const typed = {
  type: 'object',
  properties: { list: { type: 'array', items: { type: 'object', properties: { a: { type: 'integer' } } } } },
  required: ['list'],
  additionalProperties: false,
} as const
const strict = {
  type: 'object',
  properties: { list: { type: 'array', items: { type: 'object', properties: { a: {} }, required: ['a'] } } },
} as const
const texts = {
  type: 'object',
  properties: { list: { type: 'array', items: { type: 'string' } } },
  required: ['list'],
  additionalProperties: false,
} as const

const large = (count: number) => Array.from({ length: count }, (_, id) => ({ id, name: 'value' }))

const take = (name: string, inputSchema: object) => ({
  name,
  description: 'Takes a list.',
  inputSchema,
  execute: (): unknown => 'ok',
})
const give = (name: string, value: () => unknown) => ({
  name,
  description: 'Gives a value.',
  inputSchema: { type: 'object' },
  execute: () => value(),
})

const call = (name: string, input: unknown, id = `c_${name}`) => ({
  id,
  type: 'function',
  function: { name, arguments: typeof input === 'string' ? input : JSON.stringify(input) },
})
const asks = (...calls: readonly ReturnType<typeof call>[]): ModelReply['message'] => ({
  role: 'assistant',
  content: '',
  tool_calls: calls,
})
const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at))

const reference = (target: string) => ({ $result: target })
const asText = (target: string) => JSON.stringify(reference(target))
const small = give('small', () => ({ a: 1 }))

/** 8 calls with many items each, after a call of `small`. */
function manyItems(item: (at: number) => unknown, schema: object, count = 16_000): HostileRun {
  const list = times(count, item)
  const calls = times(8, (at) => call('take', { list, at }, `t_${at}`))
  return { replies: [asks(call('small', {})), asks(...calls)], tools: [small, take('take', schema)] }
}

/** 8 calls of `value`. */
function results(make: () => unknown, more: Partial<HostileTool> = {}): HostileRun {
  const value = make()
  const tool = {
    name: 'give',
    description: 'Gives a value.',
    inputSchema: { type: 'object' },
    execute: () => value,
    ...more,
  }
  return { replies: [asks(...times(8, (at) => call('give', { at }, `g_${at}`)))], tools: [tool] }
}

function content(text: string): HostileRun {
  return { replies: [{ role: 'assistant', content: text }], tools: [small, take('take', typed)] }
}

const mib = 1_048_576
const fill = (unit: string, bytes: number) => unit.repeat(Math.ceil(bytes / unit.length))
const markup =
  '<minimax:tool_call><invoke name="take"><parameter name="list">[1]</parameter></invoke></minimax:tool_call>\n'

export const hostileRuns: Readonly<Record<string, () => HostileRun>> = {
  'references: 8 calls with 16 000': () => manyItems(() => reference('small'), open),
  'references: 8 calls with 16 000 to members': () => manyItems(() => reference('small#/a'), open),
  'references: 8 calls with 16 000 to nothing': () => manyItems((at) => reference(`no_${at}`), open),
  'references: 8 calls with 16 000 as text': () => manyItems(() => asText('small'), open),
  'references: 8 calls with 16 000 as text, typed': () => manyItems(() => asText('small'), typed),
  'references: 8 calls with 16 000 in lists as text': () =>
    manyItems((at) => (at < 8 ? JSON.stringify(times(2000, () => reference('small'))) : 1), typed),
  'references: 1 call with 200 000': () => ({
    replies: [asks(call('small', {})), asks(call('take', { list: times(200_000, () => reference('small')) }))],
    tools: [small, take('take', typed)],
  }),
  'references: misspelt': () => manyItems(() => ({ $results: 'small' }), open),
  'references: to a large result': () => ({
    replies: [
      asks(call('big', {})),
      asks(...times(8, (at) => call('take', { list: reference('big'), at }, `t_${at}`))),
    ],
    tools: [give('big', () => large(100_000)), take('take', open)],
  }),
  'references: to a large result that does not match': () => ({
    replies: [
      asks(call('big', {})),
      asks(...times(8, (at) => call('take', { list: reference('big'), at }, `t_${at}`))),
    ],
    tools: [give('big', () => times(400_000, (id) => id)), take('take', typed)],
  }),
  'input: 8 MiB of valid objects': () => ({
    replies: [asks(call('take', { list: times(400_000, (a) => ({ a })) }))],
    tools: [take('take', typed)],
  }),
  'input: 8 MiB, every item wrong': () => ({
    replies: [asks(call('take', { list: times(400_000, () => ({ a: 'x', b: 1 })) }))],
    tools: [take('take', typed)],
  }),
  'input: 30 000 wrong values in 128 KiB': () => ({
    replies: [asks(call('take', `{"list":[${fill('{},', 90_000)}0]}`))],
    tools: [take('take', strict)],
  }),
  'input: 128 KiB, numbers for texts': () => ({
    replies: [asks(...times(8, (at) => call('take', `{"list":[${fill('1.10,', 20_000)}${at}]}`, `n_${at}`)))],
    tools: [take('take', texts)],
  }),
  'input: 95 000 valid objects': () => ({
    replies: [asks(call('take', { list: times(47_000, (a) => ({ a })) }))],
    tools: [take('take', typed)],
  }),
  'input: 1 MiB, every item wrong': () => ({
    replies: [asks(call('take', { list: times(50_000, () => ({ a: 'x', b: 1 })) }))],
    tools: [take('take', typed)],
  }),
  'input: 1 MiB, integers as text': () => ({
    replies: [asks(call('take', { list: times(80_000, (at) => ({ a: String(at) })) }))],
    tools: [take('take', typed)],
  }),
  'input: 1 MiB, numbers for texts': () => ({
    replies: [asks(call('take', `{"list":[${fill('1.10,', mib)}1.10]}`))],
    tools: [take('take', texts)],
  }),
  'input: 1 MiB of item wrappers': () => ({
    replies: [asks(call('take', { list: { item: times(80_000, () => ({ item: { a: 1 } })) } }))],
    tools: [take('take', typed)],
  }),
  'input: deep': () => ({
    replies: [
      asks(
        ...times(8, (at) =>
          call('take', `{"at":${at},"list":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, `d_${at}`),
        ),
      ),
    ],
    tools: [take('take', open)],
  }),
  'input: wide at depth 60': () => ({
    replies: [
      asks(
        ...times(8, (at) =>
          call('take', `{"at":${at},"list":${'['.repeat(58)}${fill('[{}],', mib / 2)}1${']'.repeat(58)}}`, `d_${at}`),
        ),
      ),
    ],
    tools: [take('take', open)],
  }),
  'input: not JSON': () => ({
    replies: [asks(...times(8, (at) => call('take', `{"at":${at},"list":[${fill("{'a':1,},", mib / 2)}`, `d_${at}`)))],
    tools: [take('take', open)],
  }),
  'input: single quotes': () => ({
    replies: [
      asks(...times(8, (at) => call('take', `{"at":${at},"list":[${fill("{'a':1,},", mib / 2)}]}`, `d_${at}`))),
    ],
    tools: [take('take', typed)],
  }),
  'calls: 100 000 in one reply': () => ({
    replies: [asks(...times(100_000, (at) => call('take', { list: [at] }, `m_${at}`)))],
    tools: [take('take', open)],
  }),
  'calls: 64 of 128 KiB': () => ({
    replies: [asks(...times(64, (at) => call('take', { list: [at, fill('x', mib / 8)] }, `m_${at}`)))],
    tools: [take('take', open)],
  }),
  'results: 800 000 items': () => results(() => times(800_000, (id) => id)),
  'results: 800 000 nested lists': () => results(() => times(800_000, (id) => [id])),
  'results: 200 000 objects': () => results(() => large(200_000)),
  'results: 200 000 objects with an output schema': () =>
    results(() => large(200_000), {
      outputSchema: { type: 'array', items: { type: 'object', properties: { id: { type: 'integer' } } } },
    }),
  'results: 200 000 objects that do not match': () =>
    results(() => large(200_000), {
      outputSchema: { type: 'array', items: { type: 'object', properties: { id: { type: 'string' } } } },
    }),
  'results: with dates': () => results(() => times(100_000, (id) => ({ id, at: new Date(0) }))),
  'results: with undefined': () => results(() => times(200_000, (id) => ({ id, at: undefined }))),
  'results: an object with 400 000 members': () =>
    results(() => Object.fromEntries(times(400_000, (at) => [`k${at}`, at]))),
  'results: a text of 32 MiB': () => results(() => fill('All is well here. ', 32 * mib)),
  'results: a text of 32 MiB with quotes': () => results(() => fill('"\\\n', 32 * mib)),
  'results: large, with checkpoints': () => ({
    ...results(() => large(100_000)),
    run: { onCheckpoint: () => {} },
  }),
  'results: 8 of 1 MiB, with checkpoints': () => ({
    ...results(() => fill('x', mib)),
    run: { onCheckpoint: () => {} },
  }),
  'results: an error of 8 MiB': () =>
    results(() => undefined, {
      execute: () => {
        throw new Error(fill('failed: "x" ', 8 * mib))
      },
    }),
  'history: 40 000 messages': () => ({
    replies: [],
    run: {
      history: times(40_000, (at) => ({ role: at % 2 === 0 ? 'user' : 'assistant', content: fill('text ', 90) })),
    },
  }),
  'history: one message of 4 MiB': () => ({
    replies: [],
    run: { history: [{ role: 'user', content: fill('text ', 4 * mib - 4096) }] },
  }),
  'history: a reply with 10 000 calls': () => ({
    replies: [],
    run: {
      history: [
        { role: 'user', content: 'x' },
        { ...asks(...times(10_000, (at) => call('take', { list: times(20, () => 1) }, `h_${at}`))) },
        ...times(10_000, (at) => ({ role: 'tool', tool_call_id: `h_${at}`, content: 'x' })),
      ] as never,
    },
  }),
  'prompt: 4 MiB': () => ({
    replies: [asks(call('small', {}))],
    tools: [small],
    run: { prompt: fill('text ', 4 * mib - 4096) },
  }),
  'inputs: 200 000 objects': () => ({
    replies: [asks(call('take', { list: { $input: 'all' } }))],
    tools: [take('take', open)],
    run: { inputs: { all: large(200_000) } },
  }),
  'inputs: with checkpoints': () => ({
    replies: [asks(call('take', { list: { $input: 'all' } }))],
    tools: [take('take', open)],
    run: { inputs: { all: large(200_000) }, onCheckpoint: () => {} },
  }),
  'reply: 4 MiB of prose': () => content(fill('All is well here. ', 4 * mib)),
  'reply: 4 MiB of JSON': () => content(fill('{"name":"take","input":{"list":[1]}}\n', 4 * mib)),
  'reply: 4 MiB of markup calls': () => content(fill(markup, 4 * mib)),
  'reply: 4 MiB of opening braces': () => content(`"name": ${fill('{', 4 * mib)}`),
  'reply: 4 MiB of invokes that open': () => content(fill('<invoke name="take">', 4 * mib)),
  'reply: 1 MiB of markup calls': () => content(fill(markup, mib)),
  'reply: 4 MiB of reasoning': () => content(`<think>${fill('All is well here. ', 4 * mib)}</think>Done.`),
  'shown texts: 200 calls after 4 MiB': () => ({
    ...content(fill(markup.replace('[1]', '[7]'), 20_000)),
    tools: [small, take('take', typed)],
    run: { prompt: fill('take list a 1 {"name":"take","x":"y"} ', 3 * mib) },
  }),
  'shown texts: escapes': () => ({
    ...content(fill(markup.replace('[1]', '[7]'), 20_000)),
    tools: [small, take('take', typed)],
    run: { prompt: fill('\\u0074ake \\"list\\" \\n', 3 * mib) },
  }),
}
