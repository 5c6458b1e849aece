/**
 * Some parsers eat the brackets that open a tag: `invoke name="a">`, `parameter name="b">Parisparameter>`, `invoke>`.
 * Puts them back where a tag can only have stood; a content that is not damaged so is returned as it is.
 */
export function withBrackets(content: string): string {
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
