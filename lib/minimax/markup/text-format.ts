import { jsonSpans } from '../../../router/json/json-scan.ts'
import type { SchemaOf, TextFormat, TextReading } from '../../../router/reading/text-format.ts'
import { bracketCalls } from './m2-bracket-markup.ts'
import { invokeCalls } from './m2-markup.ts'
import { tokenCalls } from './m3-markup.ts'
import { intended } from './quoted-calls.ts'
import { type MarkupCall, withoutLonelyStrays, withoutStrays } from './tags.ts'
import { scanThinking, withoutThinking } from './thinking.ts'

/** MiniMax's text format: the markup of M2 and M3, `[TOOL_CALL]` blocks, and thinking in `<think>`. */
export const minimaxTextFormat: TextFormat = {
  read: readMarkup,
  readThinking: (thinking, schemaOf) => readMarkup(`<think>${thinking}`, schemaOf).calls,
  // Only at the start of a line: elsewhere it is a mention.
  foreignCall:
    /^[ \t]{0,20}(?:<function=|<\|tool_calls?|<\|python_tag\||<｜tool|<\|(?:start|channel)\|>|\[tool_calls?\]|<tool_calls?\b|<arg_key>|<function_call>|&lt;(?:invoke|minimax:tool_call))/im,
}

const anyMarkup =
  /invoke\b|<minimax:|\]<\]minimax\[>\[|\[\/?TOOL_CALL\]|tool_calls?>|function_calls>|\]~!?b[[\]]|\[e~\[|<\/parameter>/

/**
 * Whether a content may hold markup at all: most do not, and are not looked at further. What every markup needs is
 * searched for first, one character at a time, at the speed of memory: most texts hold `>` in tags of thinking alone.
 */
function mayHoldMarkup(content: string, holdsTags: boolean): boolean {
  const bracket = content.indexOf('[')
  const isSuspicious =
    holdsTags ||
    content.includes('<minimax:') ||
    content.includes('<invoke') ||
    content.includes('~') ||
    (bracket !== -1 && content.includes('TOOL_CALL]', bracket))
  return isSuspicious && anyMarkup.test(content)
}

/** Calls that a model wrote into its text, in the markup of its own family, instead of asking for them natively. */
function readMarkup(original: string, schemaOf: SchemaOf): TextReading {
  const { tags, isAll } = scanThinking(original)
  if (!mayHoldMarkup(original, !isAll)) {
    return { calls: [], text: withoutThinking(original, tags).trim(), content: original }
  }
  const content = withBrackets(original)
  const found = separate(content, [
    ...invokeCalls(content, schemaOf),
    ...tokenCalls(content, schemaOf),
    ...bracketCalls(content, schemaOf),
  ])
  const calls = intended(content, found)
  if (calls.length === 0) {
    const text = withoutThinking(content)
    return { calls, text: (isJson(text) ? text : withoutLonelyStrays(text)).trim(), content }
  }
  const remainder = cut(content, calls)
  return { calls, text: withoutStrays(withoutThinking(remainder)).trim(), content: withoutStrays(remainder) }
}

/** One family's markup inside of another's call is a part of a value; and what stands in a JSON string is data. */
function separate(content: string, found: readonly MarkupCall[]): readonly MarkupCall[] {
  if (found.length === 0) return found
  const calls: MarkupCall[] = []
  const values = jsonSpans(content)
  let value = 0
  for (const call of [...found].sort((a, b) => a.start - b.start || b.end - a.end)) {
    if (call.start < (calls.at(-1)?.end ?? 0)) continue
    while ((values[value]?.end ?? Number.POSITIVE_INFINITY) <= call.start) value++
    if (call.start <= (values[value]?.start ?? Number.POSITIVE_INFINITY)) calls.push(call)
  }
  return calls
}

/** A JSON answer is not to lose what it says of markup. */
function isJson(visible: string): boolean {
  const text = visible.trim()
  const [first] = jsonSpans(text)
  return first?.start === 0 && first.end === text.length
}

function cut(content: string, calls: readonly MarkupCall[]): string {
  if (calls.length === 0) return content
  const pieces = calls.map((call, index) => content.slice(calls[index - 1]?.end ?? 0, call.start))
  return [...pieces, content.slice(calls.at(-1)?.end ?? 0)].join('')
}

/**
 * Some parsers eat the brackets that open a tag: `invoke name="a">`, `parameter name="b">Parisparameter>`, `invoke>`.
 * Puts them back where a tag can only have stood; a content that is not damaged so is returned as it is.
 */
function withBrackets(content: string): string {
  if (content.includes('<invoke') || !/^[ \t]*(?:invoke name=|minimax:tool_call>)/m.test(content)) return content
  let isOpen = false
  return content
    .replace(/^([ \t]*)minimax:tool_call>/gm, (_, blanks: string) => {
      isOpen = !isOpen // both tags look the same now
      return `${blanks}<${isOpen ? '' : '/'}minimax:tool_call>`
    })
    .replace(/^([ \t]*)invoke name=/gm, '$1<invoke name=')
    .replace(/(^|>)([ \t]*)parameter name=/gm, '$1$2<parameter name=')
    .replace(/parameter>(?=[ \t]*(?:$|invoke>|<parameter name=))/gm, '</parameter>')
    .replace(/(^|>)([ \t]*)invoke>/gm, '$1$2</invoke>')
}
