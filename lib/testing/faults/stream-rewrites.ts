// Functions that change the frames of a stream. A frame is one `data:` object, and a stream looks like this:
//
//   { id, choices: [{ index: 0, delta: { role, content: 'It is' } }], usage: null, … }     content, in pieces
//   { id, choices: [{ index: 0, delta: { tool_calls: [{ index: 0, id, … }] } }], … }       a tool call, in pieces
//   { id, choices: [{ index: 0, finish_reason: 'stop', delta: {} }], … }                   the closing frame
//   { id, choices: [], usage: { … } }                                                      the last frame
//   [DONE]
//
// All functions return new frames and leave frames of other kinds unchanged.

import { isObject, type UnknownObject } from '../../../router/json/json.ts'
import type { Completion } from '../mock-server/completion.ts'
import { objectsOf } from '../mock-server/request.ts'
import type { StreamFrame } from '../mock-server/stream-chunks.ts'

/** Moves the id of each tool call to the last piece of its arguments. */
export function lateIds(frames: readonly StreamFrame[]): readonly StreamFrame[] {
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

/** Repeats id and name in every piece of a tool call. */
export function repeatNames(frames: readonly StreamFrame[]): readonly StreamFrame[] {
  const known = new Map<unknown, UnknownObject>()
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

/** Changes the texts of a delta. `change` gets the field of each text and returns `undefined` to keep it. */
function textsOf(delta: UnknownObject, change: (key: string, text: string) => string | undefined): UnknownObject {
  const fields = ['content', 'reasoning_content'].flatMap((field) => {
    const text = delta[field]
    const changed = typeof text === 'string' ? change(field, text) : undefined
    return changed === undefined ? [] : [[field, changed] as const]
  })
  return { ...delta, ...Object.fromEntries(fields), ...detailsOf(delta, change) }
}

/** The changed reasoning details of a delta, as a field to spread into it. */
function detailsOf(delta: UnknownObject, change: (key: string, text: string) => string | undefined): UnknownObject {
  if (delta['reasoning_details'] === undefined) return {}
  const details = objectsOf(delta['reasoning_details']).map((detail) => {
    const { index, text } = detail
    return typeof text === 'string' ? { ...detail, text: change(`details ${index}`, text) ?? text } : detail
  })
  return { reasoning_details: details }
}

/** Splits each text into two deltas. */
export function halved(frames: readonly StreamFrame[]): readonly StreamFrame[] {
  const part = (from: number, to: number) => (delta: UnknownObject) =>
    textsOf(delta, (_key, text) => {
      const points = Array.from(text)
      return points.length < 2 ? undefined : points.slice(points.length * from, points.length * to).join('')
    })
  return frames.flatMap((frame) => {
    const [first, second] = [deltas([frame], part(0, 0.5)), deltas([frame], part(0.5, 1))]
    return JSON.stringify(first) === JSON.stringify(second) ? [frame] : [...first, ...second]
  })
}

/** Repeats in every delta all text so far. */
export function cumulate(frames: readonly StreamFrame[]): readonly StreamFrame[] {
  const change = sofar()
  return deltas(frames, (delta) => textsOf(delta, change))
}

/** Repeats in every delta all reasoning details so far, as MiniMax's own sample code expects it. */
export function cumulateDetails(frames: readonly StreamFrame[]): readonly StreamFrame[] {
  const change = sofar()
  return deltas(frames, (delta) => ({ ...delta, ...detailsOf(delta, change) }))
}

/** Makes a function that returns all text so far of each field. */
function sofar(): (key: string, text: string) => string | undefined {
  const known: Record<string, string> = {}
  return (key, text) => {
    if (text === '') return undefined
    known[key] = (known[key] ?? '') + text
    return known[key]
  }
}

/** A whole completion as one delta. */
export function inOneDelta({ id, model, usage, choices: [{ message, finish_reason }] }: Completion): object {
  return { id, model, usage, object: 'chat.completion.chunk', choices: [{ index: 1, finish_reason, delta: message }] }
}

/** Moves the thinking into the content and splits its tags between chunks. */
export function splitThinking({
  id,
  model,
  usage,
  choices: [{ message, finish_reason }],
}: Completion): readonly object[] {
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

/** Splits the content into pieces of four characters, about one token. */
export function byToken(frames: readonly StreamFrame[]): readonly StreamFrame[] {
  return frames.flatMap((frame) => {
    let content: unknown
    deltas([frame], (delta) => {
      content = delta['content']
      return delta
    })
    if (typeof content !== 'string' || content === '') return [frame]
    return (content.match(/.{1,4}/gsu) ?? []).flatMap((piece) =>
      deltas([frame], (delta) => ({ ...delta, content: piece })),
    )
  })
}

/** Moves the finish reason to the first chunk. */
export function finishEarly(
  frames: readonly StreamFrame[],
  { choices: [{ finish_reason }] }: Completion,
): readonly StreamFrame[] {
  let isFirst = true
  return choices(frames, ({ finish_reason: _, ...choice }) => {
    const early = isFirst ? { finish_reason } : {}
    isFirst = false
    return { ...choice, ...early }
  })
}

/** Adds a chunk of a second answer after each chunk. */
export function withSecondChoice(frames: readonly StreamFrame[]): readonly StreamFrame[] {
  return frames.flatMap((frame) => {
    const other = choices([frame], (choice) => ({ ...choice, index: 1, delta: { content: 'No, thank you. ' } }))
    return other[0] === frame || frame === '[DONE]' ? [frame] : [frame, ...other]
  })
}

/** Changes every frame that is an object. */
export function objects(
  frames: readonly StreamFrame[],
  change: (frame: UnknownObject) => UnknownObject,
): readonly StreamFrame[] {
  return frames.map((frame) => (isObject(frame) ? change(frame) : frame))
}

/** Changes every choice of a chunk. Whole completions are not changed. */
export function choices(
  frames: readonly StreamFrame[],
  change: (choice: UnknownObject) => UnknownObject,
): readonly StreamFrame[] {
  return objects(frames, (frame) => {
    const list = objectsOf(frame['choices'])
    return list.length === 0 || isObject(list[0]?.['message']) ? frame : { ...frame, choices: list.map(change) }
  })
}

/** Changes every delta. */
export function deltas(
  frames: readonly StreamFrame[],
  change: (delta: UnknownObject) => UnknownObject,
): readonly StreamFrame[] {
  return choices(frames, (choice) =>
    isObject(choice['delta']) ? { ...choice, delta: change(choice['delta']) } : choice,
  )
}

/** Changes every piece of a tool call. */
export function calls(
  frames: readonly StreamFrame[],
  change: (call: UnknownObject) => UnknownObject,
): readonly StreamFrame[] {
  return deltas(frames, (delta) =>
    delta['tool_calls'] === undefined ? delta : { ...delta, tool_calls: objectsOf(delta['tool_calls']).map(change) },
  )
}

/** Whether a frame has the finish reason. */
export function isClosing(frame: StreamFrame): boolean {
  const choice = isObject(frame) ? objectsOf(frame['choices'])[0] : undefined
  return typeof choice?.['finish_reason'] === 'string' && isObject(choice['delta'])
}

/** Puts a frame in place of the last one, before `[DONE]`. */
export function beforeDone(frames: readonly StreamFrame[], frame: object): readonly StreamFrame[] {
  return [...frames.filter((known) => known !== '[DONE]' && !isLast(known)), frame, '[DONE]']
}

/** The mock server's own last frame has the usage. */
function isLast(frame: StreamFrame): boolean {
  return isObject(frame) && frame['usage'] !== null
}

/** The first half of the frames before the closing one. */
export function firstHalf(frames: readonly StreamFrame[]): readonly StreamFrame[] {
  const open = frames.filter((frame) => frame !== '[DONE]' && !isLast(frame) && !isClosing(frame))
  return open.slice(0, Math.ceil(open.length / 2))
}

/** The first half of the frames, then `frame`, then `[DONE]`. */
export function midway(frames: readonly StreamFrame[], frame: object): readonly StreamFrame[] {
  return [...firstHalf(frames), frame, '[DONE]']
}
