import { isObject } from '../../../router/json.ts'
import type { StreamFrame } from '../stand-in/chunks.ts'
import { objectsOf } from '../stand-in/request.ts'

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

/** The stand-in's own last frame, which carries the usage. */
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
