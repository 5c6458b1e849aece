import type { MetricSample } from '../types.ts'

/** All samples of one metric, with its metadata. */
export interface MetricFamily {
  /** Name without the suffixes of its samples. */
  readonly name: string
  /** In lower case; `untyped` without a TYPE. */
  readonly type: string
  /** Text of HELP, unescaped. */
  readonly help: string | undefined
  /** In the order of the page. */
  readonly samples: readonly MetricSample[]
}

/** A parsed metrics page. */
export interface MetricsPage {
  /** Families with samples, in the order of the page. */
  readonly families: readonly MetricFamily[]
  /** All samples, in the order of the page. */
  readonly samples: readonly MetricSample[]
}

/** Stops the parser with a problem on the current line. */
export type Fail = (problem: string) => never
