// Streams that deviate from MiniMax's documents. All of them were seen on MiniMax's endpoints, on servers that host its
// models, or on gateways. Most clients must read them as if nothing were wrong; the last ones are real failures.

import { isObject, type UnknownObject } from '../../../router/json/json.ts'
import { type Fault, nameFaults } from '../mock-server/fault.ts'
import { jsonReply, type WireReply } from '../mock-server/wire-reply.ts'
import { damagedReplies } from './damaged-replies.ts'
import {
  beforeDone,
  byToken,
  calls,
  choices,
  cumulate,
  cumulateDetails,
  deltas,
  finishEarly,
  firstHalf,
  halved,
  inOneDelta,
  isClosing,
  lateIds,
  midway,
  objects,
  repeatNames,
  splitThinking,
  withSecondChoice,
} from './stream-rewrites.ts'

// The names are those of `faults.streamQuirk(name)` and `tenrounds mock-server --faults`. The order in the table is: usage
// and finish reason, last frames, pieces of tool calls, other fields, pieces of text, the form of events, the form of the
// whole reply, failures. A client should read all quirks before the failures like a stream without them.

/** A fault that changes the frames of a stream. */
function quirk(description: string, frames: NonNullable<Fault['frames']>): Omit<Fault, 'name'> {
  return { description, mode: 'stream', frames }
}

/** A fault that changes the text of a stream, for rules of server-sent events that the frames do not show. */
function textQuirk(description: string, rewrite: (text: string) => string): Omit<Fault, 'name'> {
  const wire = (reply: WireReply) => ({ ...reply, parts: [rewrite(reply.parts.join(''))] })
  return { description, mode: 'stream', wire }
}

const overloaded = 'High traffic detected. (2064) (529)'

function hasCalls({ delta }: UnknownObject): boolean {
  return isObject(delta) && delta['tool_calls'] !== undefined
}

/** Deviations of streams that were seen on MiniMax endpoints and gateways. */
export const streamQuirks = nameFaults({
  'empty-role': quirk('Every delta has an empty role.', (frames) =>
    deltas(frames, (delta) => ({ ...delta, role: '' })),
  ),
  'null-usage': quirk('Usage is null in every frame.', (frames) =>
    objects(frames, (frame) => ({ ...frame, usage: null })),
  ),
  'zero-usage': quirk('Frames without usage have a usage of zero tokens.', (frames) =>
    objects(frames, (frame) => ({ ...frame, usage: frame['usage'] ?? { total_tokens: 0, total_characters: 0 } })),
  ),
  'null-finish-reason': quirk('Frames before the last have a finish reason of null.', (frames) =>
    choices(frames, (choice) => ({ finish_reason: null, ...choice })),
  ),
  'double-finish': quirk('The closing frame arrives twice.', (frames) =>
    frames.flatMap((frame) => (isClosing(frame) ? [frame, frame] : [frame])),
  ),
  // Seen on M2.7.
  'think-tail': quirk('An opening think tag arrives just before the closing frame.', (frames) =>
    frames.flatMap((frame) => {
      if (!isClosing(frame)) return [frame]
      return [...deltas([frame], (delta) => ({ ...delta, content: '\n<think>\n' })), frame]
    }),
  ),
  'no-done': quirk('The [DONE] line is missing.', (frames) => frames.filter((frame) => frame !== '[DONE]')),
  'whole-last-frame': quirk('The last frame is the whole completion.', (frames, completion) =>
    beforeDone(frames, completion),
  ),
  'usage-without-choices': quirk('The last frame has usage and an empty list of choices.', (frames, { usage }) =>
    beforeDone(frames, { choices: [], usage }),
  ),
  'usage-without-choices-key': quirk('The last frame has usage and no choices field.', (frames, { usage }) =>
    beforeDone(frames, { usage }),
  ),
  // OpenAI's clients join the pieces of a call by its index. Without a usable index, only id and order are left.
  'calls-on-one-index': quirk('All tool calls have index 0.', (frames) =>
    calls(frames, (call) => ({ ...call, index: 0 })),
  ),
  'calls-without-index': quirk('Tool calls have no index.', (frames) => calls(frames, ({ index: _, ...call }) => call)),
  'empty-continuation-ids': quirk('Later pieces of a tool call have an empty id.', (frames) =>
    calls(frames, (call) => ({ id: '', ...call })),
  ),
  'late-ids': quirk('The id of a tool call arrives with its last piece.', lateIds),
  'names-repeated': quirk('Every piece of a tool call repeats its id and name.', repeatNames),
  'one-delta': quirk('The whole message arrives in one delta.', (_frames, completion) => [
    inOneDelta(completion),
    '[DONE]',
  ]),
  'null-calls-in-deltas': quirk('Deltas without tool calls have tool_calls null.', (frames) =>
    deltas(frames, (delta) => ({ tool_calls: null, ...delta })),
  ),
  // A client that stops reading at the first finish reason loses the rest of the reply.
  'early-finish': quirk('Only the first frame has the finish reason.', finishEarly),
  'finish-with-each-call': quirk('Every frame with a tool call has a finish reason.', (frames) =>
    choices(frames, (choice) => (hasCalls(choice) ? { ...choice, finish_reason: 'tool_calls' } : choice)),
  ),
  'message-beside-delta': quirk('Every choice has an empty message besides its delta.', (frames) =>
    choices(frames, (choice) => ({ ...choice, message: {} })),
  ),
  'second-choice': quirk('Frames of a second answer are mixed in.', withSecondChoice),
  // The streaming scan must not show a part of a tag before it knows what it is.
  'markup-by-token': {
    ...damagedReplies['markup-m2'],
    description: 'Tool calls arrive as M2 markup in the text, a few characters at a time.',
    mode: 'stream',
    frames: byToken,
  },
  // A client must find out whether a text continues the earlier one or repeats it.
  'cumulative-details': quirk(
    "Reasoning details repeat all their text so far, as in MiniMax's sample code.",
    (frames) => cumulateDetails(halved(frames)),
  ),
  cumulative: quirk('Every delta repeats all text so far.', (frames) => cumulate(halved(frames))),
  'split-think-tags': quirk('Think tags are split between frames.', (_frames, completion) => [
    ...splitThinking(completion),
    '[DONE]',
  ]),
  // All three are allowed by the specification of server-sent events.
  'carriage-returns': textQuirk('Lines end with CR LF.', (text) => text.replaceAll('\n', '\r\n')),
  'comments-between': textQuirk('Keep-alive comments are mixed in.', (text) =>
    text.replaceAll('data: ', ': keep-alive\n\ndata: '),
  ),
  'no-blank-after-data': textQuirk('The blank after data: is missing.', (text) => text.replaceAll('data: ', 'data:')),
  // By the specification the last event would be dropped. Servers that close the connection early do this.
  'no-empty-line-at-end': textQuirk('The empty line after the last event is missing.', (text) => text.trimEnd()),
  // Gateways that cannot stream answer as if it had not been requested, and the other way round.
  'json-body': {
    description: 'The reply is one JSON document, although a stream was requested.',
    mode: 'stream',
    frames: (_frames, completion) => [completion],
    wire: (reply) => ({
      ...jsonReply(200, {}, ''),
      parts: [reply.parts.join('').replace(/^data: /, '')],
    }),
  },
  'stream-for-whole': {
    description: 'The reply is a stream, although no stream was requested.',
    mode: 'whole',
    wire: (reply) => ({
      ...reply,
      headers: { ...reply.headers, 'content-type': 'text/event-stream' },
      parts: [`data: ${reply.parts.join('')}\n\ndata: [DONE]\n\n`],
    }),
  },
  // Failures. Status 200 was already sent, so the stream itself must report them.
  'error-midway': quirk('An error object arrives in the middle of the stream.', (frames) =>
    midway(frames, { error: { type: 'overloaded_error', message: overloaded } }),
  ),
  'event-error': {
    ...quirk('An event of type error arrives in the middle of the stream.', (frames) =>
      midway(frames, { type: 'overloaded_error', message: overloaded }),
    ),
    wire: (reply) => ({
      ...reply,
      parts: reply.parts.map((part) => part.replace(/^(?=data: \{"type":)/, 'event: error\n')),
    }),
  },
  'base-resp-error-midway': quirk('base_resp reports an error in the middle of the stream.', (frames) =>
    midway(frames, { base_resp: { status_code: 1024, status_msg: 'internal error' } }),
  ),
  'filter-midway': quirk('The content filter blocks the output in the middle of the stream.', (frames) =>
    midway(frames, { error: { type: 'api_error', message: 'output new_sensitive (1027)' } }),
  ),
  'ends-midway': quirk('The stream ends in the middle, without an error.', (frames) => firstHalf(frames)),
})
