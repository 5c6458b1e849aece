import type { MetricSample } from '../types.ts'

export type MetricsFormat = 'prometheus' | 'openmetrics'

/** A trace or the like that stands for one observation of a bucket or counter; OpenMetrics only. */
export interface Exemplar {
  readonly labels: { readonly [name: string]: string }
  readonly value: number | string
  readonly timestamp_ms?: number
}

export interface ParsedSample extends MetricSample {
  readonly exemplar?: Exemplar
}

export interface MetricFamily {
  readonly name: string
  /** In lower case; `untyped` (0.0.4) or `unknown` (OpenMetrics) where the page says none. */
  readonly type: string
  readonly help: string | undefined
  readonly unit: string | undefined
  readonly samples: readonly ParsedSample[]
}

export interface MetricsPage {
  readonly families: readonly MetricFamily[]
  /** All samples, in the order of the page. */
  readonly samples: readonly ParsedSample[]
}

/** Stops the parser; what is wrong on the line that it reads. */
export type Fail = (problem: string) => never

/** A metrics page that breaks its format; the message begins with the line. */
export class MetricsPageError extends Error {
  override readonly name = 'MetricsPageError'
  readonly code = 'invalid_metrics_page'
  /** Counted from 1. */
  readonly line: number

  constructor(line: number, problem: string) {
    super(`line ${line}: ${problem}`)
    this.line = line
  }
}
