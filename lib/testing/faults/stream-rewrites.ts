import { isObject } from '../../../router/json/json.ts'
import type { Completion } from '../mock-server/completion.ts'
import { objectsOf } from '../mock-server/request.ts'
import type { StreamFrame } from '../mock-server/stream-chunks.ts'

/** The id comes with the last piece of the arguments. */
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

export function repeatNames(frames: readonly StreamFrame[]): readonly StreamFrame[] {
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

/** The texts of a delta, by what says where they belong. */
function textsOf(delta: Fields, change: (key: string, text: string) => string | undefined): Fields {
  const fields = ['content', 'reasoning_content'].flatMap((field) => {
    const text = delta[field]
    const changed = typeof text === 'string' ? change(field, text) : undefined
    return changed === undefined ? [] : [[field, changed] as const]
  })
  return { ...delta, ...Object.fromEntries(fields), ...detailsOf(delta, change) }
}

function detailsOf(delta: Fields, change: (key: string, text: string) => string | undefined): Fields {
  if (delta['reasoning_details'] === undefined) return {}
  const details = objectsOf(delta['reasoning_details']).map((detail) => {
    const { index, text } = detail
    return typeof text === 'string' ? { ...detail, text: change(`details ${index}`, text) ?? text } : detail
  })
  return { reasoning_details: details }
}

/** Each text in two deltas. */
export function halved(frames: readonly StreamFrame[]): readonly StreamFrame[] {
  const part = (from: number, to: number) => (delta: Fields) =>
    textsOf(delta, (_key, text) => {
      const points = Array.from(text)
      return points.length < 2 ? undefined : points.slice(points.length * from, points.length * to).join('')
    })
  return frames.flatMap((frame) => {
    const [first, second] = [deltas([frame], part(0, 0.5)), deltas([frame], part(0.5, 1))]
    return JSON.stringify(first) === JSON.stringify(second) ? [frame] : [...first, ...second]
  })
}

/** Every delta carries all text so far. */
export function cumulate(frames: readonly StreamFrame[]): readonly StreamFrame[] {
  const change = sofar()
  return deltas(frames, (delta) => textsOf(delta, change))
}

/** Only the details of the reasoning carry all text so far, as MiniMax's own sample code expects it. */
export function cumulateDetails(frames: readonly StreamFrame[]): readonly StreamFrame[] {
  const change = sofar()
  return deltas(frames, (delta) => ({ ...delta, ...detailsOf(delta, change) }))
}

function sofar(): (key: string, text: string) => string | undefined {
  const known: Record<string, string> = {}
  return (key, text) => {
    if (text === '') return undefined
    known[key] = (known[key] ?? '') + text
    return known[key]
  }
}

export function inOneDelta({ id, model, usage, choices: [{ message, finish_reason }] }: Completion): object {
  return { id, model, usage, object: 'chat.completion.chunk', choices: [{ index: 1, finish_reason, delta: message }] }
}

/** Thinking in the content, its tags cut over several chunks. */
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

/** All of the content in pieces of a token each. */
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

/** The reason stands in the first chunk, and nowhere else. */
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

/** Behind each chunk one of another answer. */
export function withSecondChoice(frames: readonly StreamFrame[]): readonly StreamFrame[] {
  return frames.flatMap((frame) => {
    const other = choices([frame], (choice) => ({ ...choice, index: 1, delta: { content: 'No, thank you. ' } }))
    return other[0] === frame || frame === '[DONE]' ? [frame] : [frame, ...other]
  })
}

export type Fields = { readonly [field: string]: unknown }

export function objects(frames: readonly StreamFrame[], change: (frame: Fields) => Fields): readonly StreamFrame[] {
  return frames.map((frame) => (isObject(frame) ? change(frame) : frame))
}

export function choices(frames: readonly StreamFrame[], change: (choice: Fields) => Fields): readonly StreamFrame[] {
  return objects(frames, (frame) => {
    const list = objectsOf(frame['choices'])
    return list.length === 0 || isObject(list[0]?.['message']) ? frame : { ...frame, choices: list.map(change) }
  })
}

export function deltas(frames: readonly StreamFrame[], change: (delta: Fields) => Fields): readonly StreamFrame[] {
  return choices(frames, (choice) =>
    isObject(choice['delta']) ? { ...choice, delta: change(choice['delta']) } : choice,
  )
}

export function calls(frames: readonly StreamFrame[], change: (call: Fields) => Fields): readonly StreamFrame[] {
  return deltas(frames, (delta) =>
    delta['tool_calls'] === undefined ? delta : { ...delta, tool_calls: objectsOf(delta['tool_calls']).map(change) },
  )
}

export function isClosing(frame: StreamFrame): boolean {
  const choice = isObject(frame) ? objectsOf(frame['choices'])[0] : undefined
  return typeof choice?.['finish_reason'] === 'string' && isObject(choice['delta'])
}

export function beforeDone(frames: readonly StreamFrame[], frame: object): readonly StreamFrame[] {
  return [...frames.filter((known) => known !== '[DONE]' && !isLast(known)), frame, '[DONE]']
}

/** The mock server's own last frame, which carries the usage. */
function isLast(frame: StreamFrame): boolean {
  return isObject(frame) && frame['usage'] !== null
}

export function firstHalf(frames: readonly StreamFrame[]): readonly StreamFrame[] {
  const open = frames.filter((frame) => frame !== '[DONE]' && !isLast(frame) && !isClosing(frame))
  return open.slice(0, Math.ceil(open.length / 2))
}

export function midway(frames: readonly StreamFrame[], frame: object): readonly StreamFrame[] {
  return [...firstHalf(frames), frame, '[DONE]']
}
