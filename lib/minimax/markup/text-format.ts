import { jsonSpans } from '../../../router/json/json-scan.ts'
import type { SchemaOf, TextCall, TextFormat, TextReading, TextScan } from '../../../router/reading/text-format.ts'
import { holdsForeignCall } from './foreign-calls.ts'
import { readBracketCalls } from './m2-bracket-markup.ts'
import { readM2Calls } from './m2-markup.ts'
import { readM3Calls } from './m3-markup.ts'
import { bracketlessTag, lengthOfMarkupBeginning, mayStartMarkup, startOfMarkup } from './markup-start.ts'
import { endsInClosers, withoutTagLines, withoutTags } from './tags.ts'
import { readThinking, ThinkingScan, withoutThinking } from './thinking.ts'

/**
 * MiniMax's text format: the markup of M2 and M3, the older `[TOOL_CALL]` blocks, and thinking in `<think>`. Each module
 * of this folder shows its shapes. This one puts them together, for a complete content and for one that is streamed.
 */
export const minimaxTextFormat: TextFormat = {
  read,
  readThinking: (thinking, schemaOf) => read(`<think>${thinking}`, schemaOf),
  scan: (onAllThinking) => new MinimaxScan(onAllThinking),
  holdsForeignCall,
  endsInClosers,
}

function read(original: string, schemaOf: SchemaOf): TextReading {
  // Most contents hold no markup, and need not be looked at further.
  if (startOfMarkup(original) === -1) {
    return { calls: [], text: withoutThinking(original).trim(), content: original, source: original, thinking: [] }
  }
  const source = withBrackets(original)
  const { calls, thinking } = readThinking(source, separate(source, callsIn(source, schemaOf)))
  if (calls.length === 0) {
    const text = withoutThinking(source)
    const visible = (isJson(text) ? text : withoutThinking(withoutTagLines(source))).trim()
    return { calls, text: visible, content: source, source, thinking }
  }
  const rest = without(source, calls)
  return { calls, text: withoutThinking(rest).trim(), content: rest, source, thinking }
}

/** The calls of all formats. Those inside a value of another call are among them. */
function callsIn(source: string, schemaOf: SchemaOf): readonly TextCall[] {
  return [...readM2Calls(source, schemaOf), ...readM3Calls(source, schemaOf), ...readBracketCalls(source, schemaOf)]
}

/**
 * The text of a content that arrives in pieces. Thinking is decided as it arrives. From the first markup on, nothing is
 * certain before the end: whether it is a call depends on what follows, and leftover tags go only if there are calls.
 */
class MinimaxScan implements TextScan {
  readonly #thinking: ThinkingScan
  /** The end of the content so far, if it may be the beginning of markup. The content begins a line. */
  #held = '\n'
  #isStopped = false

  constructor(onAllThinking: () => void) {
    this.#thinking = new ThinkingScan(onAllThinking)
  }

  push(piece: string): string {
    if (this.#isStopped) return ''
    const text = this.#held + piece
    if (!mayStartMarkup(text)) {
      this.#held = ''
      return this.#thinking.push(text)
    }
    const start = startOfMarkup(text)
    this.#isStopped = start !== -1
    const certain = this.#isStopped ? start : text.length - lengthOfMarkupBeginning(text)
    this.#held = text.slice(certain)
    return this.#thinking.push(text.slice(0, certain))
  }
}

/** Drops markup inside another call, which is part of a value there, and markup in a JSON string, which is data. */
function separate(content: string, found: readonly TextCall[]): readonly TextCall[] {
  if (found.length === 0) return found
  const calls: TextCall[] = []
  const values = jsonSpans(content)
  let value = 0
  for (const call of [...found].sort((a, b) => a.start - b.start || b.end - a.end)) {
    if (call.start < (calls.at(-1)?.end ?? 0)) continue
    while ((values[value]?.end ?? Number.POSITIVE_INFINITY) <= call.start) value++
    if (call.start <= (values[value]?.start ?? Number.POSITIVE_INFINITY)) calls.push(call)
  }
  return calls
}

/** A JSON answer keeps what it says about markup. */
function isJson(visible: string): boolean {
  const text = visible.trim()
  const [first] = jsonSpans(text)
  return first?.start === 0 && first.end === text.length
}

/** A content without its calls, and without the tags around them. */
function without(content: string, calls: readonly TextCall[]): string {
  const parts = calls.map((call, index) => content.slice(calls[index - 1]?.end ?? 0, call.start))
  return [...parts, content.slice(calls.at(-1)?.end ?? 0)].map(withoutTags).join('')
}

/**
 * Some parsers drop the brackets that open a tag: `invoke name="a">`, `parameter name="b">Parisparameter>`, `invoke>`.
 * Puts them back, from the first such line on. A content that is not damaged is returned unchanged.
 */
function withBrackets(content: string): string {
  const start = content.includes('<invoke') ? -1 : content.search(bracketlessTag)
  if (start === -1) return content
  let isOpen = false
  const repaired = content
    .slice(start)
    .replace(/^([ \t]*)minimax:tool_call>/gm, (_, blanks: string) => {
      isOpen = !isOpen // without brackets, the opening and the closing tag look the same
      return `${blanks}<${isOpen ? '' : '/'}minimax:tool_call>`
    })
    .replace(/^([ \t]*)invoke name=/gm, '$1<invoke name=')
    .replace(/(^|>)([ \t]*)parameter name=/gm, '$1$2<parameter name=')
    .replace(/parameter>(?=[ \t]*(?:$|invoke>|<parameter name=))/gm, '</parameter>')
    .replace(/(^|>)([ \t]*)invoke>/gm, '$1$2</invoke>')
  return content.slice(0, start) + repaired
}
