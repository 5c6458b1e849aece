import type { Completion, CompletionToolCall } from '../mock-server/completion.ts'
import { type Expectation, type Fault, fails, harmless } from './fault.ts'

type Call = CompletionToolCall
/** The changed message of a completion, whatever it is worth as one. */
type Damage = (message: Completion['choices'][0]['message'], calls: readonly Call[]) => object

/** What it costs depends on the model: it is told what was wrong, and has to do better next time. */
const recoverable: Expectation = { once: 'answered' }

function damages(name: string, damage: Damage, expected: Expectation, finishReason?: string): Fault {
  return {
    name,
    mode: 'both',
    expected,
    completion: (completion) => {
      const [{ message, finish_reason, ...rest }] = completion.choices
      const changed = damage(message, message.tool_calls ?? [])
      const reason = changed === message ? finish_reason : (finishReason ?? finish_reason)
      return { ...completion, choices: [{ ...rest, finish_reason: reason, message: changed }] }
    },
  }
}

/** Damage to calls; a message without any stays as it is. */
function onCalls(name: string, change: (call: Call, index: number) => object, expected = harmless): Fault {
  return damages(
    name,
    (message, calls) => (calls.length === 0 ? message : { ...message, tool_calls: calls.map(change) }),
    expected,
  )
}

/** Calls that come as text, in the field where there should be none. */
function asText(name: string, write: (calls: readonly Call[]) => string, expected = harmless): Fault {
  return damages(
    name,
    (message, calls) => {
      if (calls.length === 0) return message
      const { tool_calls: _, ...rest } = message
      return { ...rest, content: write(calls) }
    },
    expected,
    'stop',
  )
}

const inputOf = ({ function: { arguments: text } }: Call): [string, unknown][] => Object.entries(JSON.parse(text))
const textOf = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
const invoke = (call: Call) =>
  `<invoke name="${call.function.name}">\n${inputOf(call)
    .map(([name, value]) => `<parameter name="${name}">${textOf(value)}</parameter>\n`)
    .join('')}</invoke>\n`
const m2 = (calls: readonly Call[]) => `<minimax:tool_call>\n${calls.map(invoke).join('')}</minimax:tool_call>`
const token = ']<]minimax[>['
const m3 = (calls: readonly Call[]) => {
  const invokes = calls.map((call) => {
    const parameters = inputOf(call).map(([name, value]) => `${token}<${name}>${textOf(value)}${token}</${name}>`)
    return `${token}<invoke name="${call.function.name}">${parameters.join('')}${token}</invoke>\n`
  })
  return `${token}<tool_call>\n${invokes.join('')}${token}</tool_call>`
}
const withArguments = (call: Call, text: unknown) => ({ ...call, function: { ...call.function, arguments: text } })

/** Replies that are well-formed on the wire and wrong in what they say, as seen on MiniMax endpoints and gateways. */
export const damagedReplies = {
  'markup-m2': asText('markup-m2', m2),
  'markup-m2-behind-prose': asText('markup-m2-behind-prose', (calls) => `Let me look.\n${m2(calls)}`),
  'markup-m3': asText('markup-m3', m3),
  'markup-m3-behind-prose': asText('markup-m3-behind-prose', (calls) => `Let me read it.${m3(calls)}`),
  'markup-without-wrapper': asText('markup-without-wrapper', (calls) => calls.map(invoke).join(''), recoverable),
  'markup-cut-off': asText('markup-cut-off', (calls) => m2(calls).slice(0, -30), recoverable),
  'markup-without-brackets': asText(
    'markup-without-brackets',
    (calls) => m2(calls).replaceAll(/[<>]/g, ''),
    recoverable,
  ),
  'markup-in-brackets': asText(
    'markup-in-brackets',
    (calls) =>
      `[TOOL_CALL]\n${calls.map((call) => `{"name":"${call.function.name}","arguments":${call.function.arguments}}`).join('\n')}\n[/TOOL_CALL]`,
    recoverable,
  ),
  'json-in-text': asText('json-in-text', (calls) =>
    JSON.stringify({
      tool_calls: calls.map((call) => ({ name: call.function.name, input: Object.fromEntries(inputOf(call)) })),
    }),
  ),
  'json-in-fence': asText('json-in-fence', (calls) => {
    const requests = calls.map((call) => ({ name: call.function.name, input: Object.fromEntries(inputOf(call)) }))
    return `First I look:\n\`\`\`json\n${JSON.stringify({ tool_calls: requests }, undefined, 2)}\n\`\`\``
  }),
  'think-in-content': damages(
    'think-in-content',
    (message) => ({ ...message, content: `<think>\nHm, {"celsius":99}?\n</think>\n${message.content}` }),
    harmless,
  ),
  'think-without-opener': damages(
    'think-without-opener',
    (message) => ({ ...message, content: `Hm.\n</think>\n${message.content}` }),
    harmless,
  ),
  'think-never-closed': damages(
    'think-never-closed',
    ({ tool_calls: _, ...message }) => ({ ...message, content: '<think>\nHm, let me see' }),
    recoverable,
    'length',
  ),
  'empty-answer': damages(
    'empty-answer',
    ({ tool_calls: _, ...message }) => ({ ...message, content: '', reasoning_content: 'Hm.' }),
    recoverable,
    'stop',
  ),
  'null-content': damages(
    'null-content',
    (message, calls) => (calls.length === 0 ? message : { ...message, content: null }),
    harmless,
  ),
  'calls-with-stop': damages('calls-with-stop', (message) => ({ ...message }), harmless, 'stop'),
  'calls-cut-off': onCallsCutOff('calls-cut-off', 'length'),
  /** The same, by the name that other APIs have for it. */
  'calls-cut-off-max-tokens': onCallsCutOff('calls-cut-off-max-tokens', 'MAX_TOKENS'),
  /** The provider behind a gateway failed in the middle. */
  'finish-error': damages('finish-error', (message) => ({ ...message }), fails('server', true), 'error'),
  'null-calls': {
    ...damages(
      'null-calls',
      (message, calls) => (calls.length > 0 ? message : { ...message, tool_calls: null }),
      harmless,
    ),
    mode: 'whole',
  },
  'arguments-object': onCalls('arguments-object', (call) => withArguments(call, JSON.parse(call.function.arguments))),
  'arguments-twice-encoded': onCalls('arguments-twice-encoded', (call) =>
    withArguments(call, JSON.stringify(call.function.arguments)),
  ),
  'arguments-unquoted-keys': onCalls('arguments-unquoted-keys', (call) =>
    withArguments(call, call.function.arguments.replaceAll(/"(\w+)":/g, '$1:')),
  ),
  'arguments-cut-off': onCalls(
    'arguments-cut-off',
    (call) => withArguments(call, call.function.arguments.slice(0, -2)),
    recoverable,
  ),
  'arguments-empty': onCalls('arguments-empty', (call) => withArguments(call, ''), recoverable),
  'arguments-of-another-schema': onCalls(
    'arguments-of-another-schema',
    (call) => withArguments(call, '{"something":["else"]}'),
    recoverable,
  ),
  'ids-missing': onCalls('ids-missing', ({ id: _, ...call }) => call),
  'ids-empty': onCalls('ids-empty', (call) => ({ ...call, id: '' })),
  'ids-equal': onCalls('ids-equal', (call) => ({ ...call, id: 'call_function_000000000000_1' })),
  'type-missing': onCalls('type-missing', ({ type: _, ...call }) => call),
  'name-unknown': onCalls(
    'name-unknown',
    (call) => ({ ...call, function: { ...call.function, name: `${call.function.name}s` } }),
    recoverable,
  ),
  'name-empty': onCalls('name-empty', (call) => ({ ...call, function: { ...call.function, name: '' } }), recoverable),
  'call-repeated': damages(
    'call-repeated',
    (message, calls) => {
      const again = calls.map((call, index) => ({ ...call, id: `${call.id}_again`, index: calls.length + index }))
      return calls.length === 0 ? message : { ...message, tool_calls: [...calls, ...again] }
    },
    recoverable,
  ),
  'answer-as-prose': onAnswer('answer-as-prose', () => 'It is warm there, I would say.'),
  'answer-in-fence': onAnswer(
    'answer-in-fence',
    (text) => `Here it is:\n\`\`\`json\n${text}\n\`\`\`\nTake care!`,
    harmless,
  ),
  'answer-wrapped': onAnswer('answer-wrapped', (text) => `{"answer":${text}}`, harmless),
} as const satisfies Readonly<Record<string, Fault>>

function onAnswer(name: string, rewrite: (text: string) => string, expected = recoverable): Fault {
  const damage: Damage = (message, calls) =>
    calls.length > 0 ? message : { ...message, content: rewrite(message.content) }
  return damages(name, damage, expected)
}

/** Cut by the output limit: nothing of it may be executed. */
function onCallsCutOff(name: string, finishReason: string): Fault {
  const damage: Damage = (message, calls) =>
    calls.length === 0
      ? message
      : { ...message, tool_calls: calls.map((call) => withArguments(call, call.function.arguments.slice(0, -2))) }
  return damages(name, damage, recoverable, finishReason)
}
