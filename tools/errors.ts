import { TenroundsError } from '../router/errors.ts'

// Errors of the incident tools. They reach the model as the error of a tool result, so each message names the input, its
// value, and what to do instead. Together with `unknown_scenario` in `fixtures/`, the codes are: `mismatch`,
// `invalid_fix_plan`, `invalid_config`, `unknown_config`, `invalid_duration` and `invalid_metrics_page`.

/** Inputs of one call contradict each other or themselves (`mismatch`). The message begins with the path of the input. */
export class MismatchError extends TenroundsError {
  constructor(message: string) {
    super('mismatch', message)
  }
}

/** A fix plan cannot be applied (`invalid_fix_plan`). The message begins with the path of the action or argument. */
export class FixPlanError extends TenroundsError {
  constructor(message: string) {
    super('invalid_fix_plan', message)
  }
}

/**
 * The simulation cannot run a configuration (`invalid_config`): it has no data for the model or the GPU, or a value has
 * the wrong type.
 */
export class ConfigError extends TenroundsError {
  constructor(message: string) {
    super('invalid_config', message)
  }
}

/** No deployment has this configuration id (`unknown_config`). Configurations that a fix produced are not stored. */
export class UnknownConfigError extends TenroundsError {
  constructor(message: string) {
    super('unknown_config', message)
  }
}

/** A text is not a duration such as `90s` or `1h30m` (`invalid_duration`). */
export class DurationError extends TenroundsError {
  constructor(message: string) {
    super('invalid_duration', message)
  }
}

/** A metrics page breaks its format (`invalid_metrics_page`). The message begins with the line. */
export class MetricsPageError extends TenroundsError {
  /** Number of the line, from 1. */
  readonly line: number

  constructor(line: number, problem: string) {
    super('invalid_metrics_page', `line ${line}: ${problem}`)
    this.line = line
  }
}
