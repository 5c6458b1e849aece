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
