import type { MetricSample } from '../documents.ts'

export type MetricsFormat = 'prometheus' | 'openmetrics'

const metricName = /[a-zA-Z_:][a-zA-Z0-9_:]*/y
const labelName = /[a-zA-Z_][a-zA-Z0-9_]*/y
const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const escapes: { readonly [sequence: string]: string } = { '\\\\': '\\', '\\"': '"', '\\n': '\n' }

/** Reads one sample line from left to right; every `fail` names what was expected. */
export class SampleLine {
  readonly #text: string
  readonly #format: MetricsFormat
  readonly #fail: (problem: string) => never
  #at = 0

  constructor(text: string, format: MetricsFormat, fail: (problem: string) => never) {
    this.#text = text
    this.#format = format
    this.#fail = fail
  }

  read(): MetricSample {
    const labels: { [name: string]: string } = {}
    let name = this.#match(metricName)
    this.#blanks()
    if (this.#take('{')) name = this.#labels(labels, name)
    if (name === undefined) return this.#fail(`expected a metric name, found ${this.#rest()}`)
    this.#blanks()
    const [value, timestamp, ...more] = this.#tokens()
    if (value === undefined) return this.#fail(`expected a value after ${name}`)
    if (more.length > 0) return this.#fail(`expected the end of the line, found ${JSON.stringify(more[0])}`)
    const sample = { name, labels, value: this.#value(value) }
    return timestamp === undefined ? sample : { ...sample, timestamp_ms: this.#timestamp(timestamp) }
  }

  /** @returns the metric name, which may stand quoted among the labels. */
  #labels(labels: { [name: string]: string }, outside: string | undefined): string | undefined {
    let name = outside
    for (;;) {
      this.#blanks()
      if (this.#take('}')) return name
      const quoted = this.#text[this.#at] === '"'
      const label = quoted ? this.#quoted() : this.#match(labelName)
      if (label === undefined) return this.#fail(`expected a label name or "}", found ${this.#rest()}`)
      this.#blanks()
      if (this.#take('=')) {
        this.#blanks()
        if (Object.hasOwn(labels, label)) return this.#fail(`label ${label} stands twice`)
        // A plain assignment to __proto__ would change the object instead of adding the label.
        Object.defineProperty(labels, label, {
          value: this.#quoted(),
          enumerable: true,
          configurable: true,
          writable: true,
        })
      } else if (quoted && name === undefined) name = label
      else return this.#fail(`expected "=" after label ${label}, found ${this.#rest()}`)
      this.#blanks()
      if (this.#take(',')) continue
      if (this.#text[this.#at] !== '}') return this.#fail(`expected "," or "}", found ${this.#rest()}`)
    }
  }

  #quoted(): string {
    if (!this.#take('"')) return this.#fail(`expected a quoted label value, found ${this.#rest()}`)
    let text = ''
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at] ?? ''
      if (character === '"') {
        this.#at++
        return text
      }
      if (character === '\\') {
        const sequence = this.#text.slice(this.#at, this.#at + 2)
        const plain = escapes[sequence]
        if (plain === undefined) return this.#fail(`unknown escape ${sequence} in a label value`)
        text += plain
        this.#at += 2
      } else {
        text += character
        this.#at++
      }
    }
    return this.#fail('a label value is not closed')
  }

  #value(token: string): number | string {
    const number = parseValue(token)
    if (number === undefined) return this.#fail(`${JSON.stringify(token)} is not a number`)
    if (Number.isFinite(number)) return number
    return Number.isNaN(number) ? 'NaN' : number > 0 ? '+Inf' : '-Inf'
  }

  #timestamp(token: string): number {
    if (this.#format === 'prometheus') {
      return /^[+-]?\d+$/.test(token)
        ? Number(token)
        : this.#fail(`timestamp ${JSON.stringify(token)} is not in whole milliseconds`)
    }
    return decimal.test(token)
      ? Number(token) * 1000
      : this.#fail(`timestamp ${JSON.stringify(token)} is not in seconds`)
  }

  /** Value and timestamp; an OpenMetrics exemplar after them is not kept. */
  #tokens(): string[] {
    const rest = this.#text.slice(this.#at)
    const exemplar = this.#format === 'openmetrics' ? rest.indexOf(' # {') : -1
    return (exemplar === -1 ? rest : rest.slice(0, exemplar)).split(/[ \t]+/).filter((token) => token !== '')
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #blanks(): void {
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++
  }

  #rest(): string {
    const rest = this.#text.slice(this.#at, this.#at + 20)
    return rest === '' ? 'the end of the line' : JSON.stringify(rest)
  }
}

/** What Go's `ParseFloat` reads, without hexadecimal numbers and underscores; `undefined` for anything else. */
export function parseValue(token: string): number | undefined {
  if (decimal.test(token)) return Number(token)
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(token)
  if (special === null) return undefined
  if (special[2]?.toLowerCase() === 'nan') return Number.NaN
  return special[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}
