import { tagToken } from './markup-call.ts'

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
