import type { Observations } from '../simulation/distribution.ts'

type Labels = { readonly [name: string]: string }

/** Writes text format 0.0.4 as Python's client does: labels sorted, floats, counters with `_total`, a `_created` gauge each. */
export class PageWriter {
  readonly #lines: string[] = []
  readonly #labels: Labels
  readonly #createdAt: number

  /** @param createdAt Unix seconds at which the process began to count. */
  constructor(labels: Labels, createdAt: number) {
    this.#labels = labels
    this.#createdAt = createdAt
  }

  gauge(name: string, help: string, series: readonly (readonly [labels: Labels, value: number])[]): void {
    this.#head(name, help, 'gauge')
    for (const [labels, value] of series) this.#sample(name, { ...this.#labels, ...labels }, value)
  }

  /** A gauge that carries its information in its labels and nothing else. */
  info(name: string, help: string, labels: Labels): void {
    this.#head(name, help, 'gauge')
    this.#sample(name, labels, 1)
  }

  counter(name: string, help: string, series: readonly (readonly [labels: Labels, value: number])[]): void {
    this.#head(`${name}_total`, help, 'counter')
    for (const [labels, value] of series) this.#sample(`${name}_total`, { ...this.#labels, ...labels }, value)
    this.#created(
      name,
      help,
      series.map(([labels]) => labels),
    )
  }

  histogram(name: string, help: string, bounds: readonly number[], observations: Observations): void {
    this.#head(name, help, 'histogram')
    const cumulative = observations.cumulative(bounds)
    bounds.forEach((bound, index) => {
      this.#sample(`${name}_bucket`, { ...this.#labels, le: pythonFloat(bound) }, cumulative[index] ?? 0)
    })
    this.#sample(`${name}_bucket`, { ...this.#labels, le: '+Inf' }, observations.count)
    this.#sample(`${name}_count`, this.#labels, observations.count)
    this.#sample(`${name}_sum`, this.#labels, observations.sum)
    this.#created(name, help, [{}])
  }

  text(): string {
    return `${this.#lines.join('\n')}\n`
  }

  #created(name: string, help: string, series: readonly Labels[]): void {
    this.#head(`${name}_created`, help, 'gauge')
    for (const labels of series) this.#sample(`${name}_created`, { ...this.#labels, ...labels }, this.#createdAt)
  }

  #head(name: string, help: string, type: string): void {
    this.#lines.push(
      `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
      `# TYPE ${name} ${type}`,
    )
  }

  #sample(name: string, labels: Labels, value: number): void {
    const pairs = Object.keys(labels)
      .sort()
      .map((label) => `${label}="${escaped(labels[label] ?? '')}"`)
    this.#lines.push(`${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${pythonFloat(value)}`)
  }
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** Numbers as `prometheus_client` prints them: `520.0`, and an exponent from seven digits before the point on. */
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
