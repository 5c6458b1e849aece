import type { Scenario } from '../../../fixtures/scenario.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { engineLog, launchOf } from '../engine-log.ts'
import { worker } from '../engine-process.ts'
import { engineLine, type IncidentLogs, journalLine, kubeletLine, type LogLine } from '../log-line.ts'
import { placeOf } from '../log-places.ts'
import { applicationXid, correctable, deathOf, flappingPort, startOf, tooLong } from './common.ts'

/**
 * LMCache writes KV blocks to the disk of the node until the kubelet evicts the pod. The kill comes without a grace period,
 * so the engine's log ends in the middle of service, and the kernel has nothing to report. Only the kubelet names the cause.
 */
export function ephemeralStorageEviction(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  const death = deathOf(scenario)
  const connector = 'Creating v1 connector with name: LMCacheConnectorV1 and engine_id: 6f0b1d'
  return {
    vllm: [
      ...engineLog(scenario, { accessEvery: 2 }),
      engineLine(launchOf(scenario) + 22_000, worker(scenario, 0), placeOf(scenario, 'connector'), connector),
      ...stores(scenario, start),
      ...tooLong(scenario, start + 205_000, 37_210),
    ].filter(({ time }) => time < death),
    // Distractors: an Xid of an application, corrected PCIe errors, a port without traffic that flaps.
    dmesg: [
      applicationXid(start - 12_000_000, scenario),
      ...correctable(start + 75_000),
      ...flappingPort(start + 410_000),
    ],
    journal: [...imageCollection(scenario, start + 570_000), ...eviction(scenario, death)],
  }
}

/** LMCache's messages about prompts that it wrote, in chunks of 256 tokens. */
function stores(scenario: Scenario, start: number): LogLine[] {
  const chunk = 256
  return simulate(scenario)
    .finished.filter((_, index) => index % 5 === 0)
    .map(({ atS, promptTokens }, index) => {
      const time = start + Math.round(atS * 1000)
      const clock = new Date(time).toISOString().slice(0, 23).replace('T', ' ').replace('.', ',')
      const tokens = Math.floor(promptTokens / chunk) * chunk
      const message = `Storing KV cache for ${tokens} out of ${tokens} tokens for request chatcmpl-${(7_340_000 + index * 5).toString(16)}`
      const place = 'vllm_v1_adapter.py:511:lmcache.integration.vllm.vllm_v1_adapter'
      return { time, text: `${worker(scenario, 0)} [${clock}] LMCache INFO: ${message} (${place})` }
    })
}

/** The kubelet looks for images that it can delete when the disk is 85 % full. */
function imageCollection({ deployment }: Scenario, time: number): LogLine[] {
  const { node } = deployment.placement
  return [
    kubeletLine(
      time,
      node,
      'I',
      'image_gc_manager.go:383] "Disk usage on image filesystem is over the high threshold, trying to free bytes down to the low threshold" usage=86 highThreshold=85 amountToFree=57611827445 lowThreshold=80',
    ),
    kubeletLine(
      time + 400,
      node,
      'E',
      'kubelet.go:1513] "Image garbage collection failed once. Stats initialization may not have completed yet" err="Failed to garbage collect required amount of images. Attempted to free 57611827445 bytes, but only found 0 bytes eligible to free."',
    ),
  ]
}

/** The eviction in the words of a kubelet of 1.31. */
function eviction(scenario: Scenario, death: number): LogLine[] {
  const { node } = scenario.deployment.placement
  const kubelet = (after: number, text: string, letter = 'I') => kubeletLine(death + after, node, letter, text)
  const { reason } = simulate(scenario).engine
  const iso = new Date(death).toISOString().slice(0, 19)
  return [
    kubelet(
      -9000,
      'eviction_manager.go:376] "Eviction manager: attempting to reclaim" resourceName="ephemeral-storage"',
      'W',
    ),
    kubelet(-8900, 'container_gc.go:88] "Attempting to delete unused containers"'),
    kubelet(-8700, 'image_gc_manager.go:431] "Attempting to delete unused images"'),
    kubelet(
      -8100,
      'eviction_manager.go:387] "Eviction manager: must evict pod(s) to reclaim" resourceName="ephemeral-storage"',
    ),
    kubelet(
      -8000,
      `eviction_manager.go:405] "Eviction manager: pods ranked for eviction" pods=["serving/vllm-0","logging/fluent-bit-x2k","kube-system/kube-proxy-${node}"]`,
    ),
    kubelet(
      -7900,
      `event.go:389] "Event occurred" object="serving/vllm-0" kind="Pod" type="Warning" reason="Evicted" message="${reason}"`,
      'W',
    ),
    kubelet(
      -100,
      'kuberuntime_container.go:808] "Killing container with a grace period" pod="serving/vllm-0" containerName="vllm" gracePeriod=1',
    ),
    journalLine(
      death + 200,
      node,
      'containerd[1846]',
      `time="${iso}Z" level=info msg="shim disconnected" id=7f0c21aa94de0 namespace=k8s.io`,
    ),
    kubelet(
      400,
      'kuberuntime_container.go:808] "Container exited" pod="serving/vllm-0" containerName="vllm" exitCode=137',
    ),
    kubelet(900, 'eviction_manager.go:629] "Eviction manager: pod is evicted successfully" pod="serving/vllm-0"'),
    kubelet(
      1200,
      `kubelet_node_status.go:724] "Recording event message for node" node="${node}" event="NodeHasDiskPressure"`,
    ),
  ]
}
