import type { FixResult, Telemetry } from '../types.ts'
import { shownFigure } from '../validation/deltas.ts'

/**
 * The view of a telemetry after a fix for the model: its figures, with three digits. Window and objectives are those of
 * the telemetry before. The comparison of the same requests is for `validate_improvement`, and stays in the value.
 */
export function postTelemetryView(telemetry: Telemetry): object {
  const { scenario: _id, phase: _phase, window: _window, slo: _slo, paired, base, prediction, ...figures } = telemetry
  const left = [
    'window and objectives (those of pre_telemetry)',
    ...(paired === undefined ? [] : [`the same requests over ${paired.seeds.length} seeds (paired)`]),
    ...(base === undefined ? [] : ['the simulation without the change (base)']),
    ...(prediction === undefined ? [] : ['the predicted ratios (prediction)']),
  ]
  return {
    post_telemetry: rounded(figures),
    not_shown: `${left.join(', ')}. Complete, for validate_improvement: {"$result":"collect_post_telemetry#/post_telemetry"}`,
  }
}

/**
 * The view of an applied plan for the model: the differences and their documented effects. The whole configuration stays
 * in the value.
 */
export function fixResultView({ updated_config, diff, prediction: _, ...texts }: FixResult): object {
  return {
    updated_config: `${updated_config.config_id}. Complete, for collect_post_telemetry: {"$result":"apply_fix_simulation#/updated_config"}`,
    diff: diff.length === 0 ? 'Nothing changes.' : diff,
    ...texts,
  }
}

/** A value whose numbers have three digits; whole numbers from 100. */
function rounded(value: unknown): unknown {
  if (typeof value === 'number') return shownFigure(value)
  if (Array.isArray(value)) return value.map(rounded)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, rounded(member)]))
}
