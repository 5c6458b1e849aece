import { type Completion, type CompletionToolCall, sensitivity } from './completion.ts'

/** MiniMax sends coarse chunks, of about this many characters. */
const chunkLength = 125

/** The data of one server-sent event: an object, or text such as `[DONE]`. */
export type StreamFrame = object | string

/** The two reported forms of the frame with the usage: the whole completion, or a chunk without choices. */
type UsageFrame = 'whole-completion' | 'empty-choices'

/**
 * Cuts a completion into the `data:` objects of a stream, in MiniMax's chunk shapes: the envelope in every chunk, no
 * `finish_reason` before the closing chunk, a tool call's id and name in one delta and its arguments in later ones, and
 * `usage: null` until the last frame. The last frame is the whole `chat.completion` or a chunk without choices; both were
 * observed. The stream ends with `[DONE]`.
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

/** A value that a fault put in place of the text is sent as it is. */
function contentPieces(content: unknown): readonly unknown[] {
  return typeof content === 'string' ? pieces(content) : [content]
}

/** A tool call in deltas: first id and name, then pieces of the arguments. */
function callDeltas({ id, type, function: { name, arguments: text }, index }: CompletionToolCall): readonly object[] {
  if (typeof text !== 'string') return [{ id, type, function: { name, arguments: text }, index }]
  const opening = { id, type, function: { name, arguments: '' }, index }
  return [opening, ...pieces(text).map((piece) => ({ function: { arguments: piece }, index }))]
}

/** Cuts between code points, so that every piece is valid Unicode. */
function pieces(text: string): readonly string[] {
  const points = Array.from(text)
  return Array.from({ length: Math.ceil(points.length / chunkLength) }, (_, index) =>
    points.slice(index * chunkLength, (index + 1) * chunkLength).join(''),
  )
}
