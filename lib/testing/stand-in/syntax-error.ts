import { refusal } from './refusal.ts'

/** Characters shown on each side of the fault. */
const context = 16

/**
 * MiniMax's message for a body that is not JSON: `invalid params, "Syntax error at index 82: eof\n\n\t{…\n\t^\n" (2013)`,
 * the inner text quoted and escaped, with a caret below the fault.
 */
export function syntaxErrorMessage(source: string): string {
  const index = faultIndex(source)
  const start = Math.max(0, index - context)
  const excerpt = source.slice(start, index + context).replaceAll(/\s/g, ' ')
  const caret = `${'.'.repeat(index - start)}^`
  const reason = index >= source.length ? 'eof' : 'invalid char'
  return refusal(JSON.stringify(`Syntax error at index ${index}: ${reason}\n\n\t${excerpt}\n\t${caret}\n`))
}

/** The length of the longest beginning that could still become JSON: V8 does not name the place of every fault. */
function faultIndex(source: string): number {
  let viable = 0
  let broken = source.length + 1
  while (broken - viable > 1) {
    const middle = Math.floor((viable + broken) / 2)
    if (isBeginning(source.slice(0, middle))) viable = middle
    else broken = middle
  }
  return viable
}

function isBeginning(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const position = /at position (\d+)/.exec(error.message)?.[1]
    return /end of JSON input|Unterminated/i.test(error.message) || Number(position) >= text.length
  }
}
