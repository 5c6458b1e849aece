/**
 * Writes the logs and the metrics pages of the built-in scenarios from the simulation, so that they agree with the
 * telemetry:
 *
 *     npx tsx tests/support/write-scenario-logs.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { loadScenario } from '../../fixtures/load-scenario.ts'
import type { Scenario } from '../../fixtures/scenario.ts'
import { vllmPage } from '../../tools/prometheus/vllm-page.ts'
import { dataParallelImbalance } from './incident-logs/data-parallel-imbalance.ts'
import { eagerDecode } from './incident-logs/eager-decode.ts'
import { engineStartupHang } from './incident-logs/engine-startup-hang.ts'
import { ephemeralStorageEviction } from './incident-logs/ephemeral-storage-eviction.ts'
import { cudaEccUncorrectable, nvidiaXid } from './incident-logs/gpu-errors.ts'
import { kvCacheCrashLoop } from './incident-logs/kv-cache-crash-loop.ts'
import { kvTransferTimeout } from './incident-logs/kv-transfer-timeout.ts'
import { linuxCpuSoftLockup } from './incident-logs/linux-cpu-soft-lockup.ts'
import { linuxOomKiller } from './incident-logs/linux-oom-killer.ts'
import {
  concurrencyCap,
  healthyControl,
  kvCachePressure,
  missingTelemetry,
  prefillInterference,
} from './incident-logs/load-incidents.ts'
import { ncclNetIbErrors, ncclNetSocketTruncated } from './incident-logs/nccl-errors.ts'
import { slowTokenizer } from './incident-logs/slow-tokenizer.ts'
import { speculativeDecodingCollapse } from './incident-logs/speculative-decoding-collapse.ts'
import { tensorParallelHang } from './incident-logs/tensor-parallel-hang.ts'
import { vllmCudaOom } from './incident-logs/vllm-cuda-oom.ts'
import type { IncidentLogs, LogLine } from './log-line.ts'
import { journal, kernelLog } from './node-log.ts'

/** The author of the logs of each built-in scenario. */
const incidents: { readonly [scenario: string]: (scenario: Scenario) => IncidentLogs } = {
  concurrency_cap: concurrencyCap,
  cuda_ecc_uncorrectable: cudaEccUncorrectable,
  data_parallel_imbalance: dataParallelImbalance,
  eager_decode: eagerDecode,
  engine_startup_hang: engineStartupHang,
  ephemeral_storage_eviction: ephemeralStorageEviction,
  healthy_control: healthyControl,
  kv_cache_crash_loop: kvCacheCrashLoop,
  kv_cache_pressure: kvCachePressure,
  kv_transfer_timeout: kvTransferTimeout,
  linux_cpu_soft_lockup: linuxCpuSoftLockup,
  linux_oom_killer: linuxOomKiller,
  missing_telemetry: missingTelemetry,
  nccl_net_ib_errors: ncclNetIbErrors,
  nccl_net_socket_truncated: ncclNetSocketTruncated,
  nvidia_xid: nvidiaXid,
  prefill_interference: prefillInterference,
  slow_tokenizer: slowTokenizer,
  speculative_decoding_collapse: speculativeDecodingCollapse,
  tensor_parallel_hang: tensorParallelHang,
  vllm_cuda_oom: vllmCudaOom,
}

for (const [id, incident] of Object.entries(incidents)) {
  const scenario = loadScenario(id)
  const written = incident(scenario)
  write(scenario.logs.vllm, written.vllm)
  write(scenario.logs.dmesg, [...kernelLog(scenario), ...written.dmesg])
  write(scenario.logs.journal, [...journal(scenario), ...written.journal])
  if (scenario.metrics !== undefined) save(scenario.metrics, vllmPage(scenario))

  function write(file: string | undefined, lines: readonly LogLine[]): void {
    if (file === undefined) return
    const end = Date.parse(scenario.window.start) + scenario.window.duration_s * 1000
    const ordered = lines.filter(({ time }) => time < end + 1).toSorted((a, b) => a.time - b.time)
    save(file, `${ordered.map(({ text }) => text).join('\n')}\n`)
  }
}

function save(file: string, text: string): void {
  const target = new URL(`../../fixtures/${file}`, import.meta.url)
  mkdirSync(new URL('./', target), { recursive: true })
  writeFileSync(target, text)
}
