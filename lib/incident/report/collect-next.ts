import type { DeploymentConfig } from '../../../fixtures/deployment.ts'
import type { LogSource } from '../../../fixtures/scenario.ts'
import { logSources } from '../../../fixtures/scenario.ts'
import { deploymentOf, type Incident, unknown } from '../../../tools/scenario-source.ts'
import type { Telemetry } from '../../../tools/types.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import { hostsOf } from './host-steps.ts'
import type { ReportFacts } from './report-schema.ts'
import { engineUrl, kubectl, type Pod, type RunningEngine, runningEngine, unseenEngine } from './running-engine.ts'
import { shellWord } from './shell-commands.ts'

type Item = ReportFacts['collect_next'][number]

/** The start of an item whose data the fix destroys. */
export const beforeFix = 'Before the fix'

/**
 * Data that would make the diagnosis more certain, with the commands that collect it. The times are those of the incident.
 * The first items are those that the fix destroys, and those that decide between causes.
 *
 * @param isBroken whether the engine failed, so that it answers no request.
 */
export function collectNextOf(
  incident: Incident | undefined,
  before: Telemetry,
  result: AgentResult,
  isBroken = false,
): Item[] {
  const config = incident === undefined ? undefined : deploymentOf(incident)
  const running = incident === undefined ? unseenEngine : runningEngine(incident)
  const url = engineUrl(running)
  const items = [
    ...openQuestions({ result, before, config, running, isBroken }),
    // An engine that failed serves no metrics.
    ...(isBroken && result.fix_plan !== null ? [] : missingMetrics(before, incident, url)),
    ...(incident === undefined ? [] : missingLogs(incident, before.window)),
    ...(incident !== undefined && 'observation' in incident ? unknownFacts(incident.observation.notStated, url) : []),
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
const factCommands = (url: string): readonly (readonly [path: string, item: Item])[] => [
  ['engine_args', { what: 'The arguments of the engine.', command: "ps -ww -eo args= | grep '[v]llm'" }],
  ['model', { what: 'The served model.', command: `curl -fsS ${url}/v1/models` }],
  ['vllm_version', { what: 'The version of vLLM.', command: `curl -fsS ${url}/version` }],
  ['placement.gpu', { what: 'Model, driver, memory and errors of the GPUs.', command: 'nvidia-smi -q' }],
  ['placement.driver_version', { what: 'Model, driver, memory and errors of the GPUs.', command: 'nvidia-smi -q' }],
  ['resources.shm_gb', { what: 'The size of the shared memory.', command: 'df -h /dev/shm' }],
  ['resources.cpu_cores', { what: 'The number of CPU cores, within the container.', command: 'nproc' }],
  [
    'resources.host_memory_gb',
    { what: 'The memory limit of the container.', command: 'cat /sys/fs/cgroup/memory.max' },
  ],
]

function unknownFacts(notStated: readonly string[], url: string): Item[] {
  return factCommands(url).flatMap(([path, item]) =>
    notStated.some((stated) => stated.startsWith(path)) ? [item] : [],
  )
}

/** A question to the node of the engine. */
interface Question extends Item {
  /** Where the command runs: the node of the engine, all nodes of the deployment, or where kubectl works. */
  readonly on: 'node' | 'all nodes' | 'anywhere'
  /** Whether the answer is lost with a restart or a reset. */
  readonly isLost?: true
}

/** Words of an open question, and the data that answers it. */
const questions: readonly (readonly [words: RegExp, question: Question])[] = [
  [
    /environment of (?:the )?(?:other )?ranks|NCCL/i,
    {
      what: 'the NCCL variables of the running ranks',
      command:
        "for pid in $(pgrep -f 'VLLM::|RayWorkerWrapper'); do echo \"process $pid\"; tr '\\0' '\\n' < /proc/$pid/environ | grep ^NCCL_; done",
      on: 'all nodes',
      isLost: true,
    },
  ],
  [
    /leak|which process|grows/i,
    {
      what: 'the memory of the processes, on the host and on the GPUs',
      command: 'ps -eo pid,rss,args --sort=-rss | head; nvidia-smi --query-compute-apps=pid,used_memory --format=csv',
      on: 'node',
      isLost: true,
    },
  ],
  [
    /\blink|cable|switch|infiniband|\bport\b/i,
    { what: 'state and error counters of the InfiniBand links', command: 'ibstat && perfquery', on: 'all nodes' },
  ],
  [
    /file server|\bnfs\b|mount/i,
    { what: 'mounts of file servers, and their timeouts', command: 'nfsstat -m', on: 'node' },
  ],
  [
    /driver|image/i,
    { what: 'driver and CUDA versions of the host', command: "nvidia-smi | grep 'CUDA Version'", on: 'node' },
  ],
  [
    /disk|storage/i,
    { what: 'space of the disks, and who uses it', command: 'df -h && du -xh --max-depth=1 /var/lib', on: 'node' },
  ],
]

/** Where the stacks of a process that waits show what it waits for. */
const stacks: Question = {
  what: 'what the processes of the engine wait for (their stacks)',
  command: 'for pid in $(pgrep -f VLLM::); do py-spy dump --pid $pid; done',
  on: 'node',
  isLost: true,
}

/** A reset clears counters and pending remaps. */
const gpuState: Question = {
  what: 'the state of the GPUs, for the ticket',
  command: 'nvidia-smi -q > nvidia-smi.txt',
  on: 'node',
  isLost: true,
}

/** Facts that decide which questions are open. */
interface Situation {
  /** Diagnosis and fix. */
  readonly result: AgentResult
  /** Telemetry of the window. */
  readonly before: Telemetry
  /** The deployment; `undefined` if the incident is not known. */
  readonly config: DeploymentConfig | undefined
  /** The engine as the logs show it. */
  readonly running: RunningEngine
  /** Whether the engine failed. */
  readonly isBroken: boolean
}

/** Data for the uncertainties of the diagnosis, and for a fault of hardware. What the fix destroys comes first. */
function openQuestions({ result, before, config, running: { manager }, isBroken }: Situation): Item[] {
  const { diagnosis, fix_plan: plan } = result
  const words = diagnosis.uncertainties.join(' ')
  const actions = plan?.actions ?? []
  // Whether the ranks differ decides whether it helps to align them.
  const topics = actions.some(({ action }) => action === 'align_nccl_env') ? `${words} NCCL` : words
  const { stuck_workers: stuck, no_progress_s } = before.health
  const hangs =
    (stuck ?? 0) > 0 ||
    no_progress_s !== undefined ||
    /\b(?:hang|hangs|hung|stuck)\b/i.test(`${words} ${diagnosis.root_cause}`)
  const isHardware = actions.some(({ action }) => action === 'drain_node' || action === 'reset_gpu')
  const asked = [
    ...(hangs ? [stacks] : []),
    ...(isHardware ? [gpuState] : []),
    ...(isBroken && manager?.kind === 'pod' ? [containerLogs(manager)] : []),
    ...questions.flatMap(([pattern, question]) => (pattern.test(topics) ? [question] : [])),
  ]
  const isChanged = actions.some(({ action }) => action !== 'no_change')
  const [first, later] = [asked.filter(({ isLost }) => isLost === true), asked.filter(({ isLost }) => isLost !== true)]
  const worded = [...first, ...later].map(({ what, command, on, isLost }) => {
    const start =
      isLost === true && isChanged ? `${beforeFix}: ${what}` : `${what.charAt(0).toUpperCase()}${what.slice(1)}`
    return { what: `${start}${placeOf(config, on)}.`, command }
  })
  if (!isHardware) return worded
  return [
    ...worded,
    {
      what: 'A test of the GPUs, on the emptied node. It takes some minutes and needs idle GPUs.',
      command: 'dcgmi diag -r 3',
    },
    {
      what: `The kernel log, for the ticket${placeOf(config, 'node')}.`,
      command: `journalctl -k ${between(before.window)}`,
    },
  ]
}

/**
 * A container keeps its log, and that of its run before, only until the next restart. After a crash the reason is in the
 * earlier log, and in a hang it is in the present one.
 */
function containerLogs(pod: Pod): Question {
  const logs = `${kubectl(pod)} logs ${pod.name} -c ${pod.container}`
  return {
    what: 'the log of the container, and that of its run before if it was restarted',
    command: `${logs} > vllm.log; ${logs} --previous > vllm-previous.log`,
    on: 'anywhere',
    isLost: true,
  }
}

/** Where a command runs, in words. */
function placeOf(config: DeploymentConfig | undefined, on: Question['on']): string {
  if (config === undefined || on === 'anywhere') return ''
  const nodes = hostsOf(config).map(({ node }) => node)
  if (nodes[0] === unknown) return ''
  return on === 'node' || nodes.length === 1 ? `, on ${nodes[0]}` : `, on each node (${nodes.join(', ')})`
}
