/** Conditions of one measurement of the cost. */
export interface CostConditions {
  readonly bytes: number
  /** Number of runs in progress at the same time. */
  readonly concurrency: number
  readonly runs: number
  readonly latencyMs: number
}

/** The measurements of the cost. */
export const costCells = {
  'one-at-once': { bytes: 1_024, concurrency: 1, runs: 8, latencyMs: 0 },
  'sixteen-at-once': { bytes: 1_024, concurrency: 16, runs: 32, latencyMs: 0 },
  'large-results': { bytes: 16_000, concurrency: 16, runs: 16, latencyMs: 0 },
  'slow-model': { bytes: 1_024, concurrency: 16, runs: 16, latencyMs: 3_000 },
} as const satisfies Record<string, CostConditions>

/** One of {@link costCells}. */
export type CostCell = keyof typeof costCells

/** The faults, in the order in which they are measured. `unauthorized` is the last: some contenders never stop retrying. */
export const faultCells = [
  'worker-killed',
  'server-away',
  'wrong-type',
  'unknown-tool',
  'rate-limit',
  'flaky',
  'cancel',
  'unauthorized',
] as const

/** One of {@link faultCells}. */
export type FaultCell = (typeof faultCells)[number]
