import { isObject } from '../../router/json.ts'

/** Braces before the JSON itself, as in "Call {model} failed: {…}". */
const mostBeginnings = 8

/**
 * The JSON object or list in a text, possibly behind a prefix such as "litellm.APIConnectionError: MinimaxException - {…}";
 * undefined where there is none.
 */
export function jsonIn(text: string): unknown {
  const end = Math.max(text.lastIndexOf('}'), text.lastIndexOf(']')) + 1
  let start = nextBeginning(text, 0)
  for (let count = 0; start !== -1 && start < end && count < mostBeginnings; count++) {
    const value = parse(text.slice(start, end))
    if (isObject(value) || Array.isArray(value)) return value
    start = nextBeginning(text, start + 1)
  }
  return undefined
}

/** The documents of a whole body: itself, or those of its server-sent events. */
export function documentsIn(body: string): readonly unknown[] {
  const whole = parse(body)
  if (whole !== undefined) return [whole]
  return [...body.matchAll(/^data:(.*)$/gm)].map(([, data = '']) => parse(data)).filter((value) => value !== undefined)
}

function nextBeginning(text: string, from: number): number {
  const found = /[{[]/.exec(text.slice(from))
  return found === null ? -1 : from + found.index
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
