import type { ReportFacts } from './report-schema.ts'
import { type Deployment, isVariableName, operand, valueWord } from './shell-commands.ts'

// Steps on the host of the engine: nodes, environment variables and resources. Those that change `before` into `after`.

/** One step, with its commands. */
export type Step = ReportFacts['fix_steps'][number]

/** A node of a deployment with the environment of its ranks. */
interface Host {
  readonly node: string
  readonly env: Readonly<Record<string, string>>
}

function hostsOf({ placement, env }: Deployment): readonly Host[] {
  return [{ node: placement.node, env }, ...(placement.peers ?? [])]
}

/** Nodes that only `before` uses. */
function leftNodes(before: Deployment, after: Deployment): readonly string[] {
  const used = hostsOf(after).map(({ node }) => node)
  return hostsOf(before).flatMap(({ node }) => (used.includes(node) ? [] : [node]))
}

/** The nodes that the deployment leaves are emptied. */
export function drainSteps(before: Deployment, after: Deployment): Step[] {
  const entered = leftNodes(after, before)
  return leftNodes(before, after).map((node, index) => ({
    title: `Take ${node} out of service; the deployment moves to ${entered[index] ?? 'a spare node'}.`,
    commands: [
      `kubectl cordon ${operand(node)}`,
      `kubectl drain --ignore-daemonsets --delete-emptydir-data ${operand(node)}`,
    ],
    note: 'This ends all pods of the node and deletes their emptyDir volumes. Without Kubernetes: stop the engine on this node, and start nothing there.',
  }))
}

/** The nodes that a fix has emptied get work again. */
export function returnSteps(before: Deployment, after: Deployment): Step[] {
  return leftNodes(before, after).map((node) => ({
    title: `Return ${node} to service.`,
    commands: [`kubectl uncordon ${operand(node)}`],
    note: 'Only after the node is repaired: until then the fault returns.',
  }))
}

/** Environment variables that differ, host by host. Hosts with the same differences are one step. */
export function environmentSteps(before: Deployment, after: Deployment): Step[] {
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
  return [...byCommands.values()].map(({ changes, nodes }) => environmentStep(changes, nodes, hosts))
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

function environmentStep(changes: readonly Change[], nodes: readonly string[], hosts: readonly Host[]): Step {
  const words = changes.map(({ name, from, to }) => {
    if (to === undefined) return `remove ${name} (was ${valueWord(name, from ?? '')})`
    return `set ${name} to ${valueWord(name, to)} (${from === undefined ? 'new' : `was ${valueWord(name, from)}`})`
  })
  const where = hosts.length === 1 ? '' : ` On ${nodes.join(', ')}.`
  const unnamed = changes.flatMap(({ name }) => (isVariableName(name) ? [] : [name]))
  const spread =
    hosts.length === 1
      ? []
      : [
          `The deployment has ${hosts.length} nodes: ${hosts.map(({ node }) => node).join(', ')}. With Ray, set it before ray start on the node.`,
        ]
  const text = words.join(', ')
  return {
    title: `Change the environment of the engine: ${text}.${where}`,
    commands: changes
      .filter(({ name }) => isVariableName(name))
      .map(({ name, to }) => (to === undefined ? `unset ${name}` : `export ${name}=${valueWord(name, to)}`)),
    note: [
      ...spread,
      'In Kubernetes, Compose or systemd, change env, environment or Environment= instead.',
      ...unnamed.map((name) => `A shell cannot set ${name}.`),
    ].join(' '),
  }
}

/** Limits of the container, as people write them. */
const resources: readonly {
  readonly name: keyof Deployment['resources']
  readonly label: string
  readonly unit: string
  readonly how: (value: number) => string
}[] = [
  {
    name: 'host_memory_gb',
    label: 'host memory',
    unit: ' GiB',
    how: (value) => `In Kubernetes: resources.limits.memory: ${value}Gi. With Docker: --memory ${value}g.`,
  },
  {
    name: 'cpu_cores',
    label: 'CPU cores',
    unit: '',
    how: (value) => `In Kubernetes: resources.limits.cpu: ${value}. With Docker: --cpus ${value}.`,
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
export function resourceSteps(before: Deployment, after: Deployment): Step[] {
  return resources.flatMap(({ name, label, unit, how }): Step[] => {
    const [from, to] = [before.resources[name], after.resources[name]]
    if (from === to) return []
    if (to === undefined) return [{ title: `Restore the earlier limit of the ${label}.`, commands: [], note: null }]
    const was = from === undefined ? '' : ` (was ${from}${unit})`
    return [{ title: `Set the limit of the ${label} to ${to}${unit}${was}.`, commands: [], note: how(to) }]
  })
}
