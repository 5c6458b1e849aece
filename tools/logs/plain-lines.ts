import type { LogLevel } from './log-level.ts'

/** Level and message of a line that does not report a failure. */
interface PlainLine {
  readonly level: LogLevel
  /** Number of characters before the message. */
  readonly prefix: number
}

/** A line of this text continues with a request of a user, which is not examined. */
const request = 'Received request '
/** The text must start within this many characters. */
const requestStart = 512
/** Longer lines are rare. */
const longestForm = 1024
/** After so many forms, the collection starts again, so that its size is limited. */
const mostForms = 8192

/**
 * The forms of lines that do not report a failure. A normal log repeats a few forms many times: its lines differ in their
 * digits. The lines of one form have the same level, the same prefix and no failure, unless a rule names digits.
 */
export class PlainLines {
  readonly #known = new Map<string, PlainLine>()
  readonly #digitRules: readonly RegExp[]

  /** @param patterns the patterns of all rules. */
  constructor(patterns: readonly RegExp[]) {
    this.#digitRules = patterns.map(withAnyDigit).filter((pattern) => pattern !== undefined)
  }

  /** Level and message of a line whose form is known. */
  find(line: string): { readonly level: LogLevel; readonly message: string } | undefined {
    const form = formOf(line)
    const known = form === undefined ? undefined : this.#known.get(form)
    return known === undefined ? undefined : { level: known.level, message: line.slice(known.prefix).trimEnd() }
  }

  /** Adds the form of a line that does not report a failure, if all lines of this form have the same result. */
  add(line: string, level: LogLevel, message: string): void {
    const form = formOf(line)
    const whole = line.trimEnd()
    if (form === undefined || !whole.endsWith(message)) return
    if (this.#digitRules.some((pattern) => pattern.test(form))) return
    if (this.#known.size >= mostForms) this.#known.clear()
    this.#known.set(form, { level, prefix: whole.length - message.length })
  }
}

/** A line without its digits and without the text of a user's request; `undefined` for lines that are not collected. */
function formOf(line: string): string | undefined {
  // The digits of a priority of syslog or /dev/kmsg are a level.
  if (/^(?:<|\d{1,3},)/.test(line)) return undefined
  const start = line.indexOf(request)
  if (start < 0 || start > requestStart) return line.length > longestForm ? undefined : withoutDigits(line)
  // Colours after the start would be removed from the message.
  return /\[[\d;]*m/.test(line) ? undefined : withoutDigits(line.slice(0, start + request.length))
}

function withoutDigits(text: string): string {
  return text.replace(/[1-9]/g, '0')
}

/**
 * A pattern that accepts any digit where the given one names a digit; `undefined` if it names none. Escapes such as `\d`,
 * and quantifiers such as `{8}`, do not name a digit of the line.
 */
function withAnyDigit({ source, flags }: RegExp): RegExp | undefined {
  const changed = source.replace(/\\.|\{\d+(?:,\d*)?\}|\[(?:\\.|[^\]])*\]|\d/g, (part) => {
    if (part.startsWith('\\') || part.startsWith('{')) return part
    return part.replace(/\\.|\d-\d|\d/g, (digit) => (digit.startsWith('\\') ? digit : '\\d'))
  })
  return changed === source ? undefined : new RegExp(changed, flags)
}
