import { isObject, type UnknownObject } from '../../router/json/json.ts'
import { newestVersion } from '../arguments/argument-table.ts'
import { type Container, indices, launchOfCommand, launchOfContainer, resourcesOf } from './container-launch.ts'
import { documentsIn, type Launch, launchOfValue } from './engine-arguments.ts'
import { openPart, openParts, readShell } from './shell-commands.ts'

// Reads documents that say how the engine was started: a Kubernetes manifest, a compose file, the output of docker
// inspect, or the arguments alone. What a document is follows from its content, not from its name.

/** Reads a file of any of these forms, or a shell script. @param isData whether its name is that of YAML or JSON. */
export function launchOfText(text: string, isData: boolean, version = newestVersion()): Launch | undefined {
  const documents = documentsIn(text)
  const containers = documents.flatMap((document) => [...containersIn(document)])
  const launches = containers.flatMap((container) => launchOfContainer(container, version) ?? [])
  const [launch] = launches
  if (launch !== undefined) {
    const several = launches.length === 1 ? [] : [`${launches.length} containers run vLLM, of which the first counts.`]
    return { ...launch, notes: [...launch.notes, ...several] }
  }
  if (documents.some(isStructured)) return undefined
  const command = launchOfCommand(text, version)
  if (command !== undefined && !isData) return command
  for (const document of documents) {
    const found = launchOfValue(document, version)
    if (found !== undefined) return found
  }
  return command
}

/** Whether a document has containers of its own, and is not a list of arguments. */
function isStructured(document: unknown): boolean {
  return isManifest(document) || isCompose(document) || (Array.isArray(document) && document.some(isInspected))
}

function* containersIn(document: unknown): Generator<Container> {
  if (isManifest(document)) yield* containersOfManifest(document)
  else if (isCompose(document)) {
    for (const service of Object.values(document['services'])) if (isObject(service)) yield containerOfService(service)
  } else {
    for (const item of Array.isArray(document) ? document : [document]) {
      if (isInspected(item)) yield containerOfInspection(item)
    }
  }
}

function isManifest(value: unknown): value is UnknownObject {
  return isObject(value) && typeof value['kind'] === 'string' && value['apiVersion'] !== undefined
}

function isCompose(value: unknown): value is UnknownObject & { readonly services: UnknownObject } {
  return isObject(value) && isObject(value['services']) && Object.values(value['services']).some(isObject)
}

function isInspected(value: unknown): value is UnknownObject & { readonly Config: UnknownObject } {
  return isObject(value) && isObject(value['Config']) && ('HostConfig' in value || 'Image' in value['Config'])
}

/** The containers of a manifest, at any depth: those of pod specifications, and those of other resources. */
function* containersOfManifest(manifest: UnknownObject): Generator<Container> {
  const seen = new Set<unknown>()
  for (const parent of objectsIn(manifest)) {
    // The status of a pod is next to its specification.
    const [spec, status] = isObject(parent['spec']) ? [parent['spec'], parent['status']] : [parent, undefined]
    for (const container of objectsOf(spec['containers'])) {
      if (!seen.has(container)) yield containerOfSpec(container, spec, status)
      seen.add(container)
    }
    const isContainer = 'image' in parent && ('args' in parent || 'command' in parent)
    if (isContainer && !seen.has(parent)) yield containerOfSpec(parent, {}, undefined)
  }
}

function containerOfSpec(container: UnknownObject, spec: UnknownObject, status: unknown): Container {
  const env: Record<string, string> = {}
  for (const { name, value } of objectsOf(container['env'])) {
    // A value from a secret is not in the manifest.
    if (typeof name === 'string') env[name] = value === undefined ? openPart(`$${name}`) : String(value)
  }
  const words = [container['command'], container['args']].flatMap((part) => wordsOf(part))
  const limits = objectAt(container, 'resources', 'limits')
  const shared = objectsOf(container['volumeMounts']).find(({ mountPath }) => mountPath === '/dev/shm')
  const volume = objectsOf(spec['volumes']).find(({ name }) => name === shared?.['name'])
  const selector = objectAt(spec, 'nodeSelector')
  const statuses = isObject(status) ? objectsOf(status['containerStatuses']) : []
  const restarts = statuses.find(({ name }) => name === container['name'])?.['restartCount']
  return {
    words: words.map((word) => withVariables(word, env)),
    env,
    resources: resourcesOf(
      {
        memory: limits['memory'],
        cpus: limits['cpu'],
        shm: shared === undefined || volume === undefined ? undefined : objectAt(volume, 'emptyDir')['sizeLimit'],
      },
      'kubernetes',
    ),
    ...named('image', container['image']),
    ...named('node', spec['nodeName'] ?? selector['kubernetes.io/hostname']),
    ...named('gpuModel', selector['nvidia.com/gpu.product']),
    ...(typeof restarts === 'number' ? { engineRestarts: restarts } : {}),
  }
}

/** Kubernetes replaces `$(NAME)` by a variable of the container. */
function withVariables(word: string, env: Readonly<Record<string, string>>): string {
  return word.replace(
    /\$\((\w+)\)/g,
    (written, name: string) => env[name] ?? (/\s/.test(word) ? written : openPart(written)),
  )
}

/** A service of a compose file. */
function containerOfService(service: UnknownObject): Container {
  const limits = objectAt(service, 'deploy', 'resources', 'limits')
  const devices = objectsOf(objectAt(service, 'deploy', 'resources', 'reservations')['devices'])
  const ids = devices.flatMap(({ device_ids: list }) => (Array.isArray(list) ? (indices(list.join(',')) ?? []) : []))
  const image = interpolated(service['image'])
  return {
    words: [service['entrypoint'], service['command']]
      .flatMap((part) => wordsOf(part))
      .map((word) => interpolated(word)),
    env: environmentOf(service['environment']),
    resources: resourcesOf(
      {
        memory: service['mem_limit'] ?? limits['memory'],
        cpus: service['cpus'] ?? limits['cpus'],
        shm: service['ipc'] === 'host' ? undefined : service['shm_size'],
      },
      'docker',
    ),
    ...(image === '' ? {} : { image }),
    ...(ids.length === 0 ? {} : { gpus: ids }),
  }
}

/** Compose replaces `${NAME:-default}` as a shell does. */
function interpolated(value: unknown): string {
  if (typeof value !== 'string') return ''
  if (!value.includes('$') || openParts(value).length > 0) return value
  return readShell(`"${value.replace(/(["\\`])/g, '\\$1')}"`).commands[0]?.words[0] ?? ''
}

/** A container in the output of `docker inspect`. */
function containerOfInspection(inspected: UnknownObject & { readonly Config: UnknownObject }): Container {
  const { Config: config, RestartCount: restarts } = inspected
  const host = objectAt(inspected, 'HostConfig')
  const ids = objectsOf(host['DeviceRequests']).flatMap(({ DeviceIDs: list }) =>
    Array.isArray(list) ? (indices(list.join(',')) ?? []) : [],
  )
  const nano = host['NanoCpus']
  return {
    words: [config['Entrypoint'], config['Cmd']].flatMap((part) => wordsOf(part)),
    env: environmentOf(config['Env']),
    resources: resourcesOf(
      {
        memory: host['Memory'],
        cpus: typeof nano === 'number' ? nano / 1e9 : undefined,
        shm: host['IpcMode'] === 'host' ? undefined : host['ShmSize'],
      },
      'docker',
    ),
    ...named('image', config['Image']),
    ...(ids.length === 0 ? {} : { gpus: ids }),
    ...(typeof restarts === 'number' ? { engineRestarts: restarts } : {}),
  }
}

/** An environment as a list of `NAME=value` or as an object. */
function environmentOf(value: unknown): Record<string, string> {
  const pairs = Array.isArray(value)
    ? value.map((pair): readonly [string, unknown] => {
        const [, name = String(pair), content] = /^([^=]+)=(.*)$/s.exec(String(pair)) ?? []
        return [name, content]
      })
    : isObject(value)
      ? Object.entries(value)
      : []
  return Object.fromEntries(
    pairs.map(([name, content]) => [
      name,
      content === undefined || content === null ? openPart(`$${name}`) : interpolated(String(content)),
    ]),
  )
}

/** Words of a command: a list, or text that is split as a shell does. */
function wordsOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.map(String)
  if (typeof value !== 'string') return []
  return readShell(value.replaceAll('\n', ' ')).commands.flatMap(({ words }) => words)
}

function named<Name extends string>(name: Name, value: unknown): { readonly [Key in Name]?: string } {
  const entry: { [Key in Name]?: string } = {}
  if (typeof value === 'string' && value !== '') entry[name] = value
  return entry
}

function objectAt(value: unknown, ...path: readonly string[]): UnknownObject {
  const found = path.reduce<unknown>((parent, name) => (isObject(parent) ? parent[name] : undefined), value)
  return isObject(found) ? found : {}
}

function objectsOf(value: unknown): readonly UnknownObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

function* objectsIn(value: unknown, depth = 0): Generator<UnknownObject> {
  if (depth > 20) return
  if (Array.isArray(value)) for (const item of value) yield* objectsIn(item, depth + 1)
  else if (isObject(value)) {
    yield value
    for (const member of Object.values(value)) yield* objectsIn(member, depth + 1)
  }
}
