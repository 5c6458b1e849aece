import type { Scenario } from '../../../fixtures/scenario.ts'
import { engineLog } from '../engine-log.ts'
import { type IncidentLogs, kernelLine, kubeletLine } from '../log-line.ts'
import { applicationXid, correctable, flappingPort, probeFailed, startOf, tooLong } from './common.ts'

/** Distractors: an application error on an unused GPU, corrected PCIe errors, a flapping port without traffic. */
export function kvCachePressure(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  return {
    vllm: [
      ...engineLog(scenario),
      ...tooLong(scenario, start + 312_400, 41_207),
      ...tooLong(scenario, start + 655_900, 36_912),
    ],
    dmesg: [
      applicationXid(start - 26_400_000, scenario),
      ...correctable(start - 3_100_000),
      ...correctable(start + 402_000),
      ...flappingPort(start + 96_000),
    ],
    journal: [probeFailed(start + 470_000, scenario), probeFailed(start + 690_000, scenario)],
  }
}

/** A healthy deployment with the usual noise. */
export function healthyControl(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  return {
    vllm: [...engineLog(scenario), ...tooLong(scenario, start + 512_000, 35_114)],
    dmesg: correctable(start - 1_900_000),
    journal: [],
  }
}

/** Distractors: an Xid of another process at night, memory pressure of a small pod, a probe of the gateway. */
export function concurrencyCap(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  const { node } = scenario.deployment.placement
  return {
    vllm: [
      ...engineLog(scenario, { accessEvery: 3 }),
      ...tooLong(scenario, start + 201_000, 17_420, 16_384),
      ...tooLong(scenario, start + 733_000, 19_002, 16_384),
    ],
    dmesg: [
      applicationXid(start - 19_800_000, scenario),
      ...correctable(start + 311_000, '0000:0d:00.0'),
      kernelLine(
        start - 5_200_000,
        'perf: interrupt took too long (4010 > 3990), lowering kernel.perf_event_max_sample_rate to 49750',
      ),
    ],
    journal: [
      probeFailed(start + 540_000, scenario),
      kubeletLine(
        start - 400_000,
        node,
        'W',
        'eviction_manager.go:371] "Eviction manager: attempting to reclaim" resourceName="ephemeral-storage"',
      ),
    ],
  }
}

/** Distractors: requests of the same feature that are too long, and a flapping port. */
export function prefillInterference(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  return {
    vllm: [
      ...engineLog(scenario, { accessEvery: 3 }),
      ...[260, 402, 611, 780].flatMap((second) => tooLong(scenario, start + second * 1000, 33_000 + second * 7)),
    ],
    dmesg: [...flappingPort(start + 122_000), ...correctable(start - 7_000_000, '0000:0d:00.0')],
    journal: [probeFailed(start + 333_000, scenario)],
  }
}

/** The engine keeps no statistics and the kernel log was not collected. The other logs show nothing. */
export function missingTelemetry(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  const { node } = scenario.deployment.placement
  return {
    vllm: [...engineLog(scenario, { accessEvery: 6 }), ...tooLong(scenario, start + 420_000, 18_831, 16_384)],
    dmesg: [],
    journal: [
      ...[30, 330, 630].map((second) =>
        kubeletLine(
          start + second * 1000,
          node,
          'W',
          'prober.go:120] "Probe failed" probeType="Liveness" pod="monitoring/dcgm-exporter-8xk2p" containerName="dcgm-exporter" probeResult="failure" output="Get \\"http://10.42.2.7:9400/health\\": dial tcp 10.42.2.7:9400: connect: connection refused"',
        ),
      ),
      probeFailed(start + 512_000, scenario),
    ],
  }
}
