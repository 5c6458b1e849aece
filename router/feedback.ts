import { clip, excerpt } from './clip.ts'
import { describeFault } from './faults/describe-fault.ts'
import { essentialFaults } from './faults/union-faults.ts'
import { redact } from './redact.ts'
import type { Fault } from './validator.ts'

const maxFeedbackBytes = 1024
/** Where not all faults fit, no line is longer, so that a long one does not hide the others. */
const maxLineBytes = 300
/** Room that is kept for saying how many faults are not listed. */
const overflowBytes = 40

/**
 * What is wrong with a value, for a model to mend: one line per fault with the path, what was expected and what came,
 * secrets masked; together with `title`, the line above them, at most 1 KiB.
 *
 * @param schema what the value was checked against: with it, unions are told by the branch that was meant even where
 *   their branches are references to schemas that have references themselves.
 */
export function describeFaults(faults: readonly Fault[], title?: string, schema?: object): string {
  const told = essentialFaults(faults, schema)
  const room = maxFeedbackBytes - overflowBytes - (title === undefined ? 0 : Buffer.byteLength(title) + 1)
  const whole = linesOf(told, room, room)
  const lines = whole.isAll ? whole : linesOf(told, room, maxLineBytes)
  return limitFeedback([...(title === undefined ? [] : [title]), ...lines.lines].join('\n'))
}

/** The lines for which there is room; where that is not all, the last one says how many are missing. */
function linesOf(
  faults: readonly Fault[],
  room: number,
  lineBytes: number,
): { lines: Iterable<string>; isAll: boolean } {
  const lines = new Set<string>()
  let left = room
  for (const [index, fault] of faults.entries()) {
    const line = lineOf(fault, lineBytes)
    if (lines.has(line)) continue
    left -= Buffer.byteLength(line) + 1
    if (left < 0 && lines.size > 0) {
      return { lines: lines.add(`- … and ${faults.length - index} more faults`), isAll: false }
    }
    lines.add(line)
  }
  return { lines, isAll: true }
}

function lineOf(fault: Fault, maxBytes: number): string {
  const line = redact(`- ${describeFault(fault, maxBytes)}`)
  return clip(line.replace(/[\p{Cc}\u2028\u2029]/gu, escaped), maxBytes, () => ' … ').text
}

/** A line break in a key must not begin a line of its own: it could say what no check has said. */
function escaped(character: string): string {
  const json = JSON.stringify(character).slice(1, -1)
  return json === character ? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}` : json
}

/** Makes a message fit to be read by the model: secrets masked, cut at 1 KiB. */
export function limitFeedback(message: string): string {
  const bounded = message.length > 65_536 ? excerpt(message, maxFeedbackBytes) : redact(message)
  return clip(bounded, maxFeedbackBytes, (left) => `\n(… ${left} bytes left out …)\n`).text
}
