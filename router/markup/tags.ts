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
const tag = /<(\/?)(minimax:tool_call|invoke|parameter|(?:mm:)?think)(\s[^<>]{0,400})?(>|$)/g

const names: Readonly<Record<string, TagName>> = {
  'minimax:tool_call': 'wrapper',
  invoke: 'invoke',
  parameter: 'parameter',
  think: 'think',
  'mm:think': 'think',
}

/** All tags of the markup of M2 in a text, and those of thinking, in order. */
export function tagsIn(text: string): readonly Tag[] {
  const tags: Tag[] = []
  for (const match of text.matchAll(tag)) {
    const [whole, slash, element = '', attributes = '', end] = match
    const name = names[element]
    if (name === undefined) continue
    const opened = end !== '>' ? 'cut off' : attributes.trimEnd().endsWith('/') ? 'empty' : 'open'
    tags.push({
      name,
      kind: slash === '/' ? 'close' : opened,
      label: labelOf(attributes),
      start: match.index,
      end: match.index + whole.length,
    })
  }
  return tags
}

const attribute = /\s*([^\s=<>"'/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+)))?/y

/** Attributes may come in any order, quoted in any way, with blanks around the equals sign. */
function labelOf(attributes: string): string {
  const text = attributes.trimEnd().endsWith('/') ? attributes.trimEnd().slice(0, -1) : attributes
  attribute.lastIndex = 0
  for (;;) {
    const match = attribute.exec(text)
    if (match === null) return ''
    if (match[1] === 'name') return (match[2] ?? match[3] ?? match[4] ?? '').trim()
  }
}
