import type { Scenario } from '../../../fixtures/scenario.ts'
import { modelOf } from '../../../tools/simulation/model-names.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { intervalSeconds, type WindowTransfers } from '../../../tools/simulation/window.ts'
import { engineLog, launchOf } from '../engine-log.ts'
import { api, coreOf, worker } from '../engine-process.ts'
import { engineLine, type IncidentLogs, type LogLine } from '../log-line.ts'
import { placeOf } from '../log-places.ts'
import { applicationXid, correctable, flappingPort, probeFailed, startOf, tooLong } from './common.ts'

/**
 * The decode engine reads KV blocks over the management interface. Its own log has no error: it shows deferred requests and
 * long transfers. The prefill engine releases blocks that were not read in time, and later learns that they were read
 * nevertheless. `kubectl logs --prefix` collected the log of both pods, of the prefill pod only what is not INFO.
 */
export function kvTransferTimeout(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  const { transfers } = simulate(scenario)
  if (transfers === undefined) throw new Error(`${scenario.id} has no transfers.`)
  const decode = [
    ...engineLog(scenario, { accessEvery: 4 }),
    ...connectorStart(scenario, launchOf(scenario) + 22_000),
    ...transferStatistics(scenario, start, transfers),
    ...tooLong(scenario, start + 432_000, 35_870),
  ]
  return {
    vllm: [...ofPod(decode, 'vllm-decode-0'), ...ofPod(expiries(scenario, start, transfers), 'vllm-prefill-0')],
    // Distractors: an Xid of an application, corrected PCIe errors, a port without traffic that flaps, another pod's probe.
    dmesg: [
      applicationXid(start - 15_000_000, scenario),
      ...correctable(start + 377_000),
      ...flappingPort(start + 410_000),
    ],
    journal: [probeFailed(start + 270_000, scenario)],
  }
}

/** The first characters of a request's id, which the front end draws at random. */
function requestId(number: number): string {
  const digits = (Math.imul(number + 1, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0')
  return `chatcmpl-${digits}-8f1c-4d0b-a7e2-${digits}51c4`
}

/** The lines of the decode engine when it makes its connector. */
function connectorStart(scenario: Scenario, at: number): LogLine[] {
  const id = 'c1f0a6de-4b7c-4a51-9d33-0e6a5c1b7f28'
  const { settings } = simulate(scenario)
  const ranks = Array.from({ length: settings.ranks }, (_, rank) => worker(scenario, rank))
  const core = coreOf(scenario)
  return [
    engineLine(at, core, placeOf(scenario, 'nixlAvailable'), 'NIXL is available'),
    ...ranks.flatMap((who) => [
      engineLine(
        at + 60_000,
        who,
        placeOf(scenario, 'connector'),
        `Creating v1 connector with name: NixlConnector and engine_id: ${id}`,
      ),
      engineLine(at + 2000, who, placeOf(scenario, 'nixlWrapper'), 'Initializing NIXL wrapper'),
      engineLine(at + 2000, who, placeOf(scenario, 'nixlWorker'), `Initializing NIXL worker ${id}`),
    ]),
    engineLine(at + 3000, core, placeOf(scenario, 'nixlScheduler'), `Initializing NIXL Scheduler ${id}`),
  ]
}

/** The line about the transfers of each interval (`nixl/stats.py`, `reduce`). Every worker counts its own part. */
function transferStatistics(scenario: Scenario, start: number, transfers: WindowTransfers): LogLine[] {
  const { settings, endS } = simulate(scenario)
  const layers = modelOf(scenario.deployment).layers
  const lines: LogLine[] = []
  for (let end = intervalSeconds; end <= endS; end += intervalSeconds) {
    const ended = transfers.finished.filter((one) => one.endS > end - intervalSeconds && one.endS <= end)
    if (ended.length === 0) continue
    const times = ended.map((one) => one.endS - one.startS).sort((a, b) => a - b)
    const megabytes = ended.map(({ tokens }) => (tokens * transfers.bytesPerTokenOfRank) / 2 ** 20)
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
    const mean = (values: readonly number[]) => sum(values) / values.length
    const descriptors = ended.map(({ tokens }) => 2 * layers * Math.ceil(tokens / settings.blockSize))
    const shown = {
      'Num successful transfers': ended.length * settings.tensorParallelSize,
      'Avg xfer time (ms)': rounded(mean(times) * 1000, 3),
      'P90 xfer time (ms)': rounded((times[Math.ceil(0.9 * times.length) - 1] ?? 0) * 1000, 3),
      'Avg post time (ms)': 4,
      'P90 post time (ms)': 4,
      'Avg MB per transfer': rounded(mean(megabytes), 3),
      'Throughput (MB/s)': rounded(sum(megabytes) / sum(times), 3),
      'Avg number of descriptors': rounded(mean(descriptors), 1),
    }
    const text = Object.entries(shown).map(([name, value]) => `${name}=${value}`)
    lines.push(
      engineLine(
        start + end * 1000,
        api,
        placeOf(scenario, 'transferStatistics'),
        `KV Transfer metrics: ${text.join(', ')}`,
      ),
    )
  }
  return lines
}

/** The lines of the prefill engine about blocks that were not read in time, and about late readers. */
function expiries(scenario: Scenario, start: number, transfers: WindowTransfers): LogLine[] {
  const { finished, inProgressSince, releasedAfterS } = transfers
  const { settings, endS } = simulate(scenario)
  const ends = [...finished, ...inProgressSince.map((startS) => ({ startS, endS: Number.POSITIVE_INFINITY }))]
  const late = ends.filter((one) => one.endS - one.startS > releasedAfterS && one.startS + releasedAfterS < endS)
  return late
    .toSorted((a, b) => a.startS - b.startS)
    .flatMap((one, number) =>
      Array.from({ length: settings.tensorParallelSize }, (_, rank) => {
        const who = worker(scenario, rank)
        const id = requestId(number)
        const released = `Releasing expired KV blocks for request ${id} which were retrieved by 0 decode worker(s) within ${releasedAfterS} seconds.`
        const read = `Potentially invalid KV blocks for unrecognized request ${id} were retrieved by a decode worker. They may have expired.`
        const at = (seconds: number) => start + Math.round(seconds * 1000)
        return [
          engineLine(at(one.startS + releasedAfterS), who, placeOf(scenario, 'nixlReleased'), released, 'WARNING'),
          ...(one.endS < endS ? [engineLine(at(one.endS), who, placeOf(scenario, 'nixlLateRead'), read, 'ERROR')] : []),
        ]
      }).flat(),
    )
}

/** Lines with the prefix that `kubectl logs --prefix` adds. */
function ofPod(lines: readonly LogLine[], pod: string): LogLine[] {
  return lines.map(({ time, text }) => ({ time, text: `[pod/${pod}/vllm] ${text}` }))
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
