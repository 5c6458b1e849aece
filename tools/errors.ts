import { TenroundsError } from '../router/errors.ts'

// Errors of the incident tools. They reach the model as the error of a tool result, so each message names the input, its
// value, and what to do instead. Together with `unknown_scenario` and `invalid_scenario` in `fixtures/`, the codes are:
// `mismatch`, `invalid_fix_plan`, those of `ConfigError`, `unknown_config`, `unknown_page`, `invalid_duration`,
// `invalid_metrics_page` and `unusable_pages`.

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

/** Codes of {@link ConfigError}. */
export type ConfigErrorCode =
  | 'invalid_config'
  | 'unknown_model'
  | 'unknown_gpu'
  | 'unsupported_model'
  | 'invalid_model_config'
  | 'invalid_gpu'

/**
 * The simulation cannot run a configuration. The message names the member, its value and what would help. The codes:
 *
 * - `invalid_config`: a value has the wrong type, or values contradict each other.
 * - `unknown_model`, `unknown_gpu`: no data for the name. `model_config` or `placement.gpu` can describe it.
 * - `unsupported_model`: a `config.json` of an architecture or a quantisation that the simulation does not model.
 * - `invalid_model_config`: a `config.json` with missing, wrong or contradictory members.
 * - `invalid_gpu`: figures of a GPU that are missing or cannot be true.
 */
export class ConfigError extends TenroundsError {
  /** Path of the member with the problem, such as `model_config.num_hidden_layers`; `undefined` if there is no single one. */
  readonly field: string | undefined

  constructor(message: string, { code = 'invalid_config', field }: { code?: ConfigErrorCode; field?: string } = {}) {
    super(code, message)
    this.field = field
  }
}

/** No deployment has this configuration id (`unknown_config`). Configurations that a fix produced are not stored. */
export class UnknownConfigError extends TenroundsError {
  constructor(message: string) {
    super('unknown_config', message)
  }
}

/** An incident has no metrics page with this number or time (`unknown_page`). The message says which pages there are. */
export class UnknownPageError extends TenroundsError {
  constructor(message: string) {
    super('unknown_page', message)
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

/**
 * Why several metrics pages give no telemetry:
 *
 * - `no_pages`: none was given, or none lies in the window.
 * - `unreadable`: a page breaks its format or is cut off; `cause` is the {@link MetricsPageError}.
 * - `no_time`: the time of a page, or the start of its process, is not known.
 * - `order`: the times contradict each other or the counters.
 * - `other_server`: the pages come from different servers.
 * - `no_metrics`: a page lacks the requests of a vLLM engine.
 */
export type PagesErrorReason = 'no_pages' | 'unreadable' | 'no_time' | 'order' | 'other_server' | 'no_metrics'

/** Metrics pages cannot be summarised (`unusable_pages`). The message begins with the path of the page or option. */
export class PagesError extends TenroundsError {
  /** Kind of the problem. */
  readonly reason: PagesErrorReason

  constructor(reason: PagesErrorReason, message: string, options?: ErrorOptions) {
    super('unusable_pages', message, options)
    this.reason = reason
  }
}
