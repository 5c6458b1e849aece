import { MismatchError } from '../errors.ts'
import { labelValues, observedSamples } from '../prometheus/metric-values.ts'
import { areSwapped, notOneServer } from '../prometheus/one-server.ts'
import type { MetricSample } from '../types.ts'

/**
 * Checks that a scrape is of one server.
 *
 * @param field path of the samples in the input, for the message.
 * @throws {MismatchError} if it is of several servers or scrapes.
 */
export function checkScrape(field: string, samples: readonly MetricSample[]): void {
  const found = notOneServer(observedSamples(samples))
  // Without any metric of vLLM, the hotspot is unknown.
  if (found?.reason === 'other_server') throw new MismatchError(`${field} ${found.problem}`)
}

/**
 * Checks that two scrapes are of one server and in order.
 *
 * @throws {MismatchError} if they are of different servers or swapped.
 */
export function checkScrapes(earlier: readonly MetricSample[], later: readonly MetricSample[]): void {
  for (const label of ['model_name', 'engine']) {
    const [from, to] = [labelValues(earlier, label), labelValues(later, label)]
    // An empty page shows nothing about its server.
    if (from === to || from === '' || to === '') continue
    throw new MismatchError(
      `earlier_samples has ${label} ${from}, but prometheus_samples has ${to}: they are of different servers. ` +
        'Pass an earlier scrape of the same server, or leave it out.',
    )
  }
  const [from, to] = [earlier, later].map((samples) => samples.find(({ timestamp_ms }) => timestamp_ms !== undefined))
  const isOlder = (from?.timestamp_ms ?? 0) > (to?.timestamp_ms ?? Number.POSITIVE_INFINITY)
  if (isOlder || areSwapped(earlier, later)) {
    throw new MismatchError(
      'earlier_samples is the later one of the two: ' +
        (isOlder
          ? `its timestamp is ${from?.timestamp_ms}, and that of prometheus_samples is ${to?.timestamp_ms}.`
          : 'its counters are higher in the same process.') +
        ' Exchange the two.',
    )
  }
}
