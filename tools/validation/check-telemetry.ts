import { MismatchError } from '../errors.ts'
import type { Telemetry } from '../types.ts'

/**
 * @param field where the telemetry stands in the input, for the message.
 * @throws {MismatchError} when a telemetry contradicts itself.
 */
export function checkTelemetry(field: string, { requests, window, latency }: Telemetry): void {
  const { arrived, served, failed, unfinished } = requests
  if (served + failed + unfinished !== arrived) {
    throw new MismatchError(
      `${field}.requests contradicts itself: served ${served} + failed ${failed} + unfinished ${unfinished} is not arrived ${arrived}.`,
    )
  }
  for (const [name, { count, p50, p95, p99 }] of Object.entries(latency)) {
    const ascending = p50 === null || p95 === null || p99 === null || (p50 <= p95 && p95 <= p99)
    if (!ascending || (count === 0 && p50 !== null)) {
      throw new MismatchError(
        `${field}.latency.${name} contradicts itself: count ${count}, p50 ${p50}, p95 ${p95}, p99 ${p99}.`,
      )
    }
  }
  const lasts = (Date.parse(window.end) - Date.parse(window.start)) / 1000
  if (lasts <= 0) {
    throw new MismatchError(`${field}.window ends at ${window.end}, not after its start ${window.start}.`)
  }
  // Times are written to the millisecond.
  if (Math.abs(lasts - window.duration_s) > 0.001) {
    throw new MismatchError(
      `${field}.window.duration_s is ${window.duration_s}, but from start to end it is ${lasts} s.`,
    )
  }
}
