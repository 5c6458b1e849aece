import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { UnknownObject } from '../../router/json/json.ts'
import { unknown } from '../scenario-source.ts'
import type { Launch } from './engine-arguments.ts'
import type { ObservedGpu } from './gpu-statistics.ts'
import type { IncidentDocument } from './incident-document.ts'
import type { StoredPage } from './metrics-pages.ts'

/** The sources of a deployment, the most specific first: what the user states, then what the files show. */
interface DeploymentSources {
  readonly id: string
  readonly incident: IncidentDocument
  readonly gpus: readonly ObservedGpu[]
  readonly page: StoredPage | undefined
  readonly launch: Launch | undefined
  readonly modelConfig: UnknownObject | undefined
  readonly engineLog: readonly string[]
}

/** The deployment that the files state, and the paths of what none of them states. */
export function deploymentFrom(sources: DeploymentSources): {
  readonly deployment: DeploymentConfig
  readonly notStated: readonly string[]
} {
  const { id, incident, gpus, page, launch, modelConfig, engineLog } = sources
  const notStated: string[] = []
  const stated = <T, U>(path: string, value: T | undefined, otherwise: U): T | U => {
    if (value !== undefined) return value
    notStated.push(path)
    return otherwise
  }
  const image = incident.image ?? launch?.image
  const version = incident.vllm_version ?? versionIn(engineLog) ?? versionOfImage(image)
  // A file can state the image of the engine without its arguments.
  const engineArgs = launch?.engineArgs ?? {}
  if (launch === undefined) notStated.push('engine_args')
  notStated.push(...(launch?.open ?? []).filter((path) => path !== 'model'))
  const amounts = (['host_memory_gb', 'cpu_cores', 'shm_gb'] as const).flatMap((name) => {
    const value = incident[name] ?? launch?.resources[name]
    if (value === undefined) notStated.push(`resources.${name}`)
    return value === undefined ? [] : [[name, value] as const]
  })
  const ids = gpus.map(({ id: gpu }) => gpu)
  const ownGpus = launch?.gpus === undefined ? undefined : [...launch.gpus]
  const deployment: DeploymentConfig = {
    config_id: `${id}/initial`,
    scenario: id,
    model: stated('model', incident.model ?? launch?.model ?? servedModel(page), unknown),
    ...(modelConfig === undefined ? {} : { model_config: { ...modelConfig } }),
    image: stated('image', image, unknown),
    vllm_version: stated('vllm_version', version, unknown),
    engine_args: { ...engineArgs },
    env: { ...launch?.env },
    resources: Object.fromEntries(amounts),
    placement: {
      node: stated('placement.node', incident.node ?? launch?.node, unknown),
      gpu_model: stated('placement.gpu_model', incident.gpu_model ?? gpus[0]?.name ?? launch?.gpuModel, unknown),
      gpus: stated('placement.gpus', ownGpus ?? (ids.length > 0 ? ids : undefined), null),
      driver_version: stated(
        'placement.driver_version',
        incident.driver_version ?? gpus[0]?.driver ?? undefined,
        unknown,
      ),
      spare_nodes: stated<DeploymentConfig['placement']['spare_nodes'], []>('placement.spare_nodes', undefined, []),
    },
    history: {
      engine_restarts: stated('history.engine_restarts', launch?.engineRestarts, null),
      gpu_resets: stated<number[], null>('history.gpu_resets', undefined, null),
    },
  }
  return { deployment, notStated }
}

function versionIn(lines: readonly string[]): string | undefined {
  // "vLLM API server version 0.15.0", "Initializing a V1 LLM engine (v0.15.0) with config"
  const pattern =
    /\bvLLM API server version v?(\d+\.\d+\.\d+\S*)|\bLLM engine \(v?(\d+\.\d+\.\d+[^)]*)\)|\bversion +v?(\d+\.\d+\.\d+\S*)$/
  for (const line of lines.slice(0, 4_000)) {
    const match = /vLLM|LLM engine|█|▄/.test(line) ? pattern.exec(line) : null
    const version = match?.[1] ?? match?.[2] ?? match?.[3]
    if (version !== undefined) return version
  }
  return undefined
}

function versionOfImage(image: string | undefined): string | undefined {
  return /:v?(\d+\.\d+\.\d+)/.exec(image ?? '')?.[1]
}

/** The model that a page names; `undefined` if it names several, such as LoRA adapters. */
function servedModel(page: StoredPage | undefined): string | undefined {
  const names = new Set(page?.samples.flatMap(({ labels }) => labels['model_name'] ?? []))
  const [name] = names
  return names.size === 1 ? name : undefined
}
