/** Closers without openers, wrappers of calls that were cut out, and the special tokens of the raw model. */
const stray =
  /<\/?(?:minimax:)?tool_call>|\]<\]minimax\[>\[(?:<\/?(?:minimax:)?tool_call>)?|<\/(?:invoke|parameter)\s{0,20}>|\[\/?TOOL_CALL\]|\]~!b\[|\]~b\](?:system|user|ai|tool)?|\[e~\[/g

/** A text without the remains of tool markup, which mean nothing to its reader. */
export function withoutStrays(text: string): string {
  return text.replace(stray, '')
}
