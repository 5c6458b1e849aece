import { type ExactJson, parseExactJson } from '../../../router/json/exact-json.ts'
import { isObject, unparsable } from '../../../router/json/json.ts'
import { endOfJson } from '../../../router/json/json-scan.ts'
import { parseLenientJson } from '../../../router/json/lenient-json.ts'
import { callFieldsOf, inexactInteger } from '../../../router/reading/call-shapes.ts'
import type { SchemaOf, TextCall } from '../../../router/reading/text-format.ts'
import { notClosed } from './tags.ts'
import { memberOf, placeOf, type SchemaPlace, valueOfText } from './typed-text.ts'

/*
 * An older text form of M2 on self-hosted servers. The body is one or several JSON objects, or uses arrows:
 *
 *   [TOOL_CALL]
 *   {"tool":"write_file","args":{"path":"a.txt"}}
 *   [/TOOL_CALL]
 *
 *   [TOOL_CALL]
 *   {tool => "write_file", args => {
 *     --path "a.txt"
 *     --force true
 *   }}
 *   [/TOOL_CALL]
 */
const opener = '[TOOL_CALL]'
const closer = '[/TOOL_CALL]'
const arrowHead = /\s*\{\s*tool\s*=>\s*["']([^"'\n]{1,200})["']\s*,\s*args\s*=>\s*\{/y
const arrowMember = /[\s,]*--([\w.-]{1,200})[ \t=]+/y
const arrowEnd = /\s*\}\s*\}/y
const gap = /[\s,]*/y

/** Reads the calls in `[TOOL_CALL]` blocks. Values in arrow notation get their types from the tool's schema. */
export function readBracketCalls(text: string, schemaOf: SchemaOf): readonly TextCall[] {
  const calls: TextCall[] = []
  let start = text.indexOf(opener)
  while (start !== -1) {
    let position = start + opener.length
    if (!isUsed(text, start, skip(gap, text, position))) {
      start = text.indexOf(opener, position)
      continue
    }
    let blockStart = start
    for (;;) {
      const body = readBody(text, position, schemaOf)
      const call = { start: blockStart, wrapperStart: start, source: text.slice(position, body.end), ...body }
      position = skip(gap, text, call.end)
      const isClosed = text.startsWith(closer, position)
      calls.push(isClosed ? { ...call, end: position + closer.length } : call)
      blockStart = position
      if (isClosed || call.refusal !== undefined || text[position] !== '{') break
    }
    start = text.indexOf(opener, Math.max(calls.at(-1)?.end ?? 0, start + opener.length))
  }
  return calls
}

/** Whether an opener begins a block, and is not a mention: a body or nothing follows, or it begins its line. */
function isUsed(text: string, start: number, bodyStart: number): boolean {
  return text[bodyStart] === '{' || bodyStart === text.length || start === 0 || text[start - 1] === '\n'
}

type Body = Omit<TextCall, 'start'>

function readBody(text: string, from: number, schemaOf: SchemaOf): Body {
  arrowHead.lastIndex = from
  const head = arrowHead.exec(text)
  return head === null ? readJson(text, from) : readArrows(text, arrowHead.lastIndex, head[1] ?? '', schemaOf)
}

function readJson(text: string, from: number): Body {
  const start = skip(gap, text, from)
  const end = endOfJson(text, start)
  if (end !== -1) return requested(parseExactJson(text.slice(start, end)), end)
  // Not strict JSON: the text up to the closing tag is read as lenient JSON, or refused as a whole.
  const close = text.indexOf(closer, start)
  if (close === -1) return { end: text.length, name: '', refusal: notClosed }
  return requested(parseLenientJson(text.slice(start, close)), close)
}

function requested(read: ExactJson, end: number): Body {
  const { name, input = {} } = callFieldsOf(read.kind === 'unparsable' ? undefined : read.value)
  if (name === undefined) return { end, name: '', refusal: unreadable }
  return read.kind === 'inexact' ? { end, name, refusal: inexactInteger(read.integer) } : { end, name, input }
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
    if (key === undefined || end === -1) return { end: text.length, name, refusal: notClosed }
    const value = memberValue(text.slice(valueStart, end), memberOf(place, key, false))
    if (value === unparsable) return { end: text.length, name, refusal: `the value of "${key}" cannot be read` }
    if (members.has(key)) return { end: text.length, name, refusal: `"${key}" is given twice` }
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
    // A quoted text may contain line breaks, which lenient JSON accepts in a member.
    const held = parseLenientJson(`{"value":${text}}`)
    return held.kind === 'parsed' && isObject(held.value) ? held.value['value'] : unparsable
  }
  // With more than one member on a line, the end of the value is ambiguous.
  return /["'`]|\s--\w|,\s*$/.test(text) && !/^\s*[[{]/.test(text) ? unparsable : valueOfText(text, place)
}

function skip(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from
  pattern.test(text)
  return pattern.lastIndex
}
