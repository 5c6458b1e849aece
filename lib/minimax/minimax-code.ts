import { ruleOfCode } from './error-rules.ts'
import type { ReportedError } from './innermost-error.ts'

/** A code and whether it stands where codes stand, or only somewhere in the text. */
export interface FoundCode {
  readonly code: string
  readonly isGuessed: boolean
}

/**
 * MiniMax's own code in an error. It writes it at the end of the message: "… (2013)", for overload "… (2064) (529)";
 * others put it into a field, or append more text: then the last number in parentheses that is a known code is taken.
 */
export function minimaxCode({ messages, codes }: ReportedError, text: string): FoundCode | undefined {
  const innermost = messages.at(-1) ?? ''
  const ends = [...messages].reverse().map((message) => ending.exec(message)?.[1])
  const written =
    ending.exec(innermost)?.[1] ?? codes.findLast((code) => ruleOfCode.has(code)) ?? ends.find((code) => isKnown(code))
  if (written !== undefined) return { code: written, isGuessed: false }
  const guessed = [text, ...messages].reverse().flatMap(numbersIn).find(isKnown)
  return guessed === undefined ? undefined : { code: guessed, isGuessed: true }
}

const ending = /\((\d{4,5})\)\s*(?:\(\d{3}\))?\s*$/

function isKnown(code: string | undefined): boolean {
  return code !== undefined && ruleOfCode.has(code)
}

/** The numbers in parentheses, the last one first. */
function numbersIn(text: string): readonly string[] {
  return [...text.matchAll(/\((\d{4})\)/g)].map(([, number = '']) => number).reverse()
}
