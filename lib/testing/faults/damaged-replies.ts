// Replies whose envelope is right and whose message is wrong: tool calls written as text, damaged arguments, missing ids,
// thinking in the content, answers that are not JSON. Models and servers without a parser for their markup cause them.

import { tagToken } from '../../minimax/markup/tags.ts'
import type { Completion, CompletionToolCall } from '../mock-server/completion.ts'
import { type Fault, nameFaults } from '../mock-server/fault.ts'

// `markup-…` and `json-…` need the text formats of a model. `calls-cut-off…`, `think-never-closed` and `finish-error` must
// not execute anything, because the reply is incomplete. `arguments-…`, `ids-…`, `type-missing` and `name-…` are repaired
// where the meaning is certain, and otherwise go back to the model as feedback.

type Call = CompletionToolCall

/** Returns a changed copy of the message of a completion. It may no longer be a valid message. */
type Damage = (message: Completion['choices'][0]['message'], calls: readonly Call[]) => object

/**
 * A fault that changes the message of a completion.
 *
 * @param finishReason finish reason of a changed message; by default it stays as it is.
 */
function damages(description: string, damage: Damage, finishReason?: string): Omit<Fault, 'name'> {
  return {
    description,
    mode: 'both',
    completion: (completion) => {
      const [{ message, finish_reason, ...rest }] = completion.choices
      const changed = damage(message, message.tool_calls ?? [])
      const reason = changed === message ? finish_reason : (finishReason ?? finish_reason)
      return { ...completion, choices: [{ ...rest, finish_reason: reason, message: changed }] }
    },
  }
}

/** Changes every tool call of a message. A message without tool calls is not changed. */
function onCalls(description: string, change: (call: Call, index: number) => object, finishReason?: string) {
  return damages(
    description,
    (message, calls) => (calls.length === 0 ? message : { ...message, tool_calls: calls.map(change) }),
    finishReason,
  )
}

/** Writes tool calls as text into `content`, in place of `tool_calls`. */
function asText(description: string, write: (calls: readonly Call[]) => string) {
  return damages(
    description,
    (message, calls) => {
      if (calls.length === 0) return message
      const { tool_calls: _, ...rest } = message
      return { ...rest, content: write(calls) }
    },
    'stop',
  )
}

/** Rewrites the text of a message without tool calls. */
function onAnswer(description: string, rewrite: (text: string) => string) {
  return damages(description, (message, calls) =>
    calls.length > 0 ? message : { ...message, content: rewrite(message.content) },
  )
}

/** The input of a tool call as a list of its members. */
const inputOf = ({ function: { arguments: text } }: Call): [string, unknown][] => Object.entries(JSON.parse(text))
/** Markup has strings without quotes, and all other values as JSON. */
const textOf = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
/** A tool call in the markup of M2. */
const invoke = (call: Call) =>
  `<invoke name="${call.function.name}">\n${inputOf(call)
    .map(([name, value]) => `<parameter name="${name}">${textOf(value)}</parameter>\n`)
    .join('')}</invoke>\n`
/** Tool calls in the markup of M2, with its outer tag. */
const m2 = (calls: readonly Call[]) => `<minimax:tool_call>\n${calls.map(invoke).join('')}</minimax:tool_call>`
/** Tool calls in the markup of M3: every tag begins with a special token. */
const m3 = (calls: readonly Call[]) => {
  const invokes = calls.map((call) => {
    const parameters = inputOf(call).map(([name, value]) => `${tagToken}<${name}>${textOf(value)}${tagToken}</${name}>`)
    return `${tagToken}<invoke name="${call.function.name}">${parameters.join('')}${tagToken}</invoke>\n`
  })
  return `${tagToken}<tool_call>\n${invokes.join('')}${tagToken}</tool_call>`
}
/** A tool call with other arguments, which need not be text. */
const withArguments = (call: Call, text: unknown) => ({ ...call, function: { ...call.function, arguments: text } })
/** A tool call with another name. */
const withName = (call: Call, name: string) => ({ ...call, function: { ...call.function, name } })
/** A tool call without the last two characters of its arguments. */
const cutOff = (call: Call) => withArguments(call, call.function.arguments.slice(0, -2))
/** Tool calls in the JSON form of tenrounds' JSON protocol. */
const asRequests = (calls: readonly Call[]) =>
  calls.map((call) => ({ name: call.function.name, input: Object.fromEntries(inputOf(call)) }))

/** Replies that are well-formed on the wire and wrong in content, as seen on MiniMax endpoints and gateways. */
export const damagedReplies = nameFaults({
  'markup-m2': asText('Tool calls arrive as M2 markup in the text.', m2),
  'markup-m2-after-prose': asText(
    'Tool calls arrive as M2 markup after a sentence.',
    (calls) => `Let me look.\n${m2(calls)}`,
  ),
  'markup-m3': asText('Tool calls arrive as M3 markup in the text.', m3),
  'markup-m3-after-prose': asText(
    'Tool calls arrive as M3 markup after a sentence.',
    (calls) => `Let me read it.${m3(calls)}`,
  ),
  'markup-without-wrapper': asText('Tool calls arrive as M2 markup without its outer tag.', (calls) =>
    calls.map(invoke).join(''),
  ),
  // The last 30 characters are the closing tags: without them nobody knows whether the call is complete.
  'markup-cut-off': asText('Tool calls arrive as M2 markup that is cut off.', (calls) => m2(calls).slice(0, -30)),
  'markup-without-brackets': asText('Tool calls arrive as M2 markup without its angle brackets.', (calls) =>
    m2(calls).replaceAll(/[<>]/g, ''),
  ),
  'markup-in-brackets': asText('Tool calls arrive as JSON between [TOOL_CALL] tags.', (calls) => {
    const requests = calls.map((call) => `{"name":"${call.function.name}","arguments":${call.function.arguments}}`)
    return `[TOOL_CALL]\n${requests.join('\n')}\n[/TOOL_CALL]`
  }),
  'json-in-text': asText('Tool calls arrive as JSON in the text.', (calls) =>
    JSON.stringify({ tool_calls: asRequests(calls) }),
  ),
  'json-in-fence': asText('Tool calls arrive as JSON in a code fence after a sentence.', (calls) => {
    const json = JSON.stringify({ tool_calls: asRequests(calls) }, undefined, 2)
    return `First I look:\n\`\`\`json\n${json}\n\`\`\``
  }),
  // JSON inside the thinking is neither a call nor an answer.
  'think-in-content': damages('The text begins with a think block that contains JSON.', (message) => ({
    ...message,
    content: `<think>\nHm, {"celsius":99}?\n</think>\n${message.content}`,
  })),
  'think-without-opener': damages('The text begins with thinking whose opening tag is missing.', (message) => ({
    ...message,
    content: `Hm.\n</think>\n${message.content}`,
  })),
  'think-never-closed': damages(
    'The reply is cut off inside its think block.',
    ({ tool_calls: _, ...message }) => ({ ...message, content: '<think>\nHm, let me see' }),
    'length',
  ),
  'empty-answer': damages(
    'The reply has reasoning, but no text and no tool calls.',
    ({ tool_calls: _, ...message }) => ({ ...message, content: '', reasoning_content: 'Hm.' }),
    'stop',
  ),
  'null-content': damages('The content beside tool calls is null.', (message, calls) =>
    calls.length === 0 ? message : { ...message, content: null },
  ),
  // A copy, because `damages` changes the finish reason only of a changed message.
  'calls-with-stop': damages('The finish reason beside tool calls is stop.', (message) => ({ ...message }), 'stop'),
  'calls-cut-off': onCalls('The output limit cuts tool calls off; the finish reason is length.', cutOff, 'length'),
  'calls-cut-off-max-tokens': onCalls(
    'The output limit cuts tool calls off; the finish reason is MAX_TOKENS, as in other APIs.',
    cutOff,
    'MAX_TOKENS',
  ),
  'finish-error': damages(
    'The provider of a gateway failed in the middle; the finish reason is error.',
    (message) => ({ ...message }),
    'error',
  ),
  'null-calls': {
    ...damages('tool_calls is null in a reply without tool calls.', (message, calls) =>
      calls.length > 0 ? message : { ...message, tool_calls: null },
    ),
    mode: 'whole',
  },
  'arguments-object': onCalls('The arguments of tool calls are an object, not JSON text.', (call) =>
    withArguments(call, JSON.parse(call.function.arguments)),
  ),
  'arguments-twice-encoded': onCalls('The arguments of tool calls are JSON text in JSON text.', (call) =>
    withArguments(call, JSON.stringify(call.function.arguments)),
  ),
  'arguments-unquoted-keys': onCalls('The arguments of tool calls have keys without quotes.', (call) =>
    withArguments(call, call.function.arguments.replaceAll(/"(\w+)":/g, '$1:')),
  ),
  'arguments-cut-off': onCalls('The arguments of tool calls are cut off, without a finish reason for it.', cutOff),
  'arguments-empty': onCalls('The arguments of tool calls are an empty text.', (call) => withArguments(call, '')),
  'arguments-of-another-schema': onCalls('The arguments of tool calls do not match the schema.', (call) =>
    withArguments(call, '{"something":["else"]}'),
  ),
  'ids-missing': onCalls('Tool calls have no id.', ({ id: _, ...call }) => call),
  'ids-empty': onCalls('Tool calls have an empty id.', (call) => ({ ...call, id: '' })),
  // Results refer to their call by its id, so equal ids must be replaced.
  'ids-equal': onCalls('All tool calls have the same id.', (call) => ({ ...call, id: 'call_function_000000000000_1' })),
  'type-missing': onCalls('Tool calls have no type.', ({ type: _, ...call }) => call),
  'name-unknown': onCalls('Tool calls name a tool that was not declared.', (call) =>
    withName(call, `${call.function.name}s`),
  ),
  'name-empty': onCalls('Tool calls have an empty name.', (call) => withName(call, '')),
  'call-repeated': damages('Every tool call arrives twice, with different ids.', (message, calls) => {
    const again = calls.map((call, index) => ({ ...call, id: `${call.id}_again`, index: calls.length + index }))
    return calls.length === 0 ? message : { ...message, tool_calls: [...calls, ...again] }
  }),
  'answer-as-prose': onAnswer('The answer is a sentence in place of JSON.', () => 'It is warm there, I would say.'),
  'answer-in-fence': onAnswer(
    'The answer is in a code fence with sentences around it.',
    (text) => `Here it is:\n\`\`\`json\n${text}\n\`\`\`\nTake care!`,
  ),
  'answer-wrapped': onAnswer('The answer is inside an object with the member answer.', (text) => `{"answer":${text}}`),
})
