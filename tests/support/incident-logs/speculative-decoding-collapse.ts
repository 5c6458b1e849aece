import type { Scenario } from '../../../fixtures/scenario.ts'
import { engineLog } from '../engine-log.ts'
import type { IncidentLogs } from '../log-line.ts'
import { applicationXid, correctable, flappingPort, probeFailed, startOf, tooLong } from './common.ts'

/** Nothing in the logs is an error: only the engine's line about its drafts shows that few are accepted, since the window opened. */
export function speculativeDecodingCollapse(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  return {
    vllm: [
      ...engineLog(scenario, { accessEvery: 12 }),
      ...tooLong(scenario, start + 268_000, 17_020, 16_384),
      ...tooLong(scenario, start + 431_000, 18_400, 16_384),
    ],
    // Distractors: an Xid of an application, corrected PCIe errors, a port without traffic that flaps, another pod's probe.
    dmesg: [
      applicationXid(start - 15_000_000, scenario),
      ...correctable(start + 155_000),
      ...flappingPort(start + 402_000),
    ],
    journal: [probeFailed(start + 380_000, scenario)],
  }
}
