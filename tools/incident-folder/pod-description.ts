import { type Container, launchOfContainer, resourcesOf } from './container-launch.ts'
import type { Launch } from './engine-arguments.ts'
import { openPart } from './shell-commands.ts'

// Reads `kubectl describe pod`: the node, the containers with their limits, and how often they were restarted.

/** A line with the lines that are indented below it. */
interface Entry {
  /** The text before the first colon; the whole text without one. */
  readonly name: string
  /** The text after the first colon. */
  readonly value: string
  /** The whole line without its indentation. */
  readonly text: string
  readonly entries: Entry[]
}

/** The launch of the first container that runs vLLM; `undefined` if no pod has one. */
export function launchOfPodDescription(text: string): Launch | undefined {
  for (const pod of text.split(/^(?=Name:\s)/m)) {
    const entries = entriesOf(pod)
    for (const container of find(entries, 'Containers')?.entries ?? []) {
      const launch = launchOfContainer(containerOf(container, entries))
      if (launch !== undefined) return launch
    }
  }
  return undefined
}

/** Whether a text is the description of a resource. */
export function isDescription(text: string): boolean {
  return /^\s*Name:\s+\S/.test(text) && /^(?:Events|Containers|Conditions|Pod Template):/m.test(text)
}

function containerOf(container: Entry, pod: readonly Entry[]): Container {
  const value = (name: string) => find(container.entries, name)?.value || undefined
  const lines = (name: string) => (find(container.entries, name)?.entries ?? []).flatMap(linesOf)
  const limits = find(container.entries, 'Limits')?.entries ?? []
  const command = lines('Command')
  const shell = /^-\w*c$/.test(command.at(-1) ?? '')
  const args = lines('Args')
  const env = (find(container.entries, 'Environment')?.entries ?? []).map(
    ({ name, value: written }) => [name, written.startsWith('<set to') ? openPart(`$${name}`) : written] as const,
  )
  const volume = lines('Mounts').flatMap((line) => /^\/dev\/shm from (\S+)/.exec(line)?.[1] ?? [])[0]
  const shared = find(find(pod, 'Volumes')?.entries ?? [], volume ?? '')?.entries ?? []
  const node = find(pod, 'Node')?.value.replace(/\/.*$/, '')
  const product = /nvidia\.com\/gpu\.product=(\S+)/.exec(pod.flatMap(linesOf).join('\n'))?.[1]
  const restarts = value('Restart Count')
  const image = value('Image')
  return {
    // The lines of a shell script are one argument.
    words: [...command, ...(shell && args.length > 0 ? [args.join('\n')] : args)],
    env: Object.fromEntries(env),
    resources: resourcesOf(
      {
        memory: find(limits, 'memory')?.value,
        cpus: find(limits, 'cpu')?.value,
        shm: find(shared, 'SizeLimit')?.value,
      },
      'kubernetes',
    ),
    ...(image === undefined ? {} : { image }),
    ...(node === undefined || node === '' || node === '<none>' ? {} : { node }),
    ...(product === undefined ? {} : { gpuModel: product }),
    ...(restarts !== undefined && /^\d+$/.test(restarts) ? { engineRestarts: Number(restarts) } : {}),
  }
}

function find(entries: readonly Entry[], name: string): Entry | undefined {
  return entries.find((entry) => entry.name === name)
}

function linesOf({ text, entries }: Entry): string[] {
  return [text, ...entries.flatMap(linesOf)]
}

function entriesOf(text: string): readonly Entry[] {
  const root: Entry[] = []
  const parents: { readonly indent: number; readonly entries: Entry[] }[] = [{ indent: -1, entries: root }]
  for (const line of text.split('\n')) {
    const content = line.trim()
    if (content === '') continue
    const indent = line.length - line.trimStart().length
    while (indent <= (parents.at(-1)?.indent ?? -1)) parents.pop()
    const [, name = content, value = ''] = /^([^:]+):(?:\s+(.*))?$/.exec(content) ?? []
    const entry: Entry = { name, value, text: content, entries: [] }
    parents.at(-1)?.entries.push(entry)
    parents.push({ indent, entries: entry.entries })
  }
  return root
}
