import type { LogSource } from '../../../fixtures/scenario.ts'
import { logSources } from '../../../fixtures/scenario.ts'
import { deploymentOf, type Incident } from '../../../tools/scenario-source.ts'
import type { Telemetry } from '../../../tools/types.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import type { ReportFacts } from './report-schema.ts'
import { shellWord } from './shell-commands.ts'

type Item = ReportFacts['collect_next'][number]

/** Data that would make the diagnosis more certain, with the commands that collect it. The times are those of the incident. */
export function collectNextOf(incident: Incident | undefined, before: Telemetry, result: AgentResult): Item[] {
  const port = incident === undefined ? undefined : deploymentOf(incident).engine_args['port']
  const url = `http://127.0.0.1:${typeof port === 'number' ? port : 8000}`
  const items = [
    ...missingMetrics(before, incident, url),
    ...(incident === undefined ? [] : missingLogs(incident, before.window)),
    ...(incident !== undefined && 'observation' in incident ? unknownFacts(incident.observation.notStated) : []),
    ...openQuestions(result, before.window),
  ]
  // Several facts can need the same command.
  return items.filter(({ command }, index) => items.findIndex((item) => item.command === command) === index)
}

function missingMetrics({ missing = [] }: Telemetry, incident: Incident | undefined, url: string): Item[] {
  if (missing.length === 0) return []
  const isSwitchedOff = incident !== undefined && deploymentOf(incident).engine_args['disable_log_stats'] === true
  const first = isSwitchedOff ? ' The engine runs with --disable-log-stats, so start it without that flag first.' : ''
  return [
    {
      what: `Two metrics pages, one or more minutes apart. They have what was not observed: ${missing.join(', ')}.${first}`,
      command: `curl -fsS ${url}/metrics > metrics-$(date -u +%Y-%m-%dT%H-%M-%SZ).prom`,
    },
  ]
}

/** Commands for each log, in the time of the incident. */
function missingLogs(incident: Incident, window: Telemetry['window']): Item[] {
  const commands: { readonly [Source in LogSource]: Item } = {
    vllm: {
      what: 'The log of the engine. In Kubernetes: kubectl logs with --previous if it was restarted. With Docker: docker logs.',
      command: `journalctl -u vllm ${between(window)}`,
    },
    dmesg: {
      what: 'The kernel log of the node: errors of GPUs, memory, storage and network.',
      command: `journalctl -k ${between(window)}`,
    },
    journal: {
      what: 'The journal of the node: services, the container runtime and the kubelet.',
      command: `journalctl ${between(window)}`,
    },
  }
  return logSources.flatMap((source) => (incident.log(source) === undefined ? [commands[source]] : []))
}

/** Options of journalctl for the time of the incident. */
function between({ start, end }: Telemetry['window']): string {
  const [since, until] = [start, end].map((time) => shellWord(`${time.slice(0, 19).replace('T', ' ')} UTC`))
  return `--since ${since} --until ${until}`
}

/** Commands for facts of the deployment that no file states, by the start of their path. */
const factCommands: readonly (readonly [path: string, item: Item])[] = [
  ['engine_args', { what: 'The arguments of the engine.', command: "ps -ww -eo args= | grep '[v]llm'" }],
  ['model', { what: 'The served model.', command: 'curl -fsS http://127.0.0.1:8000/v1/models' }],
  ['vllm_version', { what: 'The version of vLLM.', command: 'curl -fsS http://127.0.0.1:8000/version' }],
  ['placement.gpu', { what: 'Model, driver, memory and errors of the GPUs.', command: 'nvidia-smi -q' }],
  ['placement.driver_version', { what: 'Model, driver, memory and errors of the GPUs.', command: 'nvidia-smi -q' }],
  ['resources.shm_gb', { what: 'The size of the shared memory.', command: 'df -h /dev/shm' }],
  ['resources.cpu_cores', { what: 'The number of CPU cores, within the container.', command: 'nproc' }],
  [
    'resources.host_memory_gb',
    { what: 'The memory limit of the container.', command: 'cat /sys/fs/cgroup/memory.max' },
  ],
]

function unknownFacts(notStated: readonly string[]): Item[] {
  return factCommands.flatMap(([path, item]) => (notStated.some((stated) => stated.startsWith(path)) ? [item] : []))
}

/** Words of an open question, and the data that answers it. */
const questions: readonly (readonly [words: RegExp, item: Item])[] = [
  [
    /\blink|cable|switch|infiniband|\bport\b/i,
    { what: 'State and error counters of the InfiniBand links.', command: 'ibstat && perfquery' },
  ],
  [
    /leak|which process|grows/i,
    {
      what: 'Memory over time: of the processes, and of the GPUs.',
      command: 'nvidia-smi --query-gpu=timestamp,index,memory.used --format=csv -l 60',
    },
  ],
  [
    /environment of (?:the )?(?:other )?ranks|NCCL/i,
    { what: 'The NCCL variables of each rank: run it on every node.', command: 'env | grep NCCL_' },
  ],
  [/file server|\bnfs\b|mount/i, { what: 'Mounts of file servers, and their timeouts.', command: 'nfsstat -m' }],
  [/driver|image/i, { what: 'Driver and CUDA versions of the node.', command: 'nvidia-smi -q' }],
  [
    /disk|storage/i,
    { what: 'Space of the disks, and who uses it.', command: 'df -h && du -xh --max-depth=1 /var/lib' },
  ],
]

/** Data for the uncertainties of the diagnosis, and for a fault of hardware. */
function openQuestions({ diagnosis, fix_plan: plan }: AgentResult, window: Telemetry['window']): Item[] {
  const words = diagnosis.uncertainties.join(' ')
  const asked = questions.flatMap(([pattern, item]) => (pattern.test(words) ? [item] : []))
  const isHardware = (plan?.actions ?? []).some(({ action }) => action === 'drain_node' || action === 'reset_gpu')
  if (!isHardware) return asked
  return [
    ...asked,
    { what: 'The state of the GPUs, for the ticket.', command: 'nvidia-smi -q > nvidia-smi.txt' },
    {
      what: 'A test of the GPUs, on the emptied node. It takes some minutes and needs idle GPUs.',
      command: 'dcgmi diag -r 3',
    },
    { what: 'The kernel log of the node, for the ticket.', command: `journalctl -k ${between(window)}` },
  ]
}
