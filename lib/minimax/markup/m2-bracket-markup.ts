import { isObject, parseJson, unparsable } from '../../../router/json/json.ts'
import { endOfJson } from '../../../router/json/json-scan.ts'
import { parseLenientJson } from '../../../router/json/lenient-json.ts'
import type { SchemaOf } from '../../../router/reading/text-format.ts'
import { cutOff, type MarkupCall } from './tags.ts'
import { memberOf, placeOf, type SchemaPlace, valueOfText } from './typed-text.ts'

/*
 * [TOOL_CALL]…[/TOOL_CALL]: an older text form of M2 on self-hosted servers. The body is one JSON object, or several, or
 *   {tool => "name", args => {
 *     --path "a.txt"
 *   }}
 */
const opener = '[TOOL_CALL]'
const closer = '[/TOOL_CALL]'
const arrowHead = /\s*\{\s*tool\s*=>\s*["']([^"'\n]{1,200})["']\s*,\s*args\s*=>\s*\{/y
const arrowMember = /[\s,]*--([\w.-]{1,200})[ \t=]+/y
const arrowEnd = /\s*\}\s*\}/y
const gap = /[\s,]*/y

export function bracketCalls(text: string, schemaOf: SchemaOf): readonly MarkupCall[] {
  const calls: MarkupCall[] = []
  let start = text.indexOf(opener)
  while (start !== -1) {
    let position = start + opener.length
    if (!isUsed(text, start, skip(gap, text, position))) {
      start = text.indexOf(opener, position)
      continue
    }
    let blockStart = start
    for (;;) {
      const call = { start: blockStart, ...readBody(text, position, schemaOf) }
      position = skip(gap, text, call.end)
      const isClosed = text.startsWith(closer, position)
      calls.push(isClosed ? { ...call, end: position + closer.length } : call)
      blockStart = position
      if (isClosed || call.problem !== undefined || text[position] !== '{') break
    }
    start = text.indexOf(opener, Math.max(calls.at(-1)?.end ?? 0, start + opener.length))
  }
  return calls
}

/** Whether a block is begun, not named: a body follows, or nothing, or it begins its line. */
function isUsed(text: string, start: number, bodyStart: number): boolean {
  return text[bodyStart] === '{' || bodyStart === text.length || start === 0 || text[start - 1] === '\n'
}

type Body = Omit<MarkupCall, 'start'>

function readBody(text: string, from: number, schemaOf: SchemaOf): Body {
  arrowHead.lastIndex = from
  const head = arrowHead.exec(text)
  return head === null ? readJson(text, from) : readArrows(text, arrowHead.lastIndex, head[1] ?? '', schemaOf)
}

function readJson(text: string, from: number): Body {
  const start = skip(gap, text, from)
  const end = endOfJson(text, start)
  if (end !== -1) return requested(parseJson(text.slice(start, end)), end)
  // No strict JSON: what stands between the brackets is mended, or refused as a whole.
  const close = text.indexOf(closer, start)
  if (close === -1) return { end: text.length, name: '', problem: cutOff }
  return requested(parseLenientJson(text.slice(start, close)), close)
}

function requested(value: unknown, end: number): Body {
  const name = isObject(value) ? (value['tool'] ?? value['name']) : undefined
  if (!isObject(value) || typeof name !== 'string') return { end, name: '', problem: unreadable }
  return { end, name, input: value['args'] ?? value['arguments'] ?? value['input'] ?? value['parameters'] ?? {} }
}

const unreadable = 'its body is not {"name":…,"input":…}'

function readArrows(text: string, from: number, name: string, schemaOf: SchemaOf): Body {
  const members = new Map<string, unknown>()
  const place = placeOf(schemaOf(name))
  let position = from
  for (;;) {
    arrowEnd.lastIndex = position
    if (arrowEnd.test(text)) return { end: arrowEnd.lastIndex, name, input: Object.fromEntries(members) }
    arrowMember.lastIndex = position
    const key = arrowMember.exec(text)?.[1]
    const valueStart = arrowMember.lastIndex
    const end = key === undefined ? -1 : endOfMember(text, valueStart)
    if (key === undefined || end === -1) return { end: text.length, name, problem: cutOff }
    const value = memberValue(text.slice(valueStart, end), memberOf(place, key, false))
    if (value === unparsable) return { end: text.length, name, problem: `the value of "${key}" cannot be read` }
    if (members.has(key)) return { end: text.length, name, problem: `"${key}" is given twice` }
    members.set(key, value)
    position = end
  }
}

function endOfMember(text: string, from: number): number {
  const first = text[from]
  if (first === '{' || first === '[') return endOfJson(text, from)
  if (first === '"' || first === "'") return endOfQuoted(text, from, first)
  return text.indexOf('\n', from)
}

function endOfQuoted(text: string, from: number, quote: string): number {
  for (let position = from + 1; position < text.length; position++) {
    if (text[position] === '\\') position++
    else if (text[position] === quote) return position + 1
  }
  return -1
}

function memberValue(text: string, place: SchemaPlace): unknown {
  if (text.startsWith('"') || text.startsWith("'")) {
    // The notation of a text in quotes, line breaks in it included, is that of a member that can be mended.
    const held = parseLenientJson(`{"value":${text}}`)
    return isObject(held) ? held['value'] : unparsable
  }
  // Where a line holds more than one member, nobody can tell where the value ends.
  return /["'`]|\s--\w|,\s*$/.test(text) && !/^\s*[[{]/.test(text) ? unparsable : valueOfText(text, place)
}

function skip(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from
  pattern.test(text)
  return pattern.lastIndex
}
