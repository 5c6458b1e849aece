import { type FoundCall, howToCall } from './call-list.ts'

/**
 * How other models begin a call in their text. Only at the beginning of a line: elsewhere it is spoken of. None of these
 * is MiniMax's, so they are not read; but taken for an answer, a call would end the run.
 */
const opener =
  /^[ \t]{0,20}(?:<function=|<\|tool_calls?|<\|python_tag\||<｜tool|<\|(?:start|channel)\|>|\[tool_calls?\]|<tool_calls?\b|<arg_key>|<function_call>|&lt;(?:invoke|minimax:tool_call))/im

/** A call in a notation that is not read, where a text holds no other: it is refused, so that it is made natively. */
export function foreignCall(text: string): readonly FoundCall[] {
  if (!opener.test(text) || text.includes('```')) return []
  const problem = `Your text holds a call in a notation that is not read here. ${howToCall}`
  return [{ name: '', rawArguments: '{}', problem }]
}
