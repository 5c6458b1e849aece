import type { Scenario } from '../../../fixtures/scenario.ts'
import { engineLog, launchOf } from '../engine-log.ts'
import { api } from '../engine-process.ts'
import { engineLine, type IncidentLogs } from '../log-line.ts'
import { applicationXid, correctable, flappingPort, probeFailed, startOf, tooLong } from './common.ts'

/**
 * One of four engines is full. No line says why: vLLM does not log which rank a request asks for. The stats lines of the
 * engines are the only sign, and the idle engines write fewer of them.
 */
export function dataParallelImbalance(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  // The API server starts the coordinator before the engines.
  const launched = launchOf(scenario) + 8000
  return {
    vllm: [
      ...engineLog(scenario, { accessEvery: 4 }),
      // `vllm/v1/engine/utils.py` of 0.17.1.
      engineLine(launched, api, 'utils.py:865', 'Started DP Coordinator process (PID: 263)'),
      ...tooLong(scenario, start + 377_000, 18_204, 16_384),
    ],
    // Distractors: an Xid of an application, corrected PCIe errors, a port without traffic that flaps, another pod's probe.
    dmesg: [
      applicationXid(start - 15_000_000, scenario),
      ...correctable(start + 411_000),
      ...flappingPort(start + 96_000),
    ],
    journal: [probeFailed(start + 240_000, scenario)],
  }
}
