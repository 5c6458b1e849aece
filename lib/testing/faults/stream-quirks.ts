import { isObject } from '../../../router/json.ts'
import type { StreamFrame } from '../stand-in/chunks.ts'
import type { Completion } from '../stand-in/completion.ts'
import { objectsOf } from '../stand-in/request.ts'
import { jsonReply, type WireReply } from '../stand-in/wire-reply.ts'
import { type Expectation, type Fault, fails, harmless } from './fault.ts'

type Fields = { readonly [field: string]: unknown }

function quirk(name: string, frames: NonNullable<Fault['frames']>, expected: Expectation = harmless): Fault {
  return { name, mode: 'stream', expected, frames }
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
    (frames) => midway(frames, { error: { type: 'overloaded_error', message: 'High traffic detected. (2064) (529)' } }),
    fails('overloaded', true),
  ),
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

function objects(frames: readonly StreamFrame[], change: (frame: Fields) => Fields): readonly StreamFrame[] {
  return frames.map((frame) => (isObject(frame) ? change(frame) : frame))
}

function choices(frames: readonly StreamFrame[], change: (choice: Fields) => Fields): readonly StreamFrame[] {
  return objects(frames, (frame) => {
    const list = objectsOf(frame['choices'])
    return list.length === 0 || isObject(list[0]?.['message']) ? frame : { ...frame, choices: list.map(change) }
  })
}

function deltas(frames: readonly StreamFrame[], change: (delta: Fields) => Fields): readonly StreamFrame[] {
  return choices(frames, (choice) =>
    isObject(choice['delta']) ? { ...choice, delta: change(choice['delta']) } : choice,
  )
}

function calls(frames: readonly StreamFrame[], change: (call: Fields) => Fields): readonly StreamFrame[] {
  return deltas(frames, (delta) =>
    delta['tool_calls'] === undefined ? delta : { ...delta, tool_calls: objectsOf(delta['tool_calls']).map(change) },
  )
}

function isClosing(frame: StreamFrame): boolean {
  const choice = isObject(frame) ? objectsOf(frame['choices'])[0] : undefined
  return typeof choice?.['finish_reason'] === 'string' && isObject(choice['delta'])
}

function beforeDone(frames: readonly StreamFrame[], frame: object): readonly StreamFrame[] {
  return [...frames.filter((known) => known !== '[DONE]' && !isLast(known)), frame, '[DONE]']
}

/** The stand-in's own last frame, which carries the usage. */
function isLast(frame: StreamFrame): boolean {
  return isObject(frame) && frame['usage'] !== null
}

function firstHalf(frames: readonly StreamFrame[]): readonly StreamFrame[] {
  const open = frames.filter((frame) => frame !== '[DONE]' && !isLast(frame) && !isClosing(frame))
  return open.slice(0, Math.ceil(open.length / 2))
}

function midway(frames: readonly StreamFrame[], frame: object): readonly StreamFrame[] {
  return [...firstHalf(frames), frame, '[DONE]']
}

/** The id comes with the last piece of the arguments. */
function lateIds(frames: readonly StreamFrame[]): readonly StreamFrame[] {
  const ids = new Map<unknown, unknown>()
  const stripped = calls(frames, (call) => {
    if (call['id'] !== undefined) ids.set(call['index'], call['id'])
    return { ...call, id: '' }
  })
  return calls([...stripped].reverse(), (call) => {
    const id = ids.get(call['index'])
    ids.delete(call['index'])
    return id === undefined ? call : { ...call, id }
  }).toReversed()
}

function repeatNames(frames: readonly StreamFrame[]): readonly StreamFrame[] {
  const known = new Map<unknown, Fields>()
  return calls(frames, (call) => {
    const first = known.get(call['index']) ?? call
    known.set(call['index'], first)
    const [opening, target] = [first['function'], call['function']]
    return {
      ...first,
      ...call,
      function: { ...(isObject(opening) ? opening : {}), ...(isObject(target) ? target : {}) },
    }
  })
}

/** Each text in two deltas. */
function halved(frames: readonly StreamFrame[]): readonly StreamFrame[] {
  const part = (from: number, to: number) => (delta: Fields) => {
    const texts = ['content', 'reasoning_content'].flatMap((field) => {
      const points = Array.from(typeof delta[field] === 'string' ? delta[field] : '')
      return points.length < 2 ? [] : [[field, points.slice(points.length * from, points.length * to).join('')]]
    })
    return { ...delta, ...Object.fromEntries(texts) }
  }
  return frames.flatMap((frame) => {
    const [first, second] = [deltas([frame], part(0, 0.5)), deltas([frame], part(0.5, 1))]
    return JSON.stringify(first) === JSON.stringify(second) ? [frame] : [...first, ...second]
  })
}

/** Every delta carries all text so far. */
function cumulate(frames: readonly StreamFrame[]): readonly StreamFrame[] {
  const sofar: Record<string, string> = {}
  return deltas(frames, (delta) => {
    const texts = ['content', 'reasoning_content'].flatMap((field) => {
      const text = delta[field]
      if (typeof text !== 'string' || text === '') return []
      sofar[field] = (sofar[field] ?? '') + text
      return [[field, sofar[field]] as const]
    })
    return { ...delta, ...Object.fromEntries(texts) }
  })
}

function inOneDelta({ id, model, usage, choices: [{ message, finish_reason }] }: Completion): object {
  return { id, model, usage, object: 'chat.completion.chunk', choices: [{ index: 1, finish_reason, delta: message }] }
}

/** Thinking in the content, its tags cut over several chunks. */
function splitThinking({ id, model, usage, choices: [{ message, finish_reason }] }: Completion): readonly object[] {
  const { content, reasoning_content: thinking = 'Hm.', reasoning_details: _, ...rest } = message
  const text = `<think>\n${thinking}\n</think>\n${content}`
  const pieces = [text.slice(0, 3), text.slice(3, 12), ...text.slice(12).split(/(?<=<\/th)/)]
  const frame = (delta: object, choice: object = {}) => ({
    id,
    model,
    choices: [{ index: 0, delta, ...choice }],
    usage: null,
  })
  return [...pieces.map((piece) => frame({ content: piece })), { ...frame({ ...rest }, { finish_reason }), usage }]
}
