import type { EngineArgumentValue } from '../../../fixtures/deployment.ts'
import { logSources } from '../../../fixtures/scenario.ts'
import { serverArgumentsOfLog } from '../../../tools/incident-folder/engine-arguments.ts'
import type { Incident } from '../../../tools/scenario-source.ts'
import { blank } from './shell-commands.ts'

/** The process of the engine as the logs of an incident show it. Commands for people follow from it. */
export interface RunningEngine {
  /** Manager of the process: a pod, a unit of systemd, or `undefined` if no log shows it. */
  readonly manager: Pod | Unit | undefined
  /** Arguments of its HTTP server, such as host and port, as it logged them or a file states them. */
  readonly server: Readonly<Record<string, EngineArgumentValue>>
}

/** A pod of Kubernetes that runs the engine. The logs do not name its owner. */
export interface Pod {
  /** Tells it from a unit. */
  readonly kind: 'pod'
  /** Namespace; `undefined` if no log names it. */
  readonly namespace: string | undefined
  /** Name of the pod. */
  readonly name: string
  /** Container of the engine in the pod. */
  readonly container: string
}

/** A unit of systemd that runs the engine. */
export interface Unit {
  /** Tells it from a pod. */
  readonly kind: 'unit'
  /** Name of the unit with its suffix: `vllm.service`. */
  readonly name: string
}

/** An engine of which no log is known. */
export const unseenEngine: RunningEngine = { manager: undefined, server: {} }

/** Names of Kubernetes and systemd. A line of a log is not trusted, so nothing else is taken from it. */
const kubelet = /pod="([a-z0-9.-]{1,63})\/([a-z0-9.-]{1,200})" containerName="([a-z0-9-]{1,63})"/
const logPrefix = /^\[pod\/([a-z0-9.-]{1,200})\/([a-z0-9-]{1,63})\]/
const unit = /\b([\w-]{0,60}vllm[\w-]{0,60}\.service)\b/

/** Reads the logs of an incident for the way in which its engine runs. */
export function runningEngine(incident: Incident): RunningEngine {
  const lines = logSources.flatMap((source) => incident.log(source) ?? [])
  const stated = 'observation' in incident ? incident.observation.server : undefined
  const server = { ...serverArgumentsOfLog(incident.log('vllm') ?? []), ...stated }
  return { manager: podIn(lines) ?? unitIn(lines), server }
}

/** The kubelet names pod and container; the prefix of kubectl logs has no namespace. */
function podIn(lines: readonly string[]): Pod | undefined {
  for (const line of lines.toReversed()) {
    const [, namespace, name, container] = kubelet.exec(line) ?? []
    if (name !== undefined && container !== undefined && /vllm/.test(`${name} ${container}`)) {
      return { kind: 'pod', namespace, name, container }
    }
  }
  const [, name, container] = lines.map((line) => logPrefix.exec(line)).find((found) => found !== null) ?? []
  return name === undefined || container === undefined
    ? undefined
    : { kind: 'pod', namespace: undefined, name, container }
}

/** The last unit of systemd that is named after vLLM. */
function unitIn(lines: readonly string[]): Unit | undefined {
  const name = lines.map((line) => unit.exec(line)?.[1]).findLast((found) => found !== undefined)
  return name === undefined ? undefined : { kind: 'unit', name }
}

/** The URL of the engine on its own node. */
export function engineUrl({ server }: RunningEngine): string {
  const port = server['port']
  const scheme = server['ssl_certfile'] == null ? 'http' : 'https'
  return `${scheme}://127.0.0.1:${typeof port === 'number' ? port : 8000}`
}

/** `kubectl` in the namespace of a pod. */
export function kubectl({ namespace }: Pod): string {
  return `kubectl -n ${namespace ?? blank('namespace')}`
}

/** A pod as people name it. */
export function podName({ namespace, name }: Pod): string {
  return namespace === undefined ? name : `${namespace}/${name}`
}

/** The workload that owns the pod, which the reader fills in. */
export const owner = blank('kind/name')

/** The meaning of {@link owner}, as a note. */
export function ownerNote({ name }: Pod): string {
  return `<kind/name> is the owner of the pod ${name}, for example statefulset/vllm.`
}
