import type { Fail, MetricsFormat } from './metrics-page.ts'

type Labels = { readonly [name: string]: string }

const metricName = /[a-zA-Z_:][a-zA-Z0-9_:]*/y
const labelName = /[a-zA-Z_][a-zA-Z0-9_]*/y
const escapes: { readonly [sequence: string]: string } = { '\\\\': '\\', '\\"': '"', '\\n': '\n' }

/**
 * Reads the names, labels and quoted texts of one line from left to right. Every `fail` names what was expected.
 *
 * The text format lets blanks and tabs stand between any two tokens and a comma after the last label; OpenMetrics lets
 * neither. Of an undefined escape the text format knows nothing; OpenMetrics keeps it as it stands.
 */
export class LineReader {
  readonly fail: Fail
  readonly #text: string
  readonly #format: MetricsFormat
  #at = 0

  constructor(text: string, format: MetricsFormat, fail: Fail) {
    this.#text = text
    this.#format = format
    this.fail = fail
  }

  /** What was not read yet. */
  get rest(): string {
    return this.#text.slice(this.#at)
  }

  metricName(): string | undefined {
    return this.#match(metricName)
  }

  take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  blanks(): void {
    if (this.#format === 'openmetrics') return
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++
  }

  /**
   * Labels up to `}`, the `{` being read already. The name of the metric may stand quoted among them.
   *
   * @param outside the name that stood before the brace.
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
      if (label === '') return this.fail('a name in quotes is empty')
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
        if (this.#format === 'prometheus' && this.take('}')) return { labels, name }
      } else if (this.take('}')) return { labels, name }
      else return this.fail(`expected "," or "}", found ${this.#shown()}`)
    }
  }

  quoted(what: string): string {
    if (!this.take('"')) return this.fail(`expected ${what} in quotes, found ${this.#shown()}`)
    let text = ''
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at] ?? ''
      if (character === '"') {
        this.#at++
        // A decoder puts U+FFFD where the bytes were no UTF-8; half a surrogate pair is none either.
        return /[\p{Surrogate}\ufffd]/u.test(text) ? this.fail(`${what} is no valid UTF-8`) : text
      }
      const sequence = this.#text.slice(this.#at, this.#at + 2)
      const plain = character === '\\' ? escapes[sequence] : undefined
      if (character === '\\' && plain === undefined && this.#format === 'prometheus')
        return this.fail(`unknown escape ${sequence} in ${what}`)
      text += plain ?? character
      this.#at += plain === undefined ? 1 : 2
    }
    return this.fail(`${what} is not closed`)
  }

  /** What comes next, for a message. */
  #shown(): string {
    const rest = this.rest.slice(0, 20)
    return rest === '' ? 'the end of the line' : JSON.stringify(rest)
  }

  #set(labels: { [name: string]: string }, label: string, value: string): void {
    if (label === '__name__') this.fail('label __name__ is reserved')
    if (Object.hasOwn(labels, label)) this.fail(`label ${label} stands twice`)
    // A plain assignment to __proto__ would change the object instead of adding the label.
    Object.defineProperty(labels, label, { value, enumerable: true, configurable: true, writable: true })
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const infinity = /^([+-]?)inf(?:inity)?$/i

/** What Go's `ParseFloat` reads, without hexadecimal numbers and underscores; `undefined` for anything else. */
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

/** JSON has no NaN or infinity: those are written as texts. */
export function jsonValue(value: number): number | string {
  if (Number.isFinite(value)) return value
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

interface Timestamp {
  readonly milliseconds: number
  /** For comparisons: a double does not hold the nanoseconds of a present-day time. */
  readonly nanoseconds: bigint
}

const int64 = 2n ** 63n

/** Whole milliseconds, as the text format has them; `undefined` for anything that is no 64-bit integer. */
export function parseMilliseconds(token: string): Timestamp | undefined {
  if (!/^[+-]?\d+$/.test(token)) return undefined
  const value = BigInt(token.replace(/^\+/, ''))
  return value < -int64 || value >= int64 ? undefined : { milliseconds: Number(value), nanoseconds: value * 1_000_000n }
}

/** Seconds, as OpenMetrics has them; digits beyond the nanosecond are cut off. */
export function parseSeconds(token: string): Timestamp | undefined {
  if (!decimal.test(token)) return undefined
  const [, sign, whole = '', fraction = ''] = /^([+-]?)(\d+)(?:\.(\d*))?$/.exec(token) ?? []
  if (whole === '') {
    const nanoseconds = Math.round(Number(token) * 1e9)
    if (!Number.isFinite(nanoseconds)) return undefined
    return { milliseconds: Number(token) * 1000, nanoseconds: BigInt(nanoseconds) }
  }
  const nanoseconds = BigInt(whole + fraction.slice(0, 9).padEnd(9, '0'))
  return { milliseconds: Number(token) * 1000, nanoseconds: sign === '-' ? -nanoseconds : nanoseconds }
}
