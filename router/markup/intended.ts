import type { MarkupCall } from './markup-call.ts'
import { withoutStrays } from './stray-markup.ts'

const marks = /<(\/?)(?:mm:)?think>|```/g

/**
 * Calls that the model meant to make.
 *
 * One inside of a thought that is closed after it was only considered; but where the reply holds nothing else and the
 * thought ends with it, the model closed its thought too late. One that is quoted in a code block, with prose behind it,
 * may be an example: it is refused, so that the model says it natively if it meant it.
 */
export function intended(content: string, found: readonly MarkupCall[]): readonly MarkupCall[] {
  if (found.length === 0 || !/think>|```/.test(content)) return found
  const considered = new Set<MarkupCall>()
  const quoted = new Set<MarkupCall>()
  let thought: MarkupCall[] | undefined
  let isCode = false
  for (const [index, call] of [...found, undefined].entries()) {
    const gap = content.slice(found[index - 1]?.end ?? 0, call?.start)
    for (const [mark, slash] of gap.matchAll(marks)) {
      if (mark === '```') isCode = !isCode
      else if (slash === '/') {
        for (const one of thought ?? []) considered.add(one)
        thought = undefined
      } else thought ??= []
    }
    if (call === undefined) break
    thought?.push(call)
    if (isCode) quoted.add(call)
  }
  const outside = found.filter((call) => !considered.has(call))
  const rest = withoutStrays(content.slice(found.at(-1)?.end ?? 0)).replace(/<\/(?:mm:)?think>|```/g, '')
  if (rest.trim() === '') return outside.length === 0 ? found : outside
  return outside.map((call) => (quoted.has(call) ? asQuoted(call) : call))
}

function asQuoted(call: MarkupCall): MarkupCall {
  const { input: _, ...rest } = call
  return { ...rest, problem: call.problem ?? 'it stands in a code block with text behind it, as an example does' }
}
