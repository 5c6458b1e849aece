import type { Scenario } from '../../../fixtures/scenario.ts'
import { compareVersions } from '../../../tools/arguments/version.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { clients } from '../engine-log.ts'
import { api, coreOf } from '../engine-process.ts'
import { engineLine, journalLine, kernelLine, kernelLines, kubeletLine, type LogLine } from '../log-line.ts'
import { placeOf, writes } from '../log-places.ts'

/** Version of the kernel, as its messages show it. */
export const kernel = '5.15.0-140-generic #150-Ubuntu'
/** Mainboard and BIOS, as the kernel shows them. */
export const hardware = 'Supermicro SYS-821GE-TNHR/X13DEG-OAD, BIOS 2.1 08/30/2024'

/** Start of the window in Unix milliseconds. */
export function startOf(scenario: Scenario): number {
  return Date.parse(scenario.window.start)
}

/** End of the window in Unix milliseconds. */
export function endOf(scenario: Scenario): number {
  return startOf(scenario) + scenario.window.duration_s * 1000
}

/** Time of the engine's death in Unix milliseconds. */
export function deathOf(scenario: Scenario): number {
  const { downAtS } = simulate(scenario).engine
  if (downAtS === undefined) throw new Error(`The engine of ${scenario.id} does not die.`)
  return startOf(scenario) + Math.round(downAtS * 1000)
}

/**
 * A request that is too long: a mistake of the client, and the only ERROR in many healthy logs. Since 0.18 vLLM refuses it
 * without a message.
 */
export function tooLong(scenario: Scenario, time: number, tokens: number, limit = 32_768): LogLine[] {
  const since = (version: string) => compareVersions(scenario.deployment.vllm_version, version) >= 0
  const refused = {
    time,
    text: `${api} INFO:     10.42.3.77:${32_768 + ((tokens * 7) % 28_000)} - "POST /v1/chat/completions HTTP/1.1" 400 Bad Request`,
  }
  if (!writes(scenario, 'badPrompt')) return [refused]
  const error = since('0.15.0')
    ? `vllm.exceptions.VLLMValidationError: ${tooLongText(scenario, tokens, limit)} (parameter=input_tokens, value=${tokens})`
    : `ValueError: ${tooLongText(scenario, tokens, limit)}`
  const add = (text: string) => engineLine(time, api, placeOf(scenario, 'badPrompt'), text, 'ERROR')
  return [add('Error in preprocessing prompt inputs'), add('Traceback (most recent call last):'), add(error), refused]
}

/** Words of the refusal: 0.16 counts the output that the request asks for. */
function tooLongText({ deployment, load }: Scenario, tokens: number, limit: number): string {
  if (compareVersions(deployment.vllm_version, '0.16.0') >= 0) {
    const output = load.output_tokens.max
    return `You passed ${tokens} input tokens and requested ${output} output tokens. However, the model's context length is only ${limit} tokens, resulting in a maximum input length of ${limit - output} tokens. Please reduce the length of the input prompt.`
  }
  return `This model's maximum context length is ${limit} tokens. However, your request has ${tokens} input tokens. Please reduce the length of the input messages.`
}

/** The engine core has waited another minute for its workers. */
export function noBroadcastBlock(scenario: Scenario, time: number): LogLine {
  const cause =
    'This typically happens when some processes are hanging or doing some time-consuming work (e.g. compilation, weight/kv cache quantization).'
  const text = `No available shared memory broadcast block found in 60 seconds. ${cause}`
  return engineLine(time, coreOf(scenario), placeOf(scenario, 'noBroadcastBlock'), text)
}

/** PCIe errors that the link corrected, as noise. */
export function correctable(time: number, device = '0000:4b:00.0'): LogLine[] {
  return kernelLines(time, [
    `pcieport 0000:4a:01.0: AER: Corrected error received: ${device}`,
    `mlx5_core ${device}: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)`,
  ])
}

/** Address of a GPU of the scenario's node as the driver writes it: without the function. */
export function addressOf({ id, node_gpus }: Scenario, gpu: number): string {
  const address = node_gpus?.pci_bus_ids[gpu]
  if (address === undefined) throw new Error(`The node of ${id} has no GPU ${gpu}.`)
  return address.replace(/\.0$/, '')
}

/** An Xid of an application on the last GPU of the node, before the deployment came. */
export function applicationXid(time: number, scenario: Scenario): LogLine {
  const address = addressOf(scenario, (scenario.deployment.placement.gpus ?? []).length - 1)
  return kernelLine(time, `NVRM: Xid (PCI:${address}): 43, pid=71822, name=python3, Ch 00000008`)
}

/** A network port without traffic that goes down and up again. */
export function flappingPort(time: number, port = '0000:9a:00.1 ens3f1np1'): LogLine[] {
  return [kernelLine(time, `mlx5_core ${port}: Link down`), kernelLine(time + 3000, `mlx5_core ${port}: Link up`)]
}

/** A failed readiness probe of another pod. */
export function probeFailed(time: number, scenario: Scenario, pod = 'serving/chat-gateway-6c9f'): LogLine {
  return kubeletLine(
    time,
    scenario.deployment.placement.node,
    'W',
    `prober.go:120] "Probe failed" probeType="Readiness" pod="${pod}" containerName="gateway" probeResult="failure" output="Get \\"http://10.42.1.19:8080/ready\\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"`,
  )
}

/** A container that exits, and that kubelet restarts until the window ends. Times are Unix milliseconds. */
export interface CrashLoop {
  /** Starts after an exit. Kubelet waits 10 s before the first, and twice as long before each further one. */
  readonly starts: readonly number[]
  /** Exits, the first one included. */
  readonly exits: readonly number[]
}

/** The crash loop of a container that exits at `firstExit` and runs for `failsAfterS` seconds after each restart. */
export function crashLoop(scenario: Scenario, firstExit: number, failsAfterS: number): CrashLoop {
  const starts: number[] = []
  const exits = [firstExit]
  for (let exit = firstExit; ; ) {
    const at = exit + backOffS(starts.length) * 1000
    if (at >= endOf(scenario)) break
    starts.push(at)
    exit = at + failsAfterS * 1000
    if (exit >= endOf(scenario)) break
    exits.push(exit)
  }
  return { starts, exits }
}

/** Seconds that kubelet waits before restart number `attempt`. */
function backOffS(attempt: number): number {
  return Math.min(300, 10 * 2 ** attempt)
}

/** The lines of all restarts. `attempt` gives those of one, with the processes and ports of the first start. */
export function restarts(
  { starts }: CrashLoop,
  attempt: (at: number, number: number) => readonly LogLine[],
): LogLine[] {
  return starts.flatMap((at, index) => restarted(attempt(at, index + 1), index + 1))
}

/** Lines of a process that was started again: it has other process ids and ports than the first time. */
export function restarted(lines: readonly LogLine[], attempt: number): LogLine[] {
  const shift = attempt * 29
  // The API server is process 1 of its container after each start.
  const moved = (number: string) => String(Number(number) === 1 ? 1 : Number(number) + shift)
  return lines.map(({ time, text }) => ({
    time,
    text: text
      .replace(/(?<=\bpid=)\d+/g, moved)
      .replace(/(?<=[a-z]-node-\d+:)(\d+):(\d+)(?= \[)/, (_, pid, thread) => `${moved(pid)}:${moved(thread)}`)
      .replace(/(?<=tcp:\/\/[\d.]+:)\d+/, moved)
      .replace(/(?<=peer \S+<)\d+(?=>)/, moved),
  }))
}

/** The journal's lines of a crash loop: exits, and readiness probes while a container that opens no port runs. */
export function crashLoopJournal({ starts, exits }: CrashLoop, scenario: Scenario, exitCode: number): LogLine[] {
  return [
    ...exits.flatMap((at, attempt) => containerExit(at, scenario, exitCode, attempt)),
    ...starts.flatMap((at, index) => readinessProbes(at + 20_000, scenario, exits[index + 1] ?? endOf(scenario))),
  ]
}

/** Lines of kubelet and containerd about a container that exits, before kubelet's restart number `attempt`. */
export function containerExit(at: number, scenario: Scenario, exitCode: number, attempt: number): LogLine[] {
  const { node } = scenario.deployment.placement
  const iso = `${new Date(at).toISOString().slice(0, 19)}Z`
  const backOff = `${backOffS(attempt)}s`
  return [
    journalLine(
      at,
      node,
      'containerd[1846]',
      `time="${iso}" level=info msg="shim disconnected" id=7f0c21aa94de${attempt} namespace=k8s.io`,
    ),
    kubeletLine(
      at + 400,
      node,
      'I',
      `kuberuntime_container.go:808] "Container exited" pod="serving/vllm-0" containerName="vllm" exitCode=${exitCode}`,
    ),
    kubeletLine(
      at + 900,
      node,
      'E',
      `pod_workers.go:1301] "Error syncing pod, skipping" err="failed to \\"StartContainer\\" for \\"vllm\\" with CrashLoopBackOff: \\"back-off ${backOff} restarting failed container=vllm pod=vllm-0_serving\\"" pod="serving/vllm-0"`,
    ),
  ]
}

/** Readiness probes of a container that opens no port, every 30 s. */
export function readinessProbes(from: number, scenario: Scenario, end: number): LogLine[] {
  const lines: LogLine[] = []
  for (let at = from; at < end; at += 30_000) {
    lines.push(
      kubeletLine(
        at,
        scenario.deployment.placement.node,
        'W',
        'prober.go:120] "Probe failed" probeType="Readiness" pod="serving/vllm-0" containerName="vllm" probeResult="failure" output="Get \\"http://10.42.2.30:8000/health\\": dial tcp 10.42.2.30:8000: connect: connection refused"',
      ),
    )
  }
  return lines
}

/** Access log of an old container that served requests before the window, and its orderly exit. */
export function oldContainer(scenario: Scenario, start: number, requests = 60): LogLine[] {
  const client = clients(scenario)
  const text = (time: number, line: string): LogLine => ({ time, text: `${api} INFO:     ${line}` })
  return [
    ...Array.from({ length: requests }, (_, index) =>
      text(start - 950_000 + (index * 900_000) / requests, `${client()} - "POST /v1/chat/completions HTTP/1.1" 200 OK`),
    ),
    text(start - 43_000, 'Shutting down'),
    text(start - 42_000, 'Waiting for application shutdown.'),
    text(start - 42_000, 'Application shutdown complete.'),
    text(start - 42_000, 'Finished server process [1]'),
  ]
}

/** Registers and a call trace, as the kernel prints them after many messages. */
export function callTrace(
  cpu: number,
  pid: number,
  comm: string,
  symbols: readonly string[],
  taint = 'P           OE',
): string[] {
  return [
    `CPU: ${cpu} PID: ${pid} Comm: ${comm} Tainted: ${taint}     ${kernel}`,
    `Hardware name: ${hardware}`,
    'Call Trace:',
    ' <TASK>',
    ...symbols.map((symbol) => ` ${symbol}`),
    ' </TASK>',
  ]
}
