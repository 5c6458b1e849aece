import type { MetricSample } from '../types.ts'

/** Format of a metrics page: Prometheus text format 0.0.4, or OpenMetrics 1.0. */
export type MetricsFormat = 'prometheus' | 'openmetrics'

/** A reference, usually a trace id, attached to one observation of a bucket or counter. OpenMetrics only. */
export interface Exemplar {
  /** Labels, for example `trace_id`. */
  readonly labels: { readonly [name: string]: string }
  /** The observed value; `NaN`, `+Inf` and `-Inf` are strings. */
  readonly value: number | string
  /** Unix milliseconds; absent if the page states no time. */
  readonly timestamp_ms?: number
}

/** A sample as the parser returns it. */
export interface ParsedSample extends MetricSample {
  /** Present if the sample has an exemplar. */
  readonly exemplar?: Exemplar
}

/** All samples of one metric, with its metadata. */
export interface MetricFamily {
  /** Name without the suffixes of its samples. */
  readonly name: string
  /** In lower case. Without a TYPE it is `untyped` (Prometheus) or `unknown` (OpenMetrics). */
  readonly type: string
  /** Text of HELP, unescaped. */
  readonly help: string | undefined
  /** Unit of an OpenMetrics family. */
  readonly unit: string | undefined
  /** In the order of the page. */
  readonly samples: readonly ParsedSample[]
}

/** A parsed metrics page. */
export interface MetricsPage {
  /** Families with samples, in the order of the page. */
  readonly families: readonly MetricFamily[]
  /** All samples, in the order of the page. */
  readonly samples: readonly ParsedSample[]
}

/** Stops the parser with a problem on the current line. */
export type Fail = (problem: string) => never
