import type { Scenario } from '../../../fixtures/scenario.ts'
import { engineLog, launchOf } from '../engine-log.ts'
import { api } from '../engine-process.ts'
import { engineLine, type IncidentLogs } from '../log-line.ts'
import { applicationXid, correctable, flappingPort, probeFailed, startOf, tooLong } from './common.ts'

/**
 * The API server tokenizes with the slow tokenizer. The only sign in the logs is a warning at the start: the engine itself
 * is healthy, and its stats line shows few running and no waiting requests.
 */
export function slowTokenizer(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  // The API server loads the tokenizer when it starts.
  const loaded = launchOf(scenario) + 6000
  const warning =
    'Using a slow tokenizer. This might cause a significant slowdown. Consider using a fast tokenizer instead.'
  return {
    vllm: [
      ...engineLog(scenario, { accessEvery: 3 }),
      engineLine(loaded, api, 'registry.py:223', warning, 'WARNING'),
      ...tooLong(scenario, start + 188_000, 36_020),
      ...tooLong(scenario, start + 640_000, 41_900),
    ],
    // Distractors: an Xid of an application, corrected PCIe errors, a port without traffic that flaps, another pod's probe.
    dmesg: [
      applicationXid(start - 21_000_000, scenario),
      ...correctable(start + 301_000),
      ...flappingPort(start - 88_000),
    ],
    journal: [probeFailed(start + 412_000, scenario)],
  }
}
