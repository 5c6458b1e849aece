import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { Impairment } from '../../fixtures/scenario.ts'
import { holds } from './condition.ts'

/** The impairments that act on one configuration, as the scheduler asks for them. Times in seconds of the window. */
export interface ActiveImpairments {
  /** When the engine dies; infinity if it does not. */
  readonly downAt: number
  readonly downReason: string | undefined
  /** Until when an engine that is asked at `now` makes no step; `now` or earlier when it is free to. */
  stalledUntil(now: number): number
  /** What is added to each step. */
  stepDelayS(now: number): number
}

export function activeImpairments(impairments: readonly Impairment[], config: DeploymentConfig): ActiveImpairments {
  const active = impairments.filter((impairment) => holds(impairment.when, config))
  const stalls = active.filter((impairment) => impairment.kind === 'stall')
  const delays = active.filter((impairment) => impairment.kind === 'step_delay')
  const [down] = active.filter((impairment) => impairment.kind === 'engine_down').sort((a, b) => a.from_s - b.from_s)
  return {
    downAt: down?.from_s ?? Number.POSITIVE_INFINITY,
    downReason: down?.reason,
    stalledUntil(now) {
      let until = now
      for (const stall of stalls) if (stall.from_s <= now && stall.until_s > until) until = stall.until_s
      return until
    },
    stepDelayS(now) {
      let delay = 0
      for (const { from_s, delay_ms } of delays) if (from_s <= now) delay += delay_ms / 1000
      return delay
    },
  }
}
