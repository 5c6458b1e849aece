import type { Distribution } from '../simulation/distribution.ts'

type Labels = { readonly [name: string]: string }

/**
 * Writes a page in text format 0.0.4 in the style of Python's `prometheus_client`: sorted labels, numbers as floats,
 * counters with the suffix `_total`, and a `_created` gauge for each counter and histogram.
 *
 *     # HELP vllm:num_preemptions_total Cumulative number of preemption from the engine.
 *     # TYPE vllm:num_preemptions_total counter
 *     vllm:num_preemptions_total{engine="0",model_name="m"} 12.0
 */
export class PageWriter {
  readonly #lines: string[] = []
  readonly #labels: Labels
  readonly #createdAt: number

  /**
   * @param labels labels of every sample, except those of {@link info}.
   * @param createdAt start time of the counters, in Unix seconds.
   */
  constructor(labels: Labels, createdAt: number) {
    this.#labels = labels
    this.#createdAt = createdAt
  }

  /** Writes a gauge with one sample per series. */
  gauge(name: string, help: string, series: readonly (readonly [labels: Labels, value: number])[]): void {
    this.#head(name, help, 'gauge')
    for (const [labels, value] of series) this.#sample(name, { ...this.#labels, ...labels }, value)
  }

  /** Writes a gauge of value 1 whose labels contain the information. */
  info(name: string, help: string, labels: Labels): void {
    this.#head(name, help, 'gauge')
    this.#sample(name, labels, 1)
  }

  /** Writes a counter with one sample per series. `name` has no suffix. */
  counter(name: string, help: string, series: readonly (readonly [labels: Labels, value: number])[]): void {
    this.#head(`${name}_total`, help, 'counter')
    for (const [labels, value] of series) this.#sample(`${name}_total`, { ...this.#labels, ...labels }, value)
    this.#created(
      name,
      help,
      series.map(([labels]) => labels),
    )
  }

  /** Writes a histogram. @param upperBounds limits of the buckets, ascending, without `+Inf`. */
  histogram(name: string, help: string, upperBounds: readonly number[], observations: Distribution): void {
    this.#head(name, help, 'histogram')
    const cumulative = observations.cumulative(upperBounds)
    upperBounds.forEach((upper, index) => {
      this.#sample(`${name}_bucket`, { ...this.#labels, le: pythonFloat(upper) }, cumulative[index] ?? 0)
    })
    this.#sample(`${name}_bucket`, { ...this.#labels, le: '+Inf' }, observations.count)
    this.#sample(`${name}_count`, this.#labels, observations.count)
    this.#sample(`${name}_sum`, this.#labels, observations.sum)
    this.#created(name, help, [{}])
  }

  /** The page so far. */
  text(): string {
    return `${this.#lines.join('\n')}\n`
  }

  /** Python's client writes the start time of each counter and histogram as a separate gauge. */
  #created(name: string, help: string, series: readonly Labels[]): void {
    this.#head(`${name}_created`, help, 'gauge')
    for (const labels of series) this.#sample(`${name}_created`, { ...this.#labels, ...labels }, this.#createdAt)
  }

  /** Writes the HELP and TYPE lines of a family. */
  #head(name: string, help: string, type: string): void {
    this.#lines.push(
      `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
      `# TYPE ${name} ${type}`,
    )
  }

  /** Writes one sample line. */
  #sample(name: string, labels: Labels, value: number): void {
    const pairs = Object.keys(labels)
      .sort()
      .map((label) => `${label}="${escaped(labels[label] ?? '')}"`)
    this.#lines.push(`${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${pythonFloat(value)}`)
  }
}

/** Escapes a label value. */
function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** Formats a number like `prometheus_client`: `520.0`, or with an exponent from seven digits before the decimal point. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  const plain = Number.isInteger(value) ? value.toFixed(1) : String(value)
  const point = plain.indexOf('.')
  if (value > 0 && point > 6) {
    const digits = `${plain[0]}.${plain.slice(1, point)}${plain.slice(point + 1)}`.replace(/[0.]+$/, '')
    return `${digits}e+${String(point - 1).padStart(2, '0')}`
  }
  return plain
}
