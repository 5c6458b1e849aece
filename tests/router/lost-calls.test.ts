import { expect, test } from 'vitest'
import { exchange } from './support/exchange.ts'

/* A call that is neither executed nor refused with feedback would end the run: the loop would take it for the answer. */

const token = ']<]minimax[>['
const oslo = '{"name":"get_weather","arguments":{"city":"Oslo"}}'
const oslos = (count: number) => Array(count).fill({ tool: 'get_weather', input: { city: 'Oslo' } })

test.each([
  ['in the form of M1, one call a line', `<tool_calls>\n${oslo}\n${oslo}\n</tool_calls>`, 2],
  ['one wrapper a call', `<tool_call>\n${oslo}\n</tool_call>\n<tool_call>\n${oslo}\n</tool_call>`, 2],
  ['as a list', `<function_calls>[${oslo}]</function_calls>`, 1],
  ['as an envelope', `<tool_call>{"tool_calls":[${oslo}]}</tool_call>`, 1],
  ['in the notation of Python', `<tool_call>${oslo.replaceAll('"', "'")}</tool_call>`, 1],
  ['without the end of the wrapper', `<minimax:tool_call>\n${oslo}`, 1],
])('JSON in a wrapper is executed: %s', async (_, content, times) => {
  expect((await exchange(content)).ran).toEqual(oslos(times))
})

test('JSON in a wrapper needs no arguments', async () => {
  expect((await exchange('<tool_call>{"name":"ping"}</tool_call>')).ran).toEqual([{ tool: 'ping', input: {} }])
})

test.each([
  ['JSON that names no tool', '<minimax:tool_call>{"city":"Oslo"}</minimax:tool_call>'],
  ['JSON with prose after it', `<minimax:tool_call>${oslo}\nI wait.</minimax:tool_call>`],
  ['JSON that is cut off', '<tool_call>\n{"name":"get_weather","arguments":{"city":"Os'],
  ['the wrapper of M3 alone', `Let me read it.${token}<tool_call>\n`],
  ['an empty wrapper of M3', `${token}<tool_call>${token}</tool_call>`],
  ['a reply that ends in a tag of M3', `Let me read it.${token}<invoke name="get_wea`],
  ['a reply that ends in a tag of M2', 'Let me look.\n<minimax:tool_c'],
  ['a reply that ends in a bare invoke', 'Let me look.\n<invoke name="get_wea'],
  ['a wrapper without its bracket', 'minimax:tool_call>\n'],
  ['an envelope that is cut off', '{"tool_calls":[{"name":"get_weather","input":{"city":"Os'],
  ['an envelope without its end', `{"tool_calls":[${oslo}]`],
  ['an envelope that is broken, after prose', `I call:\n{"tool_calls":[{"name":"ping","input":{"a":"say "x""}}]}`],
  ['the form of Qwen', '<function=get_weather>\n<parameter=city>Oslo</parameter>\n</function>'],
  ['the form of Llama', '<|python_tag|>get_weather.call(city="Oslo")'],
  ['escaped markup', '&lt;invoke name="ping"&gt;&lt;/invoke&gt;'],
])('%s gets feedback', async (_, content) => {
  const { ran, errors } = await exchange(content)
  expect({ ran, errors }).toEqual({ ran: [], errors: ['unreadable_call'] })
})

test.each([
  ['in the wrapper of other models', '<tool_call>\n<invoke name="weather"></invoke>\n</tool_call>'],
  ['as JSON in a wrapper', '<minimax:tool_call>{"name":"weather","arguments":{}}</minimax:tool_call>'],
  ['bare, in another case', '<invoke name="Get_Weather"><parameter name="city">Oslo</parameter></invoke>'],
  ['with a namespace', '{"name":"functions.get_weather","arguments":{"city":"Oslo"}}'],
  [
    'without brackets',
    'minimax:tool_call>\ninvoke name="weather">\nparameter name="city">Osloparameter>\ninvoke>\nminimax:tool_call>',
  ],
])('the feedback for an undeclared name %s lists the tools', async (_, content) => {
  const { errors, results } = await exchange(content)
  expect(errors).toEqual(['unknown_tool'])
  expect(results[0]?.content).toContain('get_weather')
})

test.each([
  ['with a token of the raw model after it', `${oslo}<|im_end|>`],
  ['in the words of LangChain', '{"action":"get_weather","action_input":{"city":"Oslo"}}'],
  ['with the name in function', '{"function":"get_weather","parameters":{"city":"Oslo"}}'],
])('a call in JSON is executed: %s', async (_, content) => {
  expect((await exchange(content)).ran).toEqual(oslos(1))
})

test.each([
  ['DeepSeek', '<｜DSML｜function_calls>\n<｜DSML｜invoke name="ping">\n</｜DSML｜invoke>\n</｜DSML｜function_calls>'],
  ['DeepSeek, after prose', 'I look.<｜DSML｜tool_calls>\n<｜DSML｜invoke name="ping">'],
  [
    'DeepSeek’s tokens',
    '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>ping\n```json\n{}\n```<｜tool▁call▁end｜>',
  ],
  ['DeepSeek’s tokens in ASCII', 'I look.<|tool_calls_begin|><|tool_call_begin|>ping<|tool_sep|>{}<|tool_call_end|>'],
  [
    'Kimi',
    '<|tool_calls_section_begin|><|tool_call_begin|>functions.ping:0<|tool_call_argument_begin|>{}<|tool_call_end|>',
  ],
  ['Mistral', '[TOOL_CALLS]ping{"a":1}'],
  ['Gemini', '```tool_code\nprint(default_api.ping())\n```'],
  ['Gemini, with text after it', '```tool_code\nget_weather(city="Oslo")\n```\nI wait.'],
  ['Python, fenced', 'I look:\n```python\nget_weather(city="Oslo", days=3)\n```'],
  ['Python, fenced without a language', '```\nget_weather(city="(Oslo")\nping()\n```'],
  ['Python, as a list', '[get_weather(city="Oslo"), ping()]'],
  ['kits that print calls', '[tool_call: get_weather(city="Oslo")]'],
  ['kits that print calls, in capitals', 'I look.\n[Tool call: ping {}]'],
  ['an element with the name of the tool', '<get_weather>\n<city>Oslo</city>\n</get_weather>'],
  ['ReAct', 'Thought: I look.\nAction: get_weather\nAction Input: {"city": "Oslo"}'],
  ['Harmony', '<|channel|>commentary to=functions.ping <|constrain|>json<|message|>{}<|call|>'],
])('a call in the notation of %s gets feedback', async (_, content) => {
  for (const protocol of ['native', 'json'] as const) {
    const { ran, errors } = await exchange(content, { protocol })
    expect({ ran, errors }).toEqual({ ran: [], errors: ['unreadable_call'] })
  }
})

test.each([
  'It prints:\n```python\nprint(6 * 7)\n```',
  'Use it so:\n```python\nget_weather(city="Oslo")\n```\nThen read the result.',
  'get_weather(city) returns the weather (in degrees).',
  'DeepSeek writes `<｜tool▁calls▁begin｜>` before its calls.',
  'Action: none.',
  '<weather><city>Oslo</city></weather>',
  'See [tool] and [1].',
  '[Tool calls](#calls) cost time.',
])('%j is an answer', async (content) => {
  expect((await exchange(content)).reading).toMatchObject({ calls: [], text: content })
})
