import type { Slo } from './incident-document.ts'
import { defaultSlo } from './observed-telemetry.ts'
import type { FileKind } from './recognise.ts'

/** Objectives in words. */
function objectives({ ttft_p95_s, inter_token_p99_s, served_ratio }: Slo): string {
  return `TTFT p95 ${ttft_p95_s} s, inter-token p99 ${inter_token_p99_s} s, ${100 * served_ratio} % served`
}

/** A file that an incident folder can have. */
export interface FolderPart {
  /** Kind of the file. */
  readonly kind: FileKind
  /** A name under which it is recognised. */
  readonly file: string
  /** A command that writes it. Absent: it is written by hand. */
  readonly command?: string
  /** Facts that the tools have with it. */
  readonly adds: string
}

/** The files that an incident folder can have, the most useful first. One log or one page is enough. */
export const folderParts: readonly FolderPart[] = [
  {
    kind: 'engine_log',
    file: 'vllm.log',
    command: 'kubectl logs POD > vllm.log',
    adds: 'errors of the engine, its version and arguments, and its statistics over time',
  },
  {
    kind: 'metrics_page',
    file: 'metrics-<time>.prom',
    command: 'curl -s localhost:8000/metrics > metrics-$(date -u +%Y-%m-%dT%H-%M-%SZ).prom',
    adds: 'queue, KV cache and latencies; two pages some minutes apart show the time between them',
  },
  {
    kind: 'kernel_log',
    file: 'dmesg.txt',
    command: 'dmesg --time-format iso > dmesg.txt',
    adds: 'the OOM killer, Xid errors of GPUs, lockups, and hardware errors',
  },
  {
    kind: 'journal',
    file: 'journal.txt',
    command: 'journalctl --utc -o short-iso --since "1 hour ago" > journal.txt',
    adds: 'evictions, restarts, network and storage errors of the node',
  },
  {
    kind: 'engine_arguments',
    file: 'launch.sh or deployment.yaml',
    command: 'kubectl get deployment NAME -o yaml > deployment.yaml',
    adds: 'the engine arguments, the environment and the image, which a fix changes',
  },
  {
    kind: 'gpu_table',
    file: 'gpus.csv',
    command:
      'nvidia-smi --query-gpu=index,name,driver_version,utilization.gpu,utilization.memory,memory.used,memory.total,power.draw,temperature.gpu --format=csv > gpus.csv',
    adds: 'the model, the driver, the memory and the load of each GPU',
  },
  {
    kind: 'model_config',
    file: 'config.json',
    adds: "the model's architecture, for a model that the simulation does not know by its name",
  },
  {
    kind: 'slo',
    file: 'slo.yaml',
    adds: `the objectives that a verdict judges by; default: ${objectives(defaultSlo)}`,
  },
  { kind: 'incident', file: 'incident.yaml', adds: 'the time of the incident, and facts that no other file states' },
]

/** The text of a new `incident.yaml`: every member with an example, as a comment. */
export function incidentTemplate(): string {
  const files = folderParts.map(({ file, command, adds }) =>
    [`#   ${file}: ${adds}`, ...(command === undefined ? [] : [`#     ${command}`])].join('\n'),
  )
  return `# Facts about the incident that no other file of this folder states. Every line is optional: remove the # to use it.
#
# Put these files next to this one. One log or one metrics page is enough; two pages show the most. The names are free,
# except those of incident.yaml and slo.yaml. "tenrounds check" says what was found.
${files.join('\n')}

# id: slow_answers                    # letters, digits and _; default: the name of the folder
# title: Answers became slow
# description: Users report that answers became slow at 14:05.

# The observed time, in UTC. Default: the time of the pages and the engine log.
# start: "2026-02-17T14:00:00Z"
# end: "2026-02-17T14:15:00Z"

# model: meta-llama/Llama-3.1-8B-Instruct
# vllm_version: 0.20.1
# image: vllm/vllm-openai:v0.20.1
# node: gpu-node-1
# gpu_model: NVIDIA H100 80GB HBM3
# driver_version: 580.105.08

# Limits of the container.
# host_memory_gb: 128
# cpu_cores: 16
# shm_gb: 16

# Seconds, and the share of requests that must be served.
# slo: { ttft_p95_s: 2, inter_token_p99_s: 0.2, served_ratio: 0.95 }
`
}
