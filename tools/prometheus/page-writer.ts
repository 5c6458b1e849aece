import type { Distribution } from '../simulation/distribution.ts'

/** Labels of one series. */
export type Labels = { readonly [name: string]: string }

/**
 * Writes a page in text format 0.0.4 in the style of Python's `prometheus_client`: sorted labels, numbers as floats,
 * counters with the suffix `_total`, and a `_created` gauge for each counter, histogram and summary.
 *
 *     # HELP vllm:num_preemptions_total Cumulative number of preemption from the engine.
 *     # TYPE vllm:num_preemptions_total counter
 *     vllm:num_preemptions_total{engine="0",model_name="m"} 12.0
 *
 * Times of creation are in Unix seconds. A family without series has only its HELP and TYPE lines.
 */
export class PageWriter {
  readonly #lines: string[] = []

  /** Writes a gauge with one sample per series. */
  gauge(name: string, help: string, series: readonly (readonly [labels: Labels, value: number])[]): void {
    this.#head(name, help, 'gauge')
    for (const [labels, value] of series) this.#sample(name, labels, value)
  }

  /**
   * Writes a counter with one sample per series. `name` has no suffix.
   *
   * @param createdAt absent for the counters of a custom collector, which have no time of creation.
   */
  counter(
    name: string,
    help: string,
    series: readonly (readonly [labels: Labels, value: number])[],
    createdAt?: number,
  ): void {
    this.#head(`${name}_total`, help, 'counter')
    for (const [labels, value] of series) this.#sample(`${name}_total`, labels, value)
    const labelSets = series.map(([labels]) => labels)
    if (createdAt !== undefined) this.#created(name, help, labelSets, createdAt)
  }

  /**
   * Writes a histogram with one set of buckets per series. A histogram without `series` has no samples yet.
   *
   * @param upperBounds limits of the buckets, ascending, without `+Inf`.
   */
  histogram(
    name: string,
    help: string,
    upperBounds: readonly number[],
    series: readonly (readonly [labels: Labels, observations: Distribution])[],
    createdAt: number,
  ): void {
    this.#head(name, help, 'histogram')
    for (const [labels, observations] of series) {
      const cumulative = observations.cumulative(upperBounds)
      upperBounds.forEach((upper, index) => {
        this.#sample(`${name}_bucket`, { ...labels, le: pythonFloat(upper) }, cumulative[index] ?? 0)
      })
      this.#sample(`${name}_bucket`, { ...labels, le: '+Inf' }, observations.count)
      this.#sample(`${name}_count`, labels, observations.count)
      this.#sample(`${name}_sum`, labels, observations.sum)
    }
    const labelSets = series.map(([labels]) => labels)
    this.#created(name, help, labelSets, createdAt)
  }

  /** Writes a summary without quantiles. A summary without `series` has no samples yet. */
  summary(
    name: string,
    help: string,
    series: readonly [labels: Labels, count: number, sum: number] | undefined,
    createdAt: number,
  ): void {
    this.#head(name, help, 'summary')
    if (series === undefined) return
    const [labels, count, sum] = series
    this.#sample(`${name}_count`, labels, count)
    this.#sample(`${name}_sum`, labels, sum)
    this.#created(name, help, [labels], createdAt)
  }

  /** The page so far. */
  text(): string {
    return `${this.#lines.join('\n')}\n`
  }

  /** Python's client writes the time of creation of each series as a separate gauge. */
  #created(name: string, help: string, series: readonly Labels[], createdAt: number): void {
    if (series.length === 0) return
    this.#head(`${name}_created`, help, 'gauge')
    for (const labels of series) this.#sample(`${name}_created`, labels, createdAt)
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

/**
 * Formats a number like `prometheus_client`: `520.0`, with an exponent from seven digits before the decimal point, and
 * below 0.0001 with the exponent of Python's `repr`.
 */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential().replace(/-(\d)$/, '-0$1')
  const plain = Number.isInteger(value) ? value.toFixed(1) : String(value)
  const point = plain.indexOf('.')
  if (value > 0 && point > 6) {
    const digits = `${plain[0]}.${plain.slice(1, point)}${plain.slice(point + 1)}`.replace(/[0.]+$/, '')
    return `${digits}e+${String(point - 1).padStart(2, '0')}`
  }
  return plain
}
