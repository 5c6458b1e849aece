import { maxDepth } from '../../../router/json/json.ts'
import type { SchemaOf, TextCall } from '../../../router/reading/text-format.ts'
import { nameAttributeOf, notClosed, tagToken } from './tags.ts'
import { memberOf, placeOf, type SchemaPlace, typesOf, valueOfText } from './typed-text.ts'

/*
 * The markup of M3. A token, written as ‹t› here, announces every tag. Parameters are elements with their names, objects are
 * nested elements, and arrays have `<item>` elements:
 *
 *   ‹t›<tool_call>
 *   ‹t›<invoke name="write_file">‹t›<path>a.txt‹t›</path>‹t›<tags>‹t›<item>new‹t›</item>‹t›</tags>‹t›</invoke>
 *   ‹t›</tool_call>
 *
 * with ‹t› = ]<]minimax[>[
 *
 * Text is raw: only what follows a token is a tag.
 */

/** Some hosts drop the `<` of a tag. */
const tag = /<?(\/?)([\w:.-]{1,200})(\s[^<>]{0,400})?>/y

/** An element that is being read. */
interface Element {
  /** The tag, if it differs from the name: `<parameter name="a">` is closed by `</parameter>` or `</a>`. */
  readonly tag: string
  readonly name: string
  readonly place: SchemaPlace
  readonly children: { readonly name: string; readonly value: unknown }[]
  text: string
}

interface OpenInvoke {
  readonly start: number
  readonly wrapperStart: number | undefined
  readonly name: string
  /** The invoke itself, then the elements that are open. */
  readonly stack: Element[]
  refusal: string | undefined
}

/** Reads the calls in M3's markup. Values get their types from the tool's schema. */
export function readM3Calls(text: string, schemaOf: SchemaOf): readonly TextCall[] {
  const calls: TextCall[] = []
  /** Start of the open wrapper if it was empty so far; else -1. */
  let empty = -1
  /** Start of the open wrapper; `undefined` outside of one. */
  let wrapperStart: number | undefined
  let invoke: OpenInvoke | undefined
  let position = text.indexOf(tagToken)
  while (position !== -1) {
    const tagStart = position + tagToken.length
    tag.lastIndex = tagStart
    const match = tag.exec(text)
    const next = text.indexOf(tagToken, tagStart)
    const [, slash = '', name = '', attributes = ''] = match ?? []
    const content = text.slice(match === null ? tagStart : tag.lastIndex, next === -1 ? text.length : next)
    if (name === 'tool_call' || name === 'minimax:tool_call') {
      // The end of the wrapper also tells that nothing is missing in an open invoke.
      if (invoke !== undefined) calls.push(slash === '' ? unclosed(invoke, position) : closed(invoke, position))
      else if (slash !== '' && empty !== -1) calls.push(...emptyWrapper(text, empty, tag.lastIndex, 'it holds no call'))
      invoke = undefined
      wrapperStart = slash === '' ? position : undefined
      empty = wrapperStart ?? -1
    } else if (name === 'invoke' && slash === '') {
      if (invoke !== undefined) calls.push(unclosed(invoke, position))
      const tool = nameAttributeOf(attributes)
      const schema = schemaOf(tool)
      const root: Element = { tag: 'invoke', name: 'invoke', place: placeOf(schema), children: [], text: content }
      invoke =
        schema === undefined && wrapperStart === undefined
          ? undefined
          : { start: position, wrapperStart, name: tool, stack: [root], refusal: undefined }
      if (invoke !== undefined) empty = -1
    } else if (invoke !== undefined && name === 'invoke') {
      calls.push(closed(invoke, tag.lastIndex))
      invoke = undefined
    } else if (invoke !== undefined) {
      const named = nameAttributeOf(attributes)
      step(
        invoke,
        match === null ? undefined : { isClosing: slash !== '', tag: name, name: named === '' ? name : named },
        content,
      )
    } else if (next === -1 && match === null && empty === -1 && isCutTag(text, tagStart)) {
      calls.push({ start: position, end: text.length, name: '', refusal: notClosed })
    }
    position = next
  }
  if (invoke !== undefined) calls.push(unclosed(invoke, text.length))
  else if (empty !== -1) calls.push(...emptyWrapper(text, empty, text.length, notClosed))
  return calls
}

/** Whether a text ends in this tag: the reply stopped in the middle of a call. */
function isCutTag(text: string, tagStart: number): boolean {
  return /^<?(?:[a-z_]{1,20}(?:\s[^<>]{0,400})?|\s{0,20})$/.test(text.slice(tagStart, tagStart + 422))
}

/** A wrapper without an invoke of M3. With an invoke of M2 in it, it is read as M2's markup. */
function emptyWrapper(text: string, start: number, end: number, refusal: string): readonly TextCall[] {
  return text.slice(start, end).includes('<invoke') ? [] : [{ start, end, name: '', refusal }]
}

/** Takes one tag inside an invoke. A tag that is not valid there makes this call unreadable, not the whole reply. */
function step(
  invoke: OpenInvoke,
  at: { readonly isClosing: boolean; readonly tag: string; readonly name: string } | undefined,
  content: string,
): void {
  const top = invoke.stack.at(-1)
  if (invoke.refusal !== undefined || top === undefined) return
  if (at === undefined) {
    invoke.refusal = 'a tag in it cannot be read'
  } else if (!at.isClosing) {
    if (invoke.stack.length >= maxDepth) invoke.refusal = 'it is nested too deeply'
    const place = memberOf(top.place, at.name, at.name === 'item' && !typesOf(top.place).has('object'))
    invoke.stack.push({ tag: at.tag, name: at.name, place, children: [], text: content })
  } else if (closeElement(invoke, at.name)) {
    const parent = invoke.stack.at(-1)
    if (parent !== undefined) parent.text += content
  } else {
    invoke.refusal = `"${at.name}" is closed where "${top.name}" is open`
  }
}

/** Closes an element. An empty array or object may lack its closing tag: the one of its parent closes both. */
function closeElement(invoke: OpenInvoke, name: string): boolean {
  const top = invoke.stack.at(-1)
  if (top === undefined || invoke.stack.length < 2) return false
  if (top.name === name || top.tag === name) {
    closeTop(invoke)
    return true
  }
  const parent = invoke.stack.at(-2)
  const isEmptyContainer = top.children.length === 0 && top.text.trim() === '' && isContainer(top.place)
  if (!isEmptyContainer || parent?.name !== name || invoke.stack.length < 3) return false
  closeTop(invoke)
  closeTop(invoke)
  return true
}

function isContainer(place: SchemaPlace): boolean {
  const types = typesOf(place)
  return types.has('array') || types.has('object')
}

function closeTop(invoke: OpenInvoke): void {
  const element = invoke.stack.pop()
  if (element === undefined) return
  const built = builtOf(element)
  if (built.refusal !== undefined) invoke.refusal ??= built.refusal
  invoke.stack.at(-1)?.children.push({ name: element.name, value: built.value })
}

interface Built {
  readonly value?: unknown
  readonly refusal?: string
}

function builtOf({ name, place, children, text }: Element): Built {
  const types = typesOf(place)
  if (children.length === 0) {
    if (text.trim() === '' && types.has('array')) return { value: [] }
    if (text.trim() === '' && types.has('object') && !types.has('string')) return { value: {} }
    return { value: valueOfText(text, place) }
  }
  if (text.trim() !== '') return { refusal: `"${name}" holds both text and elements` }
  const isList = children.every((child) => child.name === 'item') && !(types.has('object') && !types.has('array'))
  if (isList) return { value: children.map(({ value }) => value) }
  return membersOf(children, name)
}

function membersOf(children: Element['children'], name: string): Built {
  const members = new Map<string, unknown>()
  for (const child of children) {
    if (members.has(child.name)) return { refusal: `"${child.name}" is given twice in "${name}"` }
    members.set(child.name, child.value)
  }
  return { value: Object.fromEntries(members) }
}

function closed(invoke: OpenInvoke, end: number): TextCall {
  const { start, wrapperStart, name, stack, refusal } = invoke
  const root = stack[0]
  if (refusal !== undefined || root === undefined) return { start, end, name, refusal: refusal ?? notClosed }
  if (stack.length > 1) return { start, end, name, refusal: `"${stack.at(-1)?.name}" is not closed` }
  const built =
    root.text.trim() === '' ? membersOf(root.children, name) : { refusal: 'it holds text outside of parameters' }
  return built.refusal === undefined
    ? { start, end, name, wrapperStart, input: built.value }
    : { start, end, name, refusal: built.refusal }
}

function unclosed({ start, name, refusal }: OpenInvoke, end: number): TextCall {
  return { start, end, name, refusal: refusal ?? notClosed }
}
