import type { TextCall } from '../../../router/reading/text-format.ts'

export type TagName = 'wrapper' | 'invoke' | 'parameter' | 'think'

export interface Tag {
  readonly name: TagName
  readonly kind: 'open' | 'close' | 'empty' | 'cut off'
  /** The value of the attribute `name`; empty where there is none. */
  readonly label: string
  readonly start: number
  readonly end: number
}

/** Longer attributes belong to no call: the bound keeps the search linear in text of many `<`. */
const tag =
  /<(\/?)(minimax:[a-z_]{1,20}|tool_calls?|function_calls|invoke|parameter|(?:mm:)?think)(\s[^<>]{0,400})?(>|$)/g

const names: Readonly<Record<string, TagName>> = {
  'minimax:tool_call': 'wrapper',
  'minimax:tool_calls': 'wrapper',
  tool_call: 'wrapper',
  tool_calls: 'wrapper',
  function_calls: 'wrapper',
  invoke: 'invoke',
  parameter: 'parameter',
  think: 'think',
  'mm:think': 'think',
}

/** All tags of the markup of M2 in a text, and those of thinking, in order. Those behind M3's token are not M2's. */
export function tagsIn(text: string): readonly Tag[] {
  const tags: Tag[] = []
  tag.lastIndex = 0
  for (let match = tag.exec(text); match !== null; match = tag.exec(text)) {
    const attributes = match[3] ?? ''
    const isCutOff = match[4] !== '>'
    const name = names[match[2] ?? ''] ?? (isCutOff ? 'wrapper' : undefined)
    if (name === undefined || text.startsWith(tagToken, match.index - tagToken.length)) continue
    const opened = isCutOff ? 'cut off' : attributes.trimEnd().endsWith('/') ? 'empty' : 'open'
    tags.push({
      name,
      kind: match[1] === '/' ? 'close' : opened,
      label: labelOf(attributes),
      start: match.index,
      end: tag.lastIndex,
    })
  }
  return tags
}

const attribute = /\s*([^\s=<>"'/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+)))?/y

/** The attribute `name`. Attributes may come in any order, quoted in any way, with blanks around the equals sign. */
export function labelOf(attributes: string): string {
  if (attributes === '') return ''
  const text = attributes.trimEnd().endsWith('/') ? attributes.trimEnd().slice(0, -1) : attributes
  attribute.lastIndex = 0
  for (;;) {
    const match = attribute.exec(text)
    if (match === null) return ''
    if (match[1] === 'name') return (match[2] ?? match[3] ?? match[4] ?? '').trim()
  }
}

/** A call that was written as markup, with its place in the text: from `start` up to, not including, `end`. */
export interface MarkupCall extends TextCall {
  readonly start: number
  readonly end: number
}

/** The tags around calls, in the markup of M2 and of models that write it alike. */
export const wrapperNames = ['minimax:tool_call', 'minimax:tool_calls', 'tool_call', 'tool_calls', 'function_calls']

export const cutOff = 'the call is not closed'

export const ambiguous = 'a value in it holds markup of calls itself, so that its end cannot be told'

/** Announces every tag in the markup of M3. */
export const tagToken = ']<]minimax[>['

const closers = new RegExp(
  `</?(?:${wrapperNames.join('|')})(?:\\s[^<>]{0,400})?>|</(?:invoke|parameter)\\s{0,20}>|\\[/?TOOL_CALL\\]`,
  'g',
)
const tokens = /\]<\]minimax\[>\[(?:<?\/?(?:minimax:)?tool_call>)?|\]~!b\[|\]~b\](?:system|user|ai|tool)?|\[e~\[/g

/** A text without the remains of tool markup, which mean nothing to its reader: what is left of calls cut out of it. */
export function withoutTags(text: string): string {
  return withoutTokens(text).replace(closers, '')
}

const lonely = new RegExp(`^[ \\t]{0,20}(?:(?:${closers.source})[ \\t]{0,20}){1,20}$`, 'gm')
const final = new RegExp(`(?:${closers.source})$`)

/** A text of which no call was cut out: tags inside of its lines are spoken of, those on lines of their own are strays. */
export function withoutLonelyTags(text: string): string {
  let shown = withoutTokens(text).replace(lonely, '').trimEnd()
  if (/<(?:invoke|parameter)\b/.test(shown)) return shown
  for (let times = 0; times < 10 && final.test(shown); times++) shown = shown.replace(final, '').trimEnd()
  return shown
}

/** The special tokens of the raw model are spoken of by nobody. */
function withoutTokens(text: string): string {
  return text.replace(tokens, '')
}
