import type { TextCall } from '../../../router/reading/text-format.ts'

/*
 * The tags that the text formats are made of, and their removal from a text after its calls were removed.
 *
 *   <minimax:tool_call>                  a wrapper; also <tool_call>, <tool_calls>, <function_calls>
 *   <invoke name="get_weather">          a call; attributes in any order, quoted in any way, blanks anywhere
 *   <parameter name="city">              a value of a call
 *   ]<]minimax[>[<invoke name="…">       the same in M3, where a token announces each tag
 */

/** The tags that wrap calls, in MiniMax's markup and in the similar markup of other models. */
export const wrapperNames = ['minimax:tool_call', 'minimax:tool_calls', 'tool_call', 'tool_calls', 'function_calls']

/** Announces every tag in the markup of M3. */
export const tagToken = ']<]minimax[>['

/** The purpose of a tag, whatever its spelling. */
export type TagName = 'wrapper' | 'invoke' | 'parameter' | 'think'

/** One tag of a text, from `start` up to, not including, `end`. */
export interface Tag {
  /** Its purpose. */
  readonly name: TagName
  /** `empty` closes itself (`<invoke name="ping"/>`); `cut off` is a tag that the text ends in. */
  readonly kind: 'open' | 'close' | 'empty' | 'cut off'
  /** The value of its attribute `name`, which is a tool or a parameter; empty without it. */
  readonly nameAttribute: string
  /** Index of its first character. */
  readonly start: number
  /** Index after its last character. */
  readonly end: number
}

/** Attributes are never longer in a call. The limit keeps the search linear in a text with many `<`. */
const tag =
  /<(\/?)(minimax:[a-z_]{1,20}|tool_calls?|function_calls|invoke|parameter|(?:mm:)?think)(\s[^<>]{0,400})?(>|$)/g

const names: ReadonlyMap<string, TagName> = new Map<string, TagName>([
  ...wrapperNames.map((name) => [name, 'wrapper'] as const),
  ['invoke', 'invoke'],
  ['parameter', 'parameter'],
  ['think', 'think'],
  ['mm:think', 'think'],
])

/** The tags of M2's markup in a text, and the tags of thinking, in order. A tag after M3's token belongs to M3. */
export function tagsIn(text: string): readonly Tag[] {
  const tags: Tag[] = []
  tag.lastIndex = 0
  for (let match = tag.exec(text); match !== null; match = tag.exec(text)) {
    const attributes = match[3] ?? ''
    const isCutOff = match[4] !== '>'
    const name = names.get(match[2] ?? '') ?? (isCutOff ? 'wrapper' : undefined)
    if (name === undefined || text.startsWith(tagToken, match.index - tagToken.length)) continue
    const opened = isCutOff ? 'cut off' : attributes.trimEnd().endsWith('/') ? 'empty' : 'open'
    tags.push({
      name,
      kind: match[1] === '/' ? 'close' : opened,
      nameAttribute: nameAttributeOf(attributes),
      start: match.index,
      end: tag.lastIndex,
    })
  }
  return tags
}

/** Where a wrapper begins, if it is MiniMax's own; `undefined` for the wrappers of other models. */
export function vendorsStart(text: string, { start }: Tag): number | undefined {
  return text.startsWith('<minimax:', start) ? start : undefined
}

const attribute = /\s*([^\s=<>"'/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+)))?/y

/** The value of the attribute `name` in the attributes of a tag; empty without it. */
export function nameAttributeOf(attributes: string): string {
  if (attributes === '') return ''
  const text = attributes.trimEnd().endsWith('/') ? attributes.trimEnd().slice(0, -1) : attributes
  attribute.lastIndex = 0
  for (;;) {
    const match = attribute.exec(text)
    if (match === null) return ''
    if (match[1] === 'name') return (match[2] ?? match[3] ?? match[4] ?? '').trim()
  }
}

/** A call that is not executed. The reason that it already has, if any, stays. */
export function refuse({ input: _, ...call }: TextCall, why: string): TextCall {
  return { ...call, refusal: call.refusal ?? why }
}

/** The refusal of a call without an end, as a clause for the model. */
export const notClosed = 'the call is not closed'

/** The refusal of a call whose values contain markup, as a clause for the model. Markup has no escapes. */
export const ambiguous = 'a value in it contains call markup itself, so its end is ambiguous'

const closers = `</?(?:${wrapperNames.join('|')})(?:\\s[^<>]{0,400})?>|</(?:invoke|parameter)\\s{0,20}>|\\[/?TOOL_CALL\\]`

/** Special tokens of the raw model. Models never write them in prose, so they are always removed. */
const tokens = /\]<\]minimax\[>\[(?:<?\/?(?:minimax:)?tool_call>)?|\]~!b\[|\]~b\](?:system|user|ai|tool)?|\[e~\[/g

const leftover = `(?:${closers}|${tokens.source})`
const anyLeftover = new RegExp(leftover, 'g')
/** Tags on a line of their own, or between thinking and the end of the line. */
const tagLine = new RegExp(`(^|</(?:mm:)?think(?:ing)?>)[ \\t]{0,20}(?:${leftover}[ \\t]{0,20}){1,20}$`, 'gim')
const final = new RegExp(`${leftover}$`)

/**
 * A part of a content, next to a call that was removed, without its tags and tokens. They are removed in one pass: text that
 * only looks like a tag after a removal stays, because its beginning may already have been shown.
 */
export function withoutTags(part: string): string {
  return part.replace(anyLeftover, '')
}

/** A content without leftover tags. A tag on a line of its own is removed. A tag inside a line is a mention and stays. */
export function withoutTagLines(content: string): string {
  let rest = content.replace(tagLine, '$1').trimEnd()
  if (!/<(?:invoke|parameter)\b/.test(rest)) {
    for (let times = 0; times < 10 && final.test(rest); times++) rest = rest.replace(final, '').trimEnd()
  }
  return rest.replace(tokens, '')
}

/** Elements of calls, those of other models included, whose end tags servers have left in values of native calls. */
const callElements = ['invoke', 'parameter', 'function', 'arg_value', ...wrapperNames]
const token = escaped(tagToken)
const finalCloser = new RegExp(
  `(?:(?:${token})?</(${callElements.join('|')})\\s{0,20}>?|${token}<?/([\\w:.-]{1,200})>|\\[/(TOOL_CALL)\\])$`,
)
/** Longer than any closing tag with its token. */
const maxCloserLength = 300

/** Whether a value ends in closing tags of calls, at least one of which has no opening tag in the value. */
export function endsInClosers(value: string): boolean {
  let end = value.trimEnd().length
  for (let times = 0; times < 10; times++) {
    const match = finalCloser.exec(value.slice(Math.max(0, end - maxCloserLength), end))
    const name = match?.[1] ?? match?.[2] ?? match?.[3]
    if (match === null || name === undefined) return false
    const bracket = name === 'TOOL_CALL' ? '[' : '<'
    if (count(value, `${bracket}${name}`) < count(value, `${bracket}/${name}`)) return true
    end = value.slice(0, end - match[0].length).trimEnd().length
  }
  return false
}

function count(text: string, part: string): number {
  let times = 0
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + part.length)) times++
  return times
}

/** A text as the source of a regular expression, if its only special characters are brackets. */
export function escaped(text: string): string {
  return text.replace(/[[\]]/g, '\\$&')
}
