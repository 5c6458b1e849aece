import { usedGpus } from './environment.ts'
import type { ReportFacts } from './report-schema.ts'
import { kubectl, owner, ownerNote, podName, type RunningEngine } from './running-engine.ts'
import { blank, type Deployment, isVariableName, operand, shellWord, valueWord } from './shell-commands.ts'

// Steps on the host of the engine: nodes, environment variables and resources. Those that change `before` into `after`.

/** One step, with its commands. */
export type Step = ReportFacts['fix_steps'][number]

/** A node of a deployment with the environment of its ranks. */
export interface Host {
  /** Name of the node. */
  readonly node: string
  /** Environment variables of the ranks on it. */
  readonly env: Readonly<Record<string, string>>
}

/** All nodes of a deployment, that of the engine first. */
export function hostsOf({ placement, env }: Deployment): readonly Host[] {
  return [{ node: placement.node, env }, ...(placement.peers ?? [])]
}

/** Nodes that only `before` uses. */
function leftNodes(before: Deployment, after: Deployment): readonly string[] {
  const used = hostsOf(after).map(({ node }) => node)
  return hostsOf(before).flatMap(({ node }) => (used.includes(node) ? [] : [node]))
}

/** The nodes that the deployment leaves are emptied, after a look at the nodes that replace them. */
export function drainSteps(before: Deployment, after: Deployment, { manager }: RunningEngine): Step[] {
  const entered = leftNodes(after, before)
  return leftNodes(before, after).flatMap((node, index): Step[] => {
    const target = entered[index]
    const moves =
      manager?.kind === 'pod' ? ` Kubernetes starts the pod ${podName(manager)} again on a free node by itself.` : ''
    return [
      ...(target === undefined ? [] : [targetStep(target, before)]),
      {
        title: `Empty ${node}. Caution: this ends all its pods, also those of others, and deletes their emptyDir volumes.`,
        commands: [
          `kubectl cordon ${operand(node)}`,
          `kubectl drain --ignore-daemonsets --delete-emptydir-data ${operand(node)}`,
        ],
        note: `Without Kubernetes: stop the engine on this node, and start nothing there.${moves}`,
      },
    ]
  })
}

/** Nobody has looked at the node that a deployment moves to. */
function targetStep(node: string, { placement, model, engine_args }: Deployment): Step {
  const gpus = placement.gpus === null ? '' : `${usedGpus(engine_args, placement.gpus.length)} free `
  return {
    title: `Check ${node}, the first spare node of the configuration. No tool has looked at it.`,
    commands: [`kubectl get node ${operand(node)}`, `kubectl describe node ${operand(node)}`],
    note: `It must be Ready and schedulable, have ${gpus}GPUs of the kind ${placement.gpu_model}, and have the weights of ${model} or be able to load them. If not, choose another node.`,
  }
}

/** The nodes that a fix has emptied get work again. */
export function returnSteps(before: Deployment, after: Deployment): Step[] {
  return leftNodes(before, after).map((node) => ({
    title: `Only after ${node} is repaired and tested: return it to service. Until then the fault returns.`,
    commands: [`kubectl uncordon ${operand(node)}`],
    note: null,
  }))
}

/** Environment variables that differ, host by host. Hosts with the same differences are one step. */
export function environmentSteps(before: Deployment, after: Deployment, { manager }: RunningEngine): Step[] {
  const hosts = hostsOf(after)
  const byCommands = new Map<string, { readonly changes: readonly Change[]; readonly nodes: string[] }>()
  for (const [index, { env: from }] of hostsOf(before).entries()) {
    const host = hosts[index]
    const changes = host === undefined ? [] : changesOf(from, host.env)
    if (host === undefined || changes.length === 0) continue
    const key = JSON.stringify(changes)
    const group = byCommands.get(key)
    if (group === undefined) byCommands.set(key, { changes, nodes: [host.node] })
    else group.nodes.push(host.node)
  }
  return [...byCommands.values()].map(({ changes, nodes }) => {
    const unnamed = changes.flatMap(({ name }) => (isVariableName(name) ? [] : [name]))
    const named = changes.filter(({ name }) => isVariableName(name))
    const { commands, note } = setVariables(named, nodes, after, manager)
    return {
      title: `Change the environment of the engine${hosts.length === 1 ? '' : ` on ${nodes.join(' and on ')}`}: ${changes.map(changeWords).join(', ')}.`,
      commands,
      note: [...note, ...transferNote(after), ...unnamed.map((name) => `A shell cannot set ${name}.`)].join(' '),
    }
  })
}

/** A variable that differs. `undefined`: not set. */
interface Change {
  readonly name: string
  readonly from: string | undefined
  readonly to: string | undefined
}

function changesOf(from: Host['env'], to: Host['env']): readonly Change[] {
  const valueIn = (env: Host['env'], name: string) => (Object.hasOwn(env, name) ? env[name] : undefined)
  return [...new Set([...Object.keys(from), ...Object.keys(to)])].flatMap((name) => {
    const change = { name, from: valueIn(from, name), to: valueIn(to, name) }
    return change.from === change.to ? [] : [change]
  })
}

/** The engines of a transfer of KV blocks must agree, and a deployment has only one of them. */
function transferNote({ engine_args }: Deployment): readonly string[] {
  return engine_args['kv_transfer_config'] == null
    ? []
    : ['Change the other engine of the KV transfer in the same way.']
}

function changeWords({ name, from, to }: Change): string {
  if (to === undefined) return `remove ${name} (was ${valueWord(name, from ?? '')})`
  return `set ${name}=${valueWord(name, to)} (${from === undefined ? 'new' : `was ${valueWord(name, from)}`})`
}

/** Whether Ray starts the workers of a deployment. */
export function usesRay({ engine_args: { distributed_executor_backend: backend } }: Deployment): boolean {
  return backend === 'ray'
}

/** Commands that change variables, in the form of what starts the processes on these nodes. */
function setVariables(
  changes: readonly Change[],
  nodes: readonly string[],
  config: Deployment,
  manager: RunningEngine['manager'],
): { readonly commands: string[]; readonly note: readonly string[] } {
  const hosts = hostsOf(config)
  const exports = changes.map(({ name, to }) =>
    to === undefined ? `unset ${name}` : `export ${name}=${valueWord(name, to)}`,
  )
  const count =
    hosts.length === 1 ? [] : [`The deployment has ${hosts.length} nodes: ${hosts.map(({ node }) => node).join(', ')}.`]
  if (changes.length === 0) return { commands: [], note: count }
  const isRay = usesRay(config) && hosts.length > 1
  if (manager?.kind === 'pod') {
    const words = changes.map(({ name, to }) => (to === undefined ? `${name}-` : `${name}=${valueWord(name, to)}`))
    const target = hosts.length === 1 ? owner : blank('kind/name of that pod')
    const where = nodes.map(
      (node) => `${kubectl(manager)} get pods -o wide --field-selector ${shellWord(`spec.nodeName=${node}`)}`,
    )
    const ray = isRay
      ? `Without Kubernetes, on that node: ray stop, then ${exports.join(', then ')}, then ray start in the same shell. Running Ray workers keep their environment.`
      : `Without Kubernetes: ${exports.join(', then ')}, in the shell that starts the engine.`
    return {
      commands: [...(hosts.length === 1 ? [] : where), `${kubectl(manager)} set env ${target} ${words.join(' ')}`],
      note: [...count, hosts.length === 1 ? ownerNote(manager) : 'This restarts the pods of that node.', ray],
    }
  }
  if (manager?.kind === 'unit' && !isRay) {
    return {
      commands: [`systemctl edit ${manager.name}`],
      note: [...count, `In [Service], change Environment=: ${exports.join(', ')}.`],
    }
  }
  const manifest = 'In Kubernetes, Compose or systemd, change env, environment or Environment= instead.'
  if (!isRay) return { commands: exports, note: [...count, 'Use this shell for the start of the engine.', manifest] }
  const isHead = nodes.includes(config.placement.node)
  return {
    commands: [
      'ray stop',
      ...exports,
      `ray start ${isHead ? '--head' : `--address=${blank('address of the head node:6379')}`}`,
    ],
    note: [
      ...count,
      `Run this ${nodes.length > 1 ? 'on each of these nodes, the head first' : 'on that node'}, in one shell: running Ray workers keep their environment.`,
      manifest,
    ],
  }
}

/** Limits of the container, as people write them. */
const resources: readonly {
  readonly name: keyof Deployment['resources']
  readonly label: string
  readonly unit: string
  readonly how: (value: number) => string
  /** The limit as kubectl takes it; absent if it has none. */
  readonly limit?: (value: number) => string
}[] = [
  {
    name: 'host_memory_gb',
    label: 'host memory',
    unit: ' GiB',
    how: (value) => `In Kubernetes: resources.limits.memory: ${value}Gi. With Docker: --memory ${value}g.`,
    limit: (value) => `memory=${value}Gi`,
  },
  {
    name: 'cpu_cores',
    label: 'CPU cores',
    unit: '',
    how: (value) => `In Kubernetes: resources.limits.cpu: ${value}. With Docker: --cpus ${value}.`,
    limit: (value) => `cpu=${value}`,
  },
  {
    name: 'shm_gb',
    label: 'shared memory',
    unit: ' GiB',
    how: (value) =>
      `In Kubernetes: an emptyDir with medium: Memory and sizeLimit: ${value}Gi at /dev/shm. With Docker: --shm-size ${value}g.`,
  },
]

/** Limits of the container that differ. */
export function resourceSteps(before: Deployment, after: Deployment, { manager }: RunningEngine): Step[] {
  return resources.flatMap(({ name, label, unit, how, limit }): Step[] => {
    const [from, to] = [before.resources[name], after.resources[name]]
    if (from === to) return []
    if (to === undefined) return [{ title: `Restore the earlier limit of the ${label}.`, commands: [], note: null }]
    const was = from === undefined ? '' : ` (was ${from}${unit})`
    const title = `Set the limit of the ${label} to ${to}${unit}${was}.`
    if (manager?.kind !== 'pod' || limit === undefined) return [{ title, commands: [], note: how(to) }]
    const command = `${kubectl(manager)} set resources ${owner} -c ${manager.container} --limits=${limit(to)}`
    return [{ title, commands: [command], note: `This restarts the pod. ${ownerNote(manager)}` }]
  })
}
