import { type Completion, type CompletionToolCall, sensitivity } from './completion.ts'

/** MiniMax sends coarse chunks, of about this many characters. */
const chunkLength = 125

/** A `data:` object of a stream, or its text. */
export type StreamFrame = object | string

/** Which of the two reported forms carries the usage of a stream. */
export type UsageFrame = 'whole-completion' | 'empty-choices'

/**
 * Cuts a completion into the `data:` objects of a stream, in MiniMax's chunk shapes: the envelope in every chunk, no
 * `finish_reason` key before the closing chunk, a tool call's id and name in a delta of their own and its arguments
 * behind, and `usage: null` until the last frame. That one is either the whole `chat.completion` again, or a chunk
 * with no choices; both were observed. `[DONE]` ends it.
 */
export function framesOf(completion: Completion, usageFrame: UsageFrame): readonly StreamFrame[] {
  const [{ message, finish_reason }] = completion.choices
  const envelope = {
    created: completion.created,
    model: completion.model,
    object: 'chat.completion.chunk',
    usage: null,
    ...sensitivity,
  }
  const chunk = (delta: object, rest: object = {}): object => ({
    id: completion.id,
    choices: [{ ...rest, index: 0, delta: { role: 'assistant', ...delta } }],
    ...envelope,
  })
  const { name, audio_content } = message
  const details = message.reasoning_details ?? []
  return [
    ...pieces(message.reasoning_content ?? '').map((text) =>
      chunk({ name, reasoning_content: text, reasoning_details: details.map((detail) => ({ ...detail, text })) }),
    ),
    ...contentPieces(message.content).map((content) => chunk({ content, name, audio_content })),
    ...(message.tool_calls ?? []).flatMap(callDeltas).map((delta) => chunk({ tool_calls: [delta] })),
    chunk({ content: '', name, audio_content }, { finish_reason }),
    usageFrame === 'whole-completion'
      ? completion
      : { id: completion.id, choices: [], ...envelope, usage: completion.usage },
    '[DONE]',
  ]
}

/** What a fault put in the place of a text is sent as it is. */
function contentPieces(content: unknown): readonly unknown[] {
  return typeof content === 'string' ? pieces(content) : [content]
}

function callDeltas({ id, type, function: { name, arguments: text }, index }: CompletionToolCall): readonly object[] {
  if (typeof text !== 'string') return [{ id, type, function: { name, arguments: text }, index }]
  const opening = { id, type, function: { name, arguments: '' }, index }
  return [opening, ...pieces(text).map((piece) => ({ function: { arguments: piece }, index }))]
}

/** Cuts between code points, so that every piece is valid Unicode by itself. */
function pieces(text: string): readonly string[] {
  const points = Array.from(text)
  return Array.from({ length: Math.ceil(points.length / chunkLength) }, (_, index) =>
    points.slice(index * chunkLength, (index + 1) * chunkLength).join(''),
  )
}
