import type { Fail } from './metrics-page.ts'

type Labels = { readonly [name: string]: string }

/** Sticky patterns: they match at the current position only. */
const metricName = /[a-zA-Z_:][a-zA-Z0-9_:]*/y
const labelName = /[a-zA-Z_][a-zA-Z0-9_]*/y
/** The only escapes that the format defines. */
const escapes: { readonly [sequence: string]: string } = { '\\\\': '\\', '\\"': '"', '\\n': '\n' }

/**
 * Reads names, labels and quoted strings from one line, from left to right. Error messages name the expected token.
 *
 * Spaces and tabs are allowed between tokens, and a comma after the last label.
 */
export class LineReader {
  /** Stops the parser with a problem on this line. */
  readonly fail: Fail
  readonly #text: string
  #at = 0

  /** @param text the line, without its line feed. */
  constructor(text: string, fail: Fail) {
    this.#text = text
    this.fail = fail
  }

  /** The rest of the line. */
  get rest(): string {
    return this.#text.slice(this.#at)
  }

  /** Reads an unquoted metric name; `undefined` if the line does not continue with one. */
  metricName(): string | undefined {
    return this.#match(metricName)
  }

  /** Reads an exact text. @returns whether the line continues with it. */
  take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  /** Skips spaces and tabs. */
  blanks(): void {
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++
  }

  /**
   * Reads labels up to `}`, after the `{`. The metric name can be among them, in quotes.
   *
   * @param outside the metric name before the brace.
   */
  labels(outside: string | undefined): { readonly labels: Labels; readonly name: string | undefined } {
    const labels: { [name: string]: string } = {}
    let name = outside
    this.blanks()
    if (this.take('}')) return { labels, name }
    for (;;) {
      const quoted = this.#text[this.#at] === '"'
      const label = quoted ? this.quoted('a label name') : this.#match(labelName)
      if (label === undefined) return this.fail(`expected a label name or "}", found ${this.#shown()}`)
      if (label === '') return this.fail('a quoted name is empty')
      this.blanks()
      if (this.take('=')) {
        this.blanks()
        this.#set(labels, label, this.quoted('a label value'))
      } else if (!quoted) return this.fail(`expected "=" after label ${label}, found ${this.#shown()}`)
      else if (name !== undefined) return this.fail(`a second metric name ${JSON.stringify(label)} besides ${name}`)
      else name = label
      this.blanks()
      if (this.take(',')) {
        this.blanks()
        if (this.take('}')) return { labels, name }
      } else if (this.take('}')) return { labels, name }
      else return this.fail(`expected "," or "}", found ${this.#shown()}`)
    }
  }

  /** Reads a quoted string. @param what its role, for messages. */
  quoted(what: string): string {
    if (!this.take('"')) return this.fail(`expected ${what} in quotes, found ${this.#shown()}`)
    let text = ''
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at] ?? ''
      if (character === '"') {
        this.#at++
        // A lenient decoder replaces invalid UTF-8 with U+FFFD. Half a surrogate pair is invalid as well.
        return /[\p{Surrogate}\ufffd]/u.test(text) ? this.fail(`${what} is not valid UTF-8`) : text
      }
      const sequence = this.#text.slice(this.#at, this.#at + 2)
      const plain = character === '\\' ? escapes[sequence] : undefined
      if (character === '\\' && plain === undefined) return this.fail(`unknown escape ${sequence} in ${what}`)
      text += plain ?? character
      this.#at += plain === undefined ? 1 : 2
    }
    return this.fail(`${what} is not closed`)
  }

  /** The next characters, for a message. */
  #shown(): string {
    const rest = this.rest.slice(0, 20)
    return rest === '' ? 'the end of the line' : JSON.stringify(rest)
  }

  /** Adds a label. The format forbids duplicates and the name `__name__`. */
  #set(labels: { [name: string]: string }, label: string, value: string): void {
    if (label === '__name__') this.fail('label __name__ is reserved')
    if (Object.hasOwn(labels, label)) this.fail(`label ${label} appears twice`)
    // An assignment to __proto__ would change the prototype instead of adding a label.
    Object.defineProperty(labels, label, { value, enumerable: true, configurable: true, writable: true })
  }

  /** Reads a token at the current position; `undefined` if it does not match. */
  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }
}

/** Decimal numbers with an optional exponent. */
const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
/** `Inf` and `Infinity` in any case, with an optional sign. */
const infinity = /^([+-]?)inf(?:inity)?$/i

/** Parses a number like Go's `ParseFloat`, without hexadecimal numbers and underscores; `undefined` if it is not one. */
export function parseValue(token: string): number | undefined {
  if (decimal.test(token)) {
    const value = Number(token)
    return Number.isFinite(value) ? value : undefined
  }
  if (/^nan$/i.test(token)) return Number.NaN
  const found = infinity.exec(token)
  if (found === null) return undefined
  return found[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}

/** A value for JSON: NaN and infinity become the strings `NaN`, `+Inf` and `-Inf`. */
export function jsonValue(value: number): number | string {
  if (Number.isFinite(value)) return value
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

/** Timestamps are 64-bit integers. */
const int64 = 2n ** 63n

/** Parses a timestamp: integer milliseconds; `undefined` if it is not a 64-bit integer. */
export function parseMilliseconds(token: string): number | undefined {
  if (!/^[+-]?\d+$/.test(token)) return undefined
  const value = BigInt(token.replace(/^\+/, ''))
  return value < -int64 || value >= int64 ? undefined : Number(value)
}
