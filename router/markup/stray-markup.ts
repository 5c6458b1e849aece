const closers =
  /<\/?(?:minimax:tool_calls?|tool_calls?|function_calls)>|<\/(?:invoke|parameter)\s{0,20}>|\[\/?TOOL_CALL\]/g
const tokens = /\]<\]minimax\[>\[(?:<?\/?(?:minimax:)?tool_call>)?|\]~!b\[|\]~b\](?:system|user|ai|tool)?|\[e~\[/g

/** A text without the remains of tool markup, which mean nothing to its reader: what is left of calls cut out of it. */
export function withoutStrays(text: string): string {
  return withoutTokens(text).replace(closers, '')
}

const lonely = new RegExp(`^[ \\t]{0,20}(?:(?:${closers.source})[ \\t]{0,20}){1,20}$`, 'gm')
const final = new RegExp(`(?:${closers.source})$`)

/** A text of which no call was cut out: tags inside of its lines are spoken of, those on lines of their own are strays. */
export function withoutLonelyStrays(text: string): string {
  let shown = withoutTokens(text).replace(lonely, '').trimEnd()
  if (/<(?:invoke|parameter)\b/.test(shown)) return shown
  for (let times = 0; times < 10 && final.test(shown); times++) shown = shown.replace(final, '').trimEnd()
  return shown
}

/** The special tokens of the raw model are spoken of by nobody. */
function withoutTokens(text: string): string {
  return text.replace(tokens, '')
}
