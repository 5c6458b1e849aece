import type { Scenario } from '../../../fixtures/scenario.ts'
import { engineLog, launchOf } from '../engine-log.ts'
import { api } from '../engine-process.ts'
import { engineLine, type IncidentLogs } from '../log-line.ts'
import { applicationXid, correctable, flappingPort, probeFailed, startOf, tooLong } from './common.ts'

/** The engine runs without CUDA graphs. It says so once, when it starts; nothing in the logs is an error. */
export function eagerDecode(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  // Checks of the configuration come some seconds after the first line of the log.
  const checked = launchOf(scenario) + 5000
  const warn = (where: string, text: string) => engineLine(checked, api, where, text, 'WARNING')
  return {
    vllm: [
      ...engineLog(scenario, { accessEvery: 3 }),
      warn(
        'vllm.py:781',
        'Enforce eager set, disabling torch.compile and CUDAGraphs. This is equivalent to setting -cc.mode=none -cc.cudagraph_mode=none',
      ),
      engineLine(checked, api, 'vllm.py:957', 'Cudagraph is disabled under eager mode'),
      ...tooLong(scenario, start + 512_000, 34_480),
    ],
    // Distractors: an Xid of an application, corrected PCIe errors, a port without traffic that flaps, another pod's probe.
    dmesg: [
      applicationXid(start - 9_000_000, scenario),
      ...correctable(start + 207_000),
      ...flappingPort(start + 700_000),
    ],
    journal: [probeFailed(start + 120_000, scenario)],
  }
}
