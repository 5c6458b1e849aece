import type { Telemetry } from '../types.ts'

/** One objective of a service, and whether a window meets it. */
export interface Objective {
  /** Name for people and the model. */
  readonly name: 'time to first token p95' | 'inter-token p99' | 'share of served requests'
  /** Unit of value and limit, as in a metric of a validation. */
  readonly unit: 's' | 'share'
  /** The figure of the window; `null` if it was not observed. */
  readonly value: number | null
  /** A time may be up to it, and a share must be at least it. */
  readonly limit: number
  /** Whether the window meets it. What was not observed is `unknown`. */
  readonly state: 'met' | 'missed' | 'unknown'
}

/** The figures of a telemetry that objectives limit. */
interface LimitedFigures {
  readonly slo: Telemetry['slo']
  readonly latency: {
    readonly ttft_s: Pick<Telemetry['latency']['ttft_s'], 'p95'>
    readonly inter_token_s: Pick<Telemetry['latency']['inter_token_s'], 'p99'>
  }
  readonly requests: Pick<Telemetry['requests'], 'arrived' | 'served'>
}

/** The objectives of a window, in the order in which people read them. */
export function objectivesOf({ slo, latency, requests }: LimitedFigures): Objective[] {
  const { arrived, served } = requests
  return [
    objective('time to first token p95', 's', latency.ttft_s.p95, slo.ttft_p95_s),
    objective('inter-token p99', 's', latency.inter_token_s.p99, slo.inter_token_p99_s),
    objective(
      'share of served requests',
      'share',
      served === null || arrived === null || arrived === 0 ? null : served / arrived,
      slo.served_ratio,
    ),
  ]
}

function objective(name: Objective['name'], unit: Objective['unit'], value: number | null, limit: number): Objective {
  const isMet = value !== null && (unit === 's' ? value <= limit : value >= limit)
  return { name, unit, value, limit, state: value === null ? 'unknown' : isMet ? 'met' : 'missed' }
}

/** The objectives that a window misses, in words. What was not observed is not missed. */
export function missedObjectives(window: LimitedFigures): string[] {
  return objectivesOf(window).flatMap(({ name, state }) => (state === 'missed' ? [name] : []))
}
