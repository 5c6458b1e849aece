import { isObject } from '../../../router/json/json.ts'
import { jsonReply, type WireReply } from '../mock-server/wire-reply.ts'
import { damagedReplies } from './damaged-replies.ts'
import { type Expectation, type Fault, fails, harmless } from './fault.ts'
import {
  beforeDone,
  byToken,
  calls,
  choices,
  cumulate,
  cumulateDetails,
  deltas,
  type Fields,
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

function quirk(name: string, frames: NonNullable<Fault['frames']>, expected: Expectation = harmless): Fault {
  return { name, mode: 'stream', expected, frames }
}

const overloaded = 'High traffic detected. (2064) (529)'

function hasCalls({ delta }: Fields): boolean {
  return isObject(delta) && delta['tool_calls'] !== undefined
}

/** Deviations of streams that were seen on MiniMax endpoints and gateways. */
export const streamQuirks = {
  'empty-role': quirk('empty-role', (frames) => deltas(frames, (delta) => ({ ...delta, role: '' }))),
  'null-usage': quirk('null-usage', (frames) => objects(frames, (frame) => ({ ...frame, usage: null }))),
  'zero-usage': quirk('zero-usage', (frames) =>
    objects(frames, (frame) => ({ ...frame, usage: frame['usage'] ?? { total_tokens: 0, total_characters: 0 } })),
  ),
  'null-finish-reason': quirk('null-finish-reason', (frames) =>
    choices(frames, (choice) => ({ finish_reason: null, ...choice })),
  ),
  'double-finish': quirk('double-finish', (frames) =>
    frames.flatMap((frame) => (isClosing(frame) ? [frame, frame] : [frame])),
  ),
  /** The tail of thinking in the closing chunk, seen on M2.7. */
  'think-tail': quirk('think-tail', (frames) =>
    frames.flatMap((frame) => {
      if (!isClosing(frame)) return [frame]
      return [...deltas([frame], (delta) => ({ ...delta, content: '\n<think>\n' })), frame]
    }),
  ),
  'no-done': quirk('no-done', (frames) => frames.filter((frame) => frame !== '[DONE]')),
  'whole-last-frame': quirk('whole-last-frame', (frames, completion) => beforeDone(frames, completion)),
  'usage-without-choices': quirk('usage-without-choices', (frames, { usage }) =>
    beforeDone(frames, { choices: [], usage }),
  ),
  'usage-without-choices-key': quirk('usage-without-choices-key', (frames, { usage }) => beforeDone(frames, { usage })),
  'calls-on-one-index': quirk('calls-on-one-index', (frames) => calls(frames, (call) => ({ ...call, index: 0 }))),
  'calls-without-index': quirk('calls-without-index', (frames) => calls(frames, ({ index: _, ...call }) => call)),
  'empty-continuation-ids': quirk('empty-continuation-ids', (frames) => calls(frames, (call) => ({ id: '', ...call }))),
  'late-ids': quirk('late-ids', lateIds),
  'names-repeated': quirk('names-repeated', repeatNames),
  'one-delta': quirk('one-delta', (_frames, completion) => [inOneDelta(completion), '[DONE]']),
  'null-calls-in-deltas': quirk('null-calls-in-deltas', (frames) =>
    deltas(frames, (delta) => ({ tool_calls: null, ...delta })),
  ),
  'early-finish': quirk('early-finish', finishEarly),
  'finish-with-each-call': quirk('finish-with-each-call', (frames) =>
    choices(frames, (choice) => (hasCalls(choice) ? { ...choice, finish_reason: 'tool_calls' } : choice)),
  ),
  'message-beside-delta': quirk('message-beside-delta', (frames) =>
    choices(frames, (choice) => ({ ...choice, message: {} })),
  ),
  'second-choice': quirk('second-choice', withSecondChoice),
  /** Calls in the markup of M2, token by token. */
  'markup-by-token': { ...damagedReplies['markup-m2'], name: 'markup-by-token', mode: 'stream', frames: byToken },
  'cumulative-details': quirk('cumulative-details', (frames) => cumulateDetails(halved(frames))),
  cumulative: quirk('cumulative', (frames) => cumulate(halved(frames))),
  'split-think-tags': quirk('split-think-tags', (_frames, completion) => [...splitThinking(completion), '[DONE]']),
  'carriage-returns': wireQuirk('carriage-returns', (text) => text.replaceAll('\n', '\r\n')),
  'comments-between': wireQuirk('comments-between', (text) => text.replaceAll('data: ', ': keep-alive\n\ndata: ')),
  'no-blank-after-data': wireQuirk('no-blank-after-data', (text) => text.replaceAll('data: ', 'data:')),
  'no-empty-line-at-end': wireQuirk('no-empty-line-at-end', (text) => text.trimEnd()),
  'json-body': {
    name: 'json-body',
    mode: 'stream',
    expected: harmless,
    frames: (_frames, completion) => [completion],
    wire: (reply) => ({
      ...jsonReply(200, {}, ''),
      parts: [reply.parts.join('').replace(/^data: /, '')],
    }),
  },
  'stream-for-whole': {
    name: 'stream-for-whole',
    mode: 'whole',
    expected: harmless,
    wire: (reply) => ({
      ...reply,
      headers: { ...reply.headers, 'content-type': 'text/event-stream' },
      parts: [`data: ${reply.parts.join('')}\n\ndata: [DONE]\n\n`],
    }),
  },
  'error-midway': quirk(
    'error-midway',
    (frames) => midway(frames, { error: { type: 'overloaded_error', message: overloaded } }),
    fails('overloaded', true),
  ),
  'event-error': {
    ...quirk(
      'event-error',
      (frames) => midway(frames, { type: 'overloaded_error', message: overloaded }),
      fails('overloaded', true),
    ),
    wire: (reply) => ({
      ...reply,
      parts: reply.parts.map((part) => part.replace(/^(?=data: \{"type":)/, 'event: error\n')),
    }),
  },
  'base-resp-error-midway': quirk(
    'base-resp-error-midway',
    (frames) => midway(frames, { base_resp: { status_code: 1024, status_msg: 'internal error' } }),
    fails('server', true),
  ),
  'filter-midway': quirk(
    'filter-midway',
    (frames) => midway(frames, { error: { type: 'api_error', message: 'output new_sensitive (1027)' } }),
    fails('content_filter', false),
  ),
  'ends-midway': quirk('ends-midway', (frames) => firstHalf(frames), fails('network', true)),
} as const satisfies Readonly<Record<string, Fault>>

function wireQuirk(name: string, rewrite: (text: string) => string): Fault {
  const wire = (reply: WireReply) => ({ ...reply, parts: [rewrite(reply.parts.join(''))] })
  return { name, mode: 'stream', expected: harmless, wire }
}
