import fc from 'fast-check'
import { repeated } from './hostile.ts'

/** A call to be written in some format. */
export interface Asked {
  readonly name: string
  readonly input: Readonly<Record<string, unknown>>
}

/** A value as it is, or as models write it: as text. */
const orText = (value: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 3, arbitrary: value }, { weight: 1, arbitrary: value.map((one) => JSON.stringify(one)) })

const weather = fc.record(
  { city: fc.constantFrom('Oslo', 'a</parameter>b', '5', '🌍'), days: orText(fc.integer({ min: 0, max: 8 })) },
  { requiredKeys: ['city'] },
)

const meta = fc.record(
  {
    owner: fc.constantFrom('me', '{"a":1}'),
    sizes: orText(fc.array(orText(fc.integer({ min: 0, max: 9 })), { maxLength: 3 })),
    inner: orText(fc.record({ deep: orText(fc.boolean()) }, { requiredKeys: [] })),
  },
  { requiredKeys: [] },
)

const file = fc.record(
  {
    path: fc.constantFrom('a.txt', '007', 'null'),
    content: fc.constantFrom('x\ny', '<b>&amp;</b>', '</invoke>', '<invoke name="ping"></invoke>', '{"a":', null),
    mode: fc.constantFrom<unknown>(420, '420', 'append', null, 1.5),
    ratio: orText(fc.constantFrom(0.5, 1e21)),
    force: orText(fc.boolean()),
    tags: orText(fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 })),
    meta: orText(meta),
    anything: fc.jsonValue({ maxDepth: 2 }),
  },
  { requiredKeys: [] },
)

export const asked: fc.Arbitrary<Asked> = fc.oneof(
  fc.record({ name: fc.constant('get_weather'), input: weather }),
  fc.record({ name: fc.constant('write_file'), input: file }),
  fc.record({ name: fc.constant('ping'), input: fc.constant({}) }),
)

const written = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))

function asInvokes(calls: readonly Asked[]): string {
  const invokes = calls.map(({ name, input }) => {
    const parameters = Object.entries(input).map(
      ([key, value]) => `<parameter name="${key}">${written(value)}</parameter>`,
    )
    return `<invoke name="${name}">\n${parameters.join('\n')}\n</invoke>`
  })
  return `<minimax:tool_call>\n${invokes.join('\n')}\n</minimax:tool_call>`
}

function asElements(name: string, value: unknown): string {
  const body = Array.isArray(value)
    ? value.map((item) => asElements('item', item)).join('')
    : typeof value === 'object' && value !== null
      ? Object.entries(value)
          .map(([key, member]) => asElements(key, member))
          .join('')
      : written(value)
  return `]<]minimax[>[<${name}>${body}]<]minimax[>[</${name}>`
}

function asTokens(calls: readonly Asked[]): string {
  const invokes = calls.map(({ name, input }) =>
    asElements('invoke', input).replace('<invoke>', `<invoke name="${name}">`),
  )
  return `]<]minimax[>[<tool_call>\n${invokes.join('\n')}]<]minimax[>[</tool_call>`
}

const asJson = (calls: readonly Asked[]) => JSON.stringify({ tool_calls: calls })
const asPython = (calls: readonly Asked[]) =>
  asJson(calls).replaceAll('"', "'").replaceAll('null', 'None').replaceAll('true', 'True')
const asBrackets = (calls: readonly Asked[]) =>
  calls.map(({ name, input }) => `[TOOL_CALL]\n${JSON.stringify({ tool: name, args: input })}\n[/TOOL_CALL]`).join('\n')

const asBareJson = (calls: readonly Asked[]) => calls.map((call) => JSON.stringify(call)).join('\n')
const asOtherJson = (calls: readonly Asked[]) =>
  calls.map(({ name, input }) => JSON.stringify({ tool: name, args: input })).join(',\n')
const asList = (calls: readonly Asked[]) => JSON.stringify(calls)
const asEnvelope = (calls: readonly Asked[]) => JSON.stringify({ content: 'I look.', tool_calls: calls }, null, 2)
const asFenced = (calls: readonly Asked[]) => `\`\`\`json\n${asJson(calls)}\n\`\`\``
/** The markup of M2 after a parser that eats the brackets of each tag. */
const asBracketless = (calls: readonly Asked[]) => asInvokes(calls).replace(/<\/?(?=minimax|invoke|parameter)/g, '')

/** All ways in which models write calls as text. */
export const renderings = [
  ...[asInvokes, asTokens, asJson, asPython, asBrackets],
  ...[asBareJson, asOtherJson, asList, asEnvelope, asFenced, asBracketless],
]

const rendered = fc
  .tuple(
    fc.array(asked, { minLength: 1, maxLength: 3 }),
    fc.constantFrom(...renderings),
    fc.constantFrom('', 'I look.\n', '<think>Hm.</think>\n\n'),
  )
  .map(([calls, render, before]) => before + render(calls))

interface Damage {
  readonly at: number
  readonly cut: number
  readonly put: string
}

const damage: fc.Arbitrary<Damage> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  cut: fc.oneof(fc.constant(0), fc.nat(12)),
  put: fc.oneof(fc.constant(''), fc.constantFrom(...repeated)),
})

function damaged(text: string, damages: readonly Damage[]): string {
  return damages.reduce((now, { at, cut, put }) => {
    const position = Math.floor(at * now.length)
    return now.slice(0, position) + put + now.slice(position + cut)
  }, text)
}

/** Calls written in one of the shapes that models write, with little or no damage. */
export const nearlyCalls: fc.Arbitrary<string> = fc
  .tuple(rendered, fc.array(damage, { maxLength: 2 }))
  .map(([text, damages]) => damaged(text, damages))

const nativeCall = fc
  .tuple(asked, fc.constantFrom('a', 'b', '', undefined), fc.array(damage, { maxLength: 1 }), fc.boolean())
  .map(([{ name, input }, id, damages, isObject]) => ({
    id,
    type: 'function',
    function: { name, arguments: isObject ? input : damaged(JSON.stringify(input), damages) },
  }))

/** A native reply with little or no damage, and sometimes the same calls leaked into its text. */
export const nearlyNative: fc.Arbitrary<object> = fc
  .tuple(fc.array(nativeCall, { minLength: 1, maxLength: 3 }), fc.constantFrom('', '<think>Hm.</think>', '\n<think>\n'))
  .map(([tool_calls, content]) => ({ role: 'assistant', content, tool_calls }))
