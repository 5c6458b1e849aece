import fc from 'fast-check'
import { repeated } from './hostile.ts'
import { nearlyCalls, nearlyNative } from './nearly-valid.ts'

/** Names and keys that programs stumble over. */
const names = fc.constantFrom(
  'get_weather',
  'write_file',
  'ping',
  'rm',
  '',
  '__proto__',
  'constructor',
  'toString',
  'a"b',
  'x'.repeat(300),
  '\ud800',
  '\u0000',
)
const keys = fc.oneof(
  fc.constantFrom(
    'city',
    'days',
    'path',
    'content',
    'mode',
    'meta',
    'tags',
    'item',
    '__proto__',
    'constructor',
    '$result',
    '$input',
  ),
  fc.string({ maxLength: 6 }),
)

const scalar = fc.oneof(
  fc.constantFrom<unknown>(
    'Oslo',
    '3',
    '8',
    'true',
    'null',
    'None',
    '{"owner":"me"}',
    '["a"]',
    '{"$input":"g"}',
    '\ud83d',
    '\u0000',
    '</parameter>',
    3,
    9,
    null,
    true,
    Number.MAX_VALUE,
    -0,
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
)

export const jsonish: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(fc.tuple(keys, tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
  ),
})).value

const argumentsText = fc.oneof(
  jsonish.map((value) => JSON.stringify(value)),
  jsonish.map((value) => JSON.stringify(JSON.stringify(value))),
  jsonish.map((value) =>
    JSON.stringify(value).replaceAll('"', "'").replaceAll('null', 'None').replaceAll('true', 'True'),
  ),
  fc
    .tuple(
      jsonish.map((value) => JSON.stringify(value)),
      fc.nat(20),
    )
    .map(([text, cut]) => text.slice(0, -cut)),
  fc.constantFrom('{"city":"Oslo"}', '{city: "Oslo",}', '{"city":"Oslo","days":"3"}', ''),
  fc.string({ unit: 'binary', maxLength: 20 }),
)

/** One call as a server may send it, every field of any kind. */
export const wireCall: fc.Arbitrary<unknown> = fc.oneof(
  fc.record(
    {
      id: fc.oneof(
        fc.constantFrom<unknown>('a', 'b', 'call_1', 'call_2', '', 7, null, 'x'.repeat(500), '\ud800', 'a b'),
        fc.string({ maxLength: 4 }),
      ),
      type: fc.constantFrom('function', 'tool_use', '', null),
      function: fc.oneof(
        fc.record(
          {
            name: fc.oneof<[fc.Arbitrary<unknown>, fc.Arbitrary<unknown>]>(names, jsonish),
            arguments: fc.oneof(argumentsText, jsonish),
          },
          { requiredKeys: [] },
        ),
        jsonish,
      ),
      name: names,
      input: jsonish,
      index: fc.nat(3),
    },
    { requiredKeys: [] },
  ),
  jsonish,
)

const quote = fc.constantFrom('"', "'", '')
const tagged = (element: string) =>
  fc.tuple(names, quote).map(([name, mark]) => `<${element} name=${mark}${name}${mark}>`)

/** The grammar's own tokens, in any order: text that is nearly a call. */
const markupToken = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      '<minimax:tool_call>',
      '</minimax:tool_call>',
      '</invoke>',
      '</parameter>',
      '\n',
      '<invoke name="get_weather">',
      '<parameter name="city">',
      'Oslo',
      '<invoke name="ping">',
    ),
  },
  { weight: 2, arbitrary: tagged('invoke') },
  { weight: 2, arbitrary: tagged('parameter') },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom('', '</'), keys)
      .map(([slash, key]) => `]<]minimax[>[${slash === '' ? '<' : slash}${key}>`),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('<invoke name="get_weather">', '</invoke>', '<city>', '</city>', '<tool_call>', '</tool_call>')
      .map((tag) => `]<]minimax[>[${tag}`),
  },
  { weight: 3, arbitrary: fc.constantFrom(...repeated) },
  { weight: 2, arbitrary: argumentsText },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '{"tool_calls":[',
      '{"name":"get_weather","arguments":',
      '{"city":"Oslo"}',
      '}',
      ']}',
      '--city "Oslo"\n',
      '}}',
    ),
  },
)

export const content: fc.Arbitrary<string> = fc.oneof(
  nearlyCalls,
  fc.array(markupToken, { maxLength: 14 }).map((tokens) => tokens.join('')),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ maxLength: 60 }),
  fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes).toString('utf8')),
)

/** Messages of any shape, from well-formed ones to any JSON. */
export const message: fc.Arbitrary<unknown> = fc.oneof(
  nearlyNative,
  content.map((text) => ({ role: 'assistant', content: text })),
  fc.record(
    {
      role: fc.constantFrom('assistant', '', 'user'),
      content: fc.oneof(
        content,
        fc.constantFrom(null, ''),
        jsonish,
        fc.array(fc.record({ type: fc.constant('text'), text: content })),
      ),
      tool_calls: fc.oneof<[fc.Arbitrary<unknown>, fc.Arbitrary<unknown>]>(
        fc.array(wireCall, { maxLength: 4 }),
        jsonish,
      ),
      function_call: wireCall,
      reasoning_content: fc.string({ maxLength: 5 }),
    },
    { requiredKeys: [] },
  ),
  jsonish,
  fc.jsonValue(),
)
