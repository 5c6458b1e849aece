/**
 * Finds `"key": value` in a text that holds JSON somewhere and parses the value, an object, an array or a scalar.
 *
 * @returns the first value that is whole; `undefined` where there is none
 */
export function embeddedValue(text: string, key: string): unknown {
  for (const found of text.matchAll(new RegExp(`"${key}"\\s*:\\s*`, 'g'))) {
    const start = found.index + found[0].length
    try {
      return JSON.parse(text.slice(start, valueEnd(text, start)))
    } catch {
      // Prose about the field, or a value that was cut off: the next occurrence may be whole.
    }
  }
  return undefined
}

const scalar = /"(?:[^"\\]|\\.)*"|[-+.\w]+/y

function valueEnd(text: string, start: number): number {
  if (text[start] !== '{' && text[start] !== '[') {
    scalar.lastIndex = start
    return scalar.test(text) ? scalar.lastIndex : start
  }
  let depth = 0
  // Strings are skipped whole, because they may hold brackets.
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]]/g
  tokens.lastIndex = start
  for (let token = tokens.exec(text); token !== null; token = tokens.exec(text)) {
    if (token[0] === '{' || token[0] === '[') depth += 1
    else if (token[0] === '}' || token[0] === ']') depth -= 1
    if (depth === 0) return tokens.lastIndex
  }
  return start
}
