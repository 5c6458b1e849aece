import type { SchemaOf } from '../../../router/reading/text-format.ts'

/*
 * Calls in the notations of other model families. MiniMax's models write them now and then. They are not read, because
 * each notation has rules of its own. Taken for an answer, such a call would end the run.
 *
 *   <｜DSML｜function_calls>…                       DeepSeek; also <｜tool▁calls▁begin｜>, in any spelling of the bars
 *   ```tool_code\nget_weather(city="Oslo")\n```    Gemini; also the name of a declared tool in any other fence
 *   [tool_call: get_weather(city="Oslo")]          kits that print calls
 *   Action: get_weather\nAction Input: {…}         ReAct
 *   <get_weather><city>Oslo</city></get_weather>   coding agents: an element with the name of the tool
 */

/** Beginnings of calls that count at the start of a line. Elsewhere they are mentions. */
const lineStarts = [
  ...['<function=', '<function_call>', '<tool_code>', '<arg_key>', '<tool_calls?\\b', '<\\|?tool_call_begin'],
  ...['<\\|python_tag\\|', '<\\|(?:start|channel)\\|>', '(?:assistant)?commentary to=functions\\.'],
  // Printed calls: `[tool_call: ping()]`, `[Tool call] ping`, `[TOOL_CALLS][{"name":"ping"}]`.
  ...[
    '\\[tool[_ ]?calls?(?::|\\](?!\\())',
    '\\[(?:calling tool\\b|function[_ ]call(?::|\\](?!\\()))',
    '&lt;(?:invoke|minimax:tool_call|tool_call)',
  ],
]
const lineStart = new RegExp(`^[ \\t]{0,20}(?:${lineStarts.join('|')})`, 'imu')

/**
 * Special tokens, whose bars are ASCII or full-width and whose words are joined by `_`, `▁` or a blank. They count anywhere
 * except after a quotation mark, because models write them directly after prose.
 */
const token = /(?<!["'`“‘])<\s?[|｜]\s?(?:DSML\s?[|｜]|tool[_▁ ]|action_start|START_ACTION)/iu

/** A code block. The limit of the language keeps the search linear. */
const fence = /```[ \t]{0,20}([\w-]{0,20})[ \t]{0,20}\r?\n([\s\S]*?)\r?\n?[ \t]{0,20}```/g
const codeOfTools = /^tool_(?:code|calls?)$/i

/** Whether a visible text holds a call in such a notation. */
export function holdsForeignCall(text: string, schemaOf: SchemaOf): boolean {
  if (token.test(text)) return true
  const blocks = [...text.matchAll(fence)]
  if (blocks.some(([, language = '']) => codeOfTools.test(language))) return true
  const isDeclared = (name: string | undefined) => name !== undefined && schemaOf(name) !== undefined
  const last = blocks.at(-1)
  // With text after it, a block of code is an example.
  if (last !== undefined && text.slice((last.index ?? 0) + last[0].length).trim() === '') {
    if (isDeclared(calledIn(last[2] ?? ''))) return true
  }
  if (text.includes('```')) return false
  return lineStart.test(text) || isDeclared(calledIn(text)) || isDeclared(actionIn(text)) || isDeclared(elementIn(text))
}

const pythonCall = /^[[(]?\s{0,20}(?:(?:await|print|return)[ (]\s{0,20})?(?:[\w-]{1,64}\.)?([\w-]{1,64})\s{0,5}\(/

const afterCall = /^[\s,;)\]]*(?:$|[\w.-]{1,200}\()/

/** The name in a text that is nothing but `name(…)`, or several of them. */
function calledIn(text: string): string | undefined {
  const code = text.trim()
  const head = pythonCall.exec(code)
  const end = head === null ? -1 : endOfArguments(code, head[0].length)
  return end !== -1 && afterCall.test(code.slice(end)) ? head?.[1] : undefined
}

/** Index after the parenthesis that closes the one before `from`; -1 without it. */
function endOfArguments(code: string, from: number): number {
  let depth = 1
  let quote = ''
  for (let index = from; index < code.length; index++) {
    const character = code[index] ?? ''
    if (quote !== '') {
      if (character === '\\') index++
      else if (character === quote) quote = ''
    } else if (character === '"' || character === "'") quote = character
    else if (character === '(') depth++
    else if (character === ')' && --depth === 0) return index + 1
  }
  return -1
}

const action = /^[ \t]{0,20}Action:[ \t]{0,20}([\w-]{1,64})[ \t]{0,20}\r?\n[ \t]{0,20}Action Input:/m

function actionIn(text: string): string | undefined {
  return action.exec(text)?.[1]
}

const element = /^<([\w-]{1,64})\s{0,5}>[\s\S]*<\/([\w-]{1,64})>$/

/** The name of the element that a whole text is. */
function elementIn(text: string): string | undefined {
  const [, opened, closed] = element.exec(text.trim()) ?? []
  return opened === closed ? opened : undefined
}
