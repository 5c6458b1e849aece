// Writes a large value as shorter JSON: arrays lose items of their middle, strings lose lines, and objects keep their small
// members. The largest parts are cut first. The text is still JSON, so a model can read what is left.

import { escapePointerToken } from '../json/json-pointer.ts'
import { cutText } from './cut-text.ts'

/** A part that was left out of a value. */
export interface Cut {
  /** JSON Pointer to the array, string or object that is shorter now. */
  readonly pointer: string
  /** How much was left out, in `unit`. */
  readonly left: number
  /** How much the whole has, in `unit`. */
  readonly total: number
  /** Of arrays items, of strings lines or bytes, of objects members. */
  readonly unit: 'items' | 'lines' | 'bytes' | 'members'
}

/** Result of {@link cutJson}. */
export interface CutJson {
  /** The shorter value as JSON. */
  readonly json: string
  /** The parts that were left out. */
  readonly cuts: readonly Cut[]
}

/**
 * Writes a value as JSON of about `maxBytes`. Each part that was left out is named where it was. Only as much of the value is
 * looked at as fits into the limit, so a large value takes no longer than a small one.
 *
 * @param value plain JSON that is longer than the limit.
 */
export function cutJson(value: unknown, maxBytes: number): CutJson {
  const cuts: Cut[] = []
  return { json: writeCut(value, maxBytes, '', cuts), cuts }
}

/** Names a part that was left out, for the place where it was. */
export function cutNote({ pointer, left, total, unit }: Cut): string {
  return `${left} of ${total} ${unit}${pointer === '' ? '' : ` of ${shortPointer(pointer)}`}`
}

/** Longest pointer in a note, in characters. */
const longestPointer = 120

function shortPointer(pointer: string): string {
  return pointer.length <= longestPointer ? pointer : `${pointer.slice(0, longestPointer)}…`
}

/** Bytes that the text about a part that was left out may need. */
const markerBytes = (pointer: string) => 64 + 2 * Math.min(longestPointer, pointer.length)

const marker = (cut: Cut) => `[… ${cutNote(cut)} left out …]`

/** A cut part that gets less room shows nothing. */
const leastRoom = 48

function write(value: unknown, room: number, pointer: string, cuts: Cut[]): string {
  return sizeUpTo(value, room) <= room ? JSON.stringify(value) : writeCut(value, room, pointer, cuts)
}

function writeCut(value: unknown, room: number, pointer: string, cuts: Cut[]): string {
  if (typeof value === 'string') return writeString(value, room, pointer, cuts)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (pointer.split('/').length > maxDepth) return writeFirstMembers(value, Object.keys(value), room, pointer, cuts)
  if (Array.isArray(value)) {
    return value.length <= fewItems
      ? writeMembers(value, Object.keys(value), room, pointer, cuts)
      : writeItems(value, room, pointer, cuts)
  }
  return writeMembers(value, Object.keys(value), room, pointer, cuts)
}

/** Deeper parts are left out as a whole, because each level is measured again. */
const maxDepth = 24

/** Items of a short list, such as the content blocks of MCP, are shortened themselves, like the members of an object. */
const fewItems = 8

function writeString(text: string, room: number, pointer: string, cuts: Cut[]): string {
  const { head, tail, ...numbers } = cutText(text, room - markerBytes(pointer) - 2, jsonBytes)
  const cut: Cut = { pointer, ...numbers }
  cuts.push(cut)
  const gap = numbers.unit === 'lines' && (head === '' || head.endsWith('\n')) ? '' : '\n'
  return JSON.stringify(`${head}${gap}${marker(cut)}\n${tail}`)
}

/** Bytes of a text inside JSON, without its quotation marks. */
function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) - 2
}

/** Keeps items at the beginning and at the end. */
function writeItems(items: readonly unknown[], room: number, pointer: string, cuts: Cut[]): string {
  const free = room - markerBytes(pointer) - 4
  const head: string[] = []
  const taken = take(items.values(), Math.ceil((free * 2) / 3), head)
  const tail: string[] = []
  take(fromEnd(items, head.length), free - taken, tail)
  const at = cuts.length
  if (head.length + tail.length === 0 && free >= leastRoom) head.push(write(items[0], free, `${pointer}/0`, cuts))
  const cut: Cut = { pointer, left: items.length - head.length - tail.length, total: items.length, unit: 'items' }
  cuts.splice(at, 0, cut)
  return `[${[...head, JSON.stringify(marker(cut)), ...tail.reverse()].join(',')}]`
}

function* fromEnd(items: readonly unknown[], first: number): Iterable<unknown> {
  for (let index = items.length - 1; index >= first; index--) yield items[index]
}

/** Writes items as long as there is room. @returns the bytes that they need. */
function take(items: Iterable<unknown>, room: number, into: string[]): number {
  let used = 0
  for (const item of items) {
    const left = room - used
    const size = left <= 1 ? Number.POSITIVE_INFINITY : sizeUpTo(item, left - 1) + 1
    if (size > left) break
    into.push(JSON.stringify(item) ?? 'null')
    used += size
  }
  return used
}

/** A member of an object, or an item of a short array. */
interface Member {
  /** `"name":`, or nothing for an item. */
  readonly prefix: string
  readonly value: unknown
  readonly pointer: string
  /** Bytes of the value, or a number above the room. */
  readonly size: number
}

/**
 * Writes all members. The small ones are complete, and the large ones share the room that is left. If there are so many
 * members that nothing of them could be shown, the first ones are kept.
 */
function writeMembers(value: object, names: readonly string[], room: number, pointer: string, cuts: Cut[]): string {
  const isArray = Array.isArray(value)
  const members: Member[] = []
  let overhead = 2
  for (const name of names) {
    const member: unknown = Reflect.get(value, name)
    if (member === undefined && !isArray) continue
    const prefix = isArray ? '' : `${JSON.stringify(name)}:`
    overhead += Buffer.byteLength(prefix) + 1
    if (overhead > room) return writeFirstMembers(value, names, room, pointer, cuts)
    const size = sizeUpTo(member, room)
    members.push({ prefix, value: member, pointer: `${pointer}/${escapePointerToken(name)}`, size })
  }
  const share = fairShare(
    members.map(({ size }) => size),
    room - overhead,
  )
  if (share < leastRoom) return writeFirstMembers(value, names, room, pointer, cuts)
  const written = members.map(
    ({ prefix, value, pointer, size }) =>
      prefix + (size <= share ? (JSON.stringify(value) ?? 'null') : write(value, share, pointer, cuts)),
  )
  return isArray ? `[${written.join(',')}]` : `{${written.join(',')}}`
}

/** The largest size so that everything fits if no member is larger. */
function fairShare(sizes: readonly number[], room: number): number {
  const sorted = sizes.toSorted((a, b) => a - b)
  let left = room
  for (const [index, size] of sorted.entries()) {
    const share = Math.floor(left / (sorted.length - index))
    if (size > share) return share
    left -= size
  }
  return room
}

function writeFirstMembers(
  value: object,
  names: readonly string[],
  room: number,
  pointer: string,
  cuts: Cut[],
): string {
  const isArray = Array.isArray(value)
  const written: string[] = []
  let left = room - markerBytes(pointer) - 8
  for (const name of names) {
    const prefix = isArray ? '' : `${JSON.stringify(name)}:`
    const member: unknown = Reflect.get(value, name)
    left -= Buffer.byteLength(prefix) + 1
    const size = left < 0 ? Number.POSITIVE_INFINITY : sizeUpTo(member, left)
    if (size > left) break
    left -= size
    written.push(prefix + (JSON.stringify(member) ?? 'null'))
  }
  const total = names.length
  const cut: Cut = { pointer, left: total - written.length, total, unit: isArray ? 'items' : 'members' }
  cuts.push(cut)
  written.push(`${isArray ? '' : '"…":'}${JSON.stringify(marker(cut))}`)
  return isArray ? `[${written.join(',')}]` : `{${written.join(',')}}`
}

/** Bytes of a value as JSON. Above `most` it is any larger number, so that a large value is not looked at as a whole. */
function sizeUpTo(value: unknown, most: number): number {
  if (typeof value === 'string') return value.length > most ? value.length + 2 : jsonBytes(value) + 2
  if (typeof value !== 'object' || value === null) return String(value).length
  let size = 2
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length && size <= most; index++) size += 1 + sizeUpTo(value[index], most - size)
    return size
  }
  for (const name in value) {
    if (size > most) break
    const member: unknown = Reflect.get(value, name)
    if (member !== undefined) size += jsonBytes(name) + 4 + sizeUpTo(member, most - size)
  }
  return size
}
